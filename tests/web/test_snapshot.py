"""How often a fleet is diagnosed."""

from collections.abc import Mapping
from datetime import UTC, datetime

from exporter.diagnosis.fleet import Fleet
from exporter.web.snapshot import MIN_SECONDS, Snapshots
from tests.support.clocks import FakeClock, StoppedClock
from tests.support.fleets import fleet_of
from tests.support.objects import manifest

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


class Reads(StoppedClock):
    """Counts readings of a fleet, each of which takes `seconds` of a clock that only they advance."""

    def __init__(self, seconds: float) -> None:
        super().__init__(MIDNIGHT)
        self.seconds = seconds
        self.count = 0

    def __call__(self) -> Fleet:
        self.count += 1
        self.advance(self.seconds)
        return fleet_of(("RayJob", manifest({"jobDeploymentStatus": "Running"})))


def snapshots(reads: Reads) -> Snapshots:
    return Snapshots(reads, reads)


def test_snapshot_is_shared_for_some_seconds() -> None:
    """It is made again only when it is too old."""
    reads = Reads(seconds=0.0)
    shared = snapshots(reads)
    first = shared.newest()
    reads.advance(MIN_SECONDS - 0.1)
    assert shared.newest() is first
    reads.advance(0.1)
    assert shared.newest() is not first
    assert reads.count == 2


def test_slow_snapshot_is_used_longer() -> None:
    """A diagnosis that takes a second is made at most every 25 seconds."""
    reads = Reads(seconds=1.0)
    shared = snapshots(reads)
    shared.newest()
    reads.advance(24.9)
    shared.newest()
    assert reads.count == 1
    reads.advance(0.2)
    shared.newest()
    assert reads.count == 2


def test_snapshot_that_waits_for_the_machine_is_not_used_longer() -> None:
    """What counts is the time of the processor."""
    reads = Reads(seconds=1.0)
    reads.processor = lambda: 0.0  # type: ignore[method-assign]
    shared = snapshots(reads)
    shared.newest()
    reads.advance(MIN_SECONDS)
    shared.newest()
    assert reads.count == 2


def test_pages_lengthen_the_use_of_a_snapshot() -> None:
    """Fifty pages that take 40 ms each are made at most every 50 seconds; more of them wait for at most a minute."""
    reads = Reads(seconds=0.0)
    shared = snapshots(reads)
    shared.newest()
    for _ in range(50):
        shared.charge(0.04)
    reads.advance(51.9)
    shared.newest()
    assert reads.count == 1
    reads.advance(0.2)
    shared.newest()
    assert reads.count == 2
    shared.charge(1000.0)
    reads.advance(60.1)
    shared.newest()
    assert reads.count == 3


def test_the_most_objects_with_findings_of_each_hour_are_remembered() -> None:
    """Of 24 hours, whatever time passes; an hour without a snapshot is not known."""
    clock = FakeClock(MIDNIGHT)
    items = [("RayJob", manifest({"jobDeploymentStatus": "Failed"}, name=f"job-{index}")) for index in range(3)]
    present = items[:0]
    shared = Snapshots(lambda: fleet_of(*present), clock)

    def at(hour: float, failed: int) -> list[Mapping[str, int] | None]:
        clock.now, present[:] = MIDNIGHT + hour * 3600, items[:failed]
        return [*shared.newest().unhealthy]

    assert at(0.0, 0) == [None] * 23 + [{}]
    assert at(0.2, 3) == [None] * 23 + [{"RayJob": 3}]
    assert at(0.4, 1) == [None] * 23 + [{"RayJob": 3}]
    assert at(2.0, 2) == [None] * 21 + [{"RayJob": 3}, None, {"RayJob": 2}]
    assert [at(hour, 2) for hour in range(3, 60)][-1] == [{"RayJob": 2}] * 24


def test_digest_does_not_depend_on_the_time() -> None:
    """An unchanged fleet has an unchanged ETag."""
    reads = Reads(seconds=0.0)
    shared = snapshots(reads)
    first = shared.newest().digest
    reads.advance(MIN_SECONDS)
    assert shared.newest().digest == first
