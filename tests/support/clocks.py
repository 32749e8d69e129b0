"""A clock that tests move, and on which waiting takes no time."""

import threading
import time


class FakeClock:
    """Waiting moves it on; real time passes only so that other threads can run."""

    def __init__(self, now: float = 1_795_449_600.0) -> None:
        self.now = now
        self.waits: list[float] = []

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def processor(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        self.now += seconds
        time.sleep(0.001)
        return stop.is_set()


class StoppedClock(FakeClock):
    """A clock that shows one moment, in Unix seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def time(self) -> float:
        return self._seconds
