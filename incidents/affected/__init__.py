"""Who is affected: by criteria, by lists, typed in, for an account; less those excluded with a reason.

Each affected customer carries which of their data was exposed, how that is known, and which of their
contact points the incident compromised. This is the working set; ``incidents.freeze`` takes snapshots of
it. Every act is kept as a row of ``affected_act`` and is on the audit trail.
"""
