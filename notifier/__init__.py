"""The communications engine: who is told what, on which channel, with what evidence.

It knows nothing of breaches; the ``incidents`` package is built on it.
"""

__version__ = "0.1.0"
HOME_VARIABLE = "NOTIFIER_HOME"
