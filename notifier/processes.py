"""Worker processes that never outlive the process they work for."""

from __future__ import annotations

import multiprocessing
import os
import threading


def end_with_parent() -> None:
    """Let this worker process end as soon as its parent has, however that ended.

    A pool's processes wait for work from each other's pipe, so after a ``kill -9`` of the parent they would
    stay for ever, with the keys in their memory.
    """
    if (parent := multiprocessing.parent_process()) is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()
