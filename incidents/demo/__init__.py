"""The demonstration: the whole path, as a drill, on invented customers and a mail catcher of its own.

It is a drill installation like any other and goes through the same acts as the commands: nothing here
reaches into the store by a way of its own.
"""

from __future__ import annotations

from incidents.demo.home import DemoHome, current_code, make_home
from incidents.demo.mail_house import ARCHIVE
from incidents.demo.path import choose_audience, import_sample, make_ready, release_it
from incidents.demo.sending import Watched, send_all

__all__ = [
    "ARCHIVE",
    "DemoHome",
    "Watched",
    "choose_audience",
    "current_code",
    "import_sample",
    "make_home",
    "make_ready",
    "release_it",
    "send_all",
]
