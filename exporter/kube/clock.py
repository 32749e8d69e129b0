"""Time as an argument: what a test replaces."""

import threading
import time
from typing import Protocol


class Clock(Protocol):
    def time(self) -> float:
        """Return Unix seconds: for what others read. It may jump."""

    def monotonic(self) -> float:
        """Return seconds that never go back: for durations."""

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Wait, or until `stop` is set; return whether it is."""


class SystemClock:
    """The machine's clocks."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        return stop.wait(seconds)
