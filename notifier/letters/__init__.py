"""Letters of an announcement: what is kept of each, printing those that wait, and what became of them.

A step of the channel plan keeps what a letter is set from; the pages are set when a print batch is written.
How a letter looks, and what the mail house gets and sends back, is ``notifier.channels.letter``.
"""
