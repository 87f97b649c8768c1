"""Acknowledgements: a person's word that they have read a notice, or support's word for them.

With it reminders and optional steps of the channel plan end, a channel that the law requires does not. Where
the incident exposed the person's means of signing in or their mailbox, whoever answers may be somebody else:
there it counts only once something besides the notice vouches for the person. What does not count is on
record all the same.
"""

from notifier.acknowledgements.conditions import ACKNOWLEDGED, EXPOSED, TOLD
from notifier.acknowledgements.history import AcknowledgementTold, acknowledgements_of
from notifier.acknowledgements.taking import Acknowledged, Assurance, How, acknowledge

__all__ = [
    "ACKNOWLEDGED",
    "EXPOSED",
    "TOLD",
    "Acknowledged",
    "AcknowledgementTold",
    "Assurance",
    "How",
    "acknowledge",
    "acknowledgements_of",
]
