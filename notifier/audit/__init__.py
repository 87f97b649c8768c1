"""The audit trail: one RFC 6962 Merkle log per deployment, in the public C2SP formats."""
