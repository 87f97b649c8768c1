"""Letters by post: a PDF for a window envelope, batches for a mail house, and what it reports back.

``renderer`` makes one letter; ``batch`` writes many into an archive with a manifest; ``returns`` reads the
mail house's file into receipts. Nothing here knows the store.
"""

from notifier.channels.letter.renderer import LetterRenderer
from notifier.channels.letter.values import ADVICE, EnvelopeForm, Letter, Made, Sender, Unprintable

__all__ = ["ADVICE", "EnvelopeForm", "Letter", "LetterRenderer", "Made", "Sender", "Unprintable"]
