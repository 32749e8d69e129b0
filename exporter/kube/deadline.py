"""A limit on the whole of a blocking read: no timeout of a socket ends one that gets a byte now and then."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def aborted_after(seconds: float, abort: Callable[[], object]) -> Iterator[threading.Event]:
    """Call `abort` from another thread if the block takes longer; the event is set then."""
    is_over = threading.Event()

    def end() -> None:
        is_over.set()
        abort()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield is_over
    finally:
        timer.cancel()
