"""Mailboxes in which bounces arrive: a Maildir, an IMAP folder, and files that people exported.

A message counts as read only once what it reports is on record. Whatever happens in between, a kill for
instance, it is brought once more, and that does no harm.
"""

from notifier.channels.email.inbound.mailboxes.exported import messages_in
from notifier.channels.email.inbound.mailboxes.imap import ImapPoller
from notifier.channels.email.inbound.mailboxes.maildir import MaildirPoller
from notifier.channels.email.inbound.mailboxes.polling import MailboxTrouble, Polled, keep_polling

__all__ = ["ImapPoller", "MailboxTrouble", "MaildirPoller", "Polled", "keep_polling", "messages_in"]
