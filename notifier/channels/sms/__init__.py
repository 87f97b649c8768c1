"""SMS: what a text costs, whom it comes from, hand-over to Twilio, and what its answers and reports mean.

Importing this imports nothing of Twilio's: its client costs a good part of a second and is loaded when a
channel is entered.
"""

from notifier.channels.sms.callback_urls import CallbackUrls
from notifier.channels.sms.callbacks import Callbacks, parse_form
from notifier.channels.sms.preview import Preview, explain
from notifier.channels.sms.segments import Segments, count

__all__ = ["CallbackUrls", "Callbacks", "Preview", "Segments", "count", "explain", "parse_form"]
