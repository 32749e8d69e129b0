"""Logging as pytest has it, around a test that sets it up as the exporter does."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def restored_logging() -> Iterator[None]:
    """Remove the root logger's handlers; afterwards handlers and levels are as they were."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    libraries = {name: logging.getLogger(name).level for name in ("asyncio", "urllib3")}
    root.handlers.clear()  # or the set-up would close pytest's
    try:
        yield
    finally:
        for handler in root.handlers:
            handler.flush()
        logging.captureWarnings(capture=False)
        root.handlers[:] = handlers
        root.setLevel(level)
        for name, old in libraries.items():
            logging.getLogger(name).setLevel(old)
