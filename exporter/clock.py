"""Time as an argument: what tests replace."""

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """The one clock of the exporter: every part that measures time gets it."""

    def time(self) -> float:
        """Return Unix seconds, for what is shown to others. It may jump."""

    def monotonic(self) -> float:
        """Return seconds that never go back, for durations."""

    def processor(self) -> float:
        """Return the processor seconds that this thread has used, for what a part of the program costs."""

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Wait for some seconds or until `stop` is set; return whether it is set."""


class SystemClock:
    """The machine's clocks."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def processor(self) -> float:
        return time.thread_time()

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        return stop.wait(seconds)
