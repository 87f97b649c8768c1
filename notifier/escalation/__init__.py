"""Escalation: the later steps of the channel plan, gone with each person until one of them has arrived.

A step is *due* for somebody when its condition holds (``conditions``); it is then either *taken* (a notice is
made from the approved facts and templates, and a delivery waits for its channel) or *skipped* with the
reason. Both are final and on record, so that at the end of the plan each person has one or the other of
every step, or was reached before. What cannot be decided yet is asked again.
"""
