"""The machine's clock, as all parts use it."""

import threading
import time

from exporter.clock import SystemClock


def test_times_are_the_machines() -> None:
    """Unix seconds for what is shown, and seconds that never go back for durations."""
    clock = SystemClock()
    before, started = time.time(), time.monotonic()
    assert before <= clock.time() <= time.time()
    assert started <= clock.monotonic() <= time.monotonic()


def test_waiting_ends_when_it_is_stopped() -> None:
    """Long before the time is over, and it says so."""
    stop = threading.Event()
    threading.Timer(0.01, stop.set).start()
    assert SystemClock().wait(stop, 60)


def test_waiting_for_the_whole_time_is_no_stop() -> None:
    """The caller goes on."""
    assert not SystemClock().wait(threading.Event(), 0.001)
