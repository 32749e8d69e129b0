"""From objects to lines: of present objects, of deleted ones, and of all lifecycles."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from exporter.collectors.rayjob import RAYJOBS
from exporter.exposition.exposition import Exposition
from exporter.exposition.text import Format
from exporter.families.lifecycle import LifecycleTotals
from exporter.families.namespaces import EMPTY_NAMESPACE_SECONDS
from exporter.families.object_families import ObjectFamilies
from exporter.pipeline import metrics_store as metrics_store_module
from exporter.pipeline.metrics_store import LOG_BURST
from tests.support.bodies import parse
from tests.support.clocks import FakeClock
from tests.support.metrics_stores import metrics_store
from tests.support.objects import decode, manifest

RETAIN_SECONDS = 600.0
COMPLETE = {
    "jobDeploymentStatus": "Complete",
    "jobStatus": "SUCCEEDED",
    "rayClusterName": "a-x1",
    "startTime": "2026-11-23T10:00:10Z",
    "endTime": "2026-11-23T10:01:10Z",
}
FAILED = COMPLETE | {"jobDeploymentStatus": "Failed", "jobStatus": "FAILED", "reason": "AppFailed", "failed": 1}
RETAINED = {
    "kuberay_job_execution_duration_seconds",
    "kuberay_job_start_timestamp_seconds",
    "kuberay_job_end_timestamp_seconds",
    "kuberay_job_status",
    "kuberay_job_failure",
    "kuberay_job_cluster_info",
    "kuberay_job_labels",
}


class Jobs:
    """A metrics store of RayJobs and its clock."""

    def __init__(self, retain_seconds: float = RETAIN_SECONDS) -> None:
        self.clock = FakeClock()
        self.failures = self.dropped = 0
        self.objects = ObjectFamilies(RAYJOBS, user_labels=("*",))
        self.totals: LifecycleTotals[Any] = LifecycleTotals(RAYJOBS, (60.0,), clock=self.clock)
        self.store = metrics_store(
            self.objects,
            self.totals,
            collect_failed=self._fail,
            retain_seconds=retain_seconds,
            retained_dropped=self._drop,
            clock=self.clock,
        )

    def _fail(self) -> None:
        self.failures += 1

    def _drop(self) -> None:
        self.dropped += 1

    def change(self, *versions: dict[str, Any], removed: tuple[dict[str, Any], ...] = ()) -> None:
        self.store.on_change([decode(RAYJOBS, v) for v in versions], [decode(RAYJOBS, v) for v in removed])

    def families(self, uid: str = "1") -> set[str]:
        """Return the families that have a series of this object; the whole body is checked in both formats."""
        self.store.expire()
        exposition = Exposition([self.store], CollectorRegistry())
        families = parse(bytes(exposition.body(Format.TEXT)))
        assert families == parse(bytes(exposition.body(Format.OPENMETRICS)), openmetrics=True)
        return {name for name, family in families.items() if any(("uid", uid) in labels for _, labels in family.series)}


@pytest.mark.parametrize("last", [COMPLETE, FAILED], ids=["complete", "failed"])
def test_marked_families_of_a_finished_job_outlive_it(last: dict[str, Any]) -> None:
    """For as long as was asked; nothing that says that it is still there."""
    jobs = Jobs()
    jobs.change(manifest(last))
    assert jobs.families() > RETAINED - {"kuberay_job_failure"}
    jobs.change(removed=(manifest(last),))
    assert jobs.families() == RETAINED - ({"kuberay_job_failure"} if last is COMPLETE else set())
    jobs.clock.advance(RETAIN_SECONDS - 1)
    assert jobs.families()
    jobs.clock.advance(1)
    assert jobs.families() == set()


@pytest.mark.parametrize("state", ["", "Running", "Retrying", "Suspended", "ValidationFailed"])
def test_a_job_that_had_not_finished_leaves_nothing(state: str) -> None:
    """It was deleted midway: what it was doing then says nothing."""
    jobs, last = Jobs(), manifest(COMPLETE | {"jobDeploymentStatus": state})
    jobs.change(last)
    jobs.change(removed=(last,))
    assert jobs.families() == set()


def test_nothing_is_retained_unless_asked_for() -> None:
    """The default: 0 s."""
    jobs = Jobs(retain_seconds=0)
    jobs.change(manifest(COMPLETE))
    jobs.change(removed=(manifest(COMPLETE),))
    assert jobs.families() == set()


def test_every_attempt_of_a_deleted_job_is_retained() -> None:
    """Its memory is dropped with it, its lines are not."""
    jobs = Jobs()
    jobs.change(manifest(COMPLETE | {"jobDeploymentStatus": "Retrying", "failed": 1}))
    jobs.change(manifest(FAILED | {"failed": 2}))
    jobs.change(removed=(manifest(FAILED | {"failed": 2}),))
    body = bytes(Exposition([jobs.store], CollectorRegistry()).body(Format.TEXT)).decode()
    assert body.count("kuberay_job_execution_duration_seconds{") == 2


def test_a_deleted_object_that_is_there_again_is_shown_whole_and_stays() -> None:
    """A list after a restored backup: what was to go with time must not take it."""
    jobs = Jobs()
    jobs.change(manifest(COMPLETE))
    before = jobs.families()
    jobs.change(removed=(manifest(COMPLETE),))
    jobs.change(manifest(COMPLETE))
    jobs.clock.advance(2 * RETAIN_SECONDS)
    assert jobs.families() == before


def test_a_recreated_job_does_not_touch_what_is_retained() -> None:
    """Same name, another uid: both are shown, each for itself."""
    jobs = Jobs()
    jobs.change(manifest(FAILED))
    jobs.change(manifest({}, uid="2"), removed=(manifest(FAILED),))
    assert jobs.families() == RETAINED
    assert "kuberay_job_info" in jobs.families("2")


def test_the_number_of_retained_jobs_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are removed and reported, also if one difference has too many."""
    monkeypatch.setattr("exporter.pipeline.line_sources.MAX_RETAINED", 2)
    jobs = Jobs()
    finished = [manifest(FAILED, uid=uid) for uid in "12345"]
    jobs.change(*finished)
    jobs.change(removed=tuple(finished[:1]))
    jobs.change(removed=tuple(finished[1:]))
    assert [bool(jobs.families(uid)) for uid in "12345"] == [False, False, False, True, True]
    assert jobs.dropped == 3


def test_lifecycle_metrics_come_after_the_objects_and_go_with_their_namespace() -> None:
    """The namespace's series stay a day after its last object."""
    jobs = Jobs()
    jobs.store.on_list([decode(RAYJOBS, manifest({"jobDeploymentStatus": "Running"}))], ())
    jobs.change(manifest(COMPLETE))
    names = [text.family.name for text, _ in jobs.store.segments()]
    assert names.index("kuberay_jobs_created_total") > names.index("kuberay_job_info")
    jobs.change(removed=(manifest(COMPLETE),))
    jobs.clock.advance(EMPTY_NAMESPACE_SECONDS)
    jobs.store.expire()
    assert [text.family.name for text, _ in jobs.store.segments()] == []


def test_a_long_first_list_is_shown_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with what is undecodable: the same metrics as of one part, with nothing counted as new."""
    listed = [decode(RAYJOBS, manifest(COMPLETE, uid=str(number), name=f"a{number}")) for number in range(5)]

    def body() -> bytes:
        jobs = Jobs()
        jobs.store.on_list(listed, {"5"})
        jobs.change(manifest(COMPLETE, uid="5", name="a5"))
        return bytes(Exposition([jobs.store], CollectorRegistry()).body(Format.TEXT))

    whole = body()
    monkeypatch.setattr(metrics_store_module, "LIST_OBJECTS", 2)
    assert body() == whole
    assert whole.count(b"kuberay_job_status{") == 6
    assert b'kuberay_jobs_created_total{namespace="ns"} 0\n' in whole


def test_an_object_that_fails_to_render_is_counted_and_keeps_its_lines(caplog: pytest.LogCaptureFixture) -> None:
    """A fault of ours in one object costs neither the others nor its own last lines."""
    jobs = Jobs()
    jobs.change(manifest(COMPLETE))
    before = jobs.families()
    jobs.objects.observe = lambda *_: 1 / 0  # type: ignore[method-assign, assignment]
    jobs.change(manifest(FAILED))
    assert (jobs.families(), jobs.failures) == (before, 1)
    assert "couldn't derive the metrics of 'ns/a'" in caplog.text


def test_an_object_that_always_fails_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """It is counted each time; the number of stack traces has a bound."""
    jobs = Jobs()
    jobs.objects.observe = lambda *_: 1 / 0  # type: ignore[method-assign, assignment]
    for _ in range(50):
        jobs.change(manifest(FAILED))
    assert (len(caplog.records), jobs.failures) == (LOG_BURST, 50)


def test_a_lifecycle_metric_that_fails_costs_only_its_object(caplog: pytest.LogCaptureFixture) -> None:
    """The others are shown and counted, and the informer's thread gets no exception."""
    jobs = Jobs()
    observe = jobs.totals.observe
    jobs.totals.observe = lambda obj, _=None: observe(obj) if obj.metadata.uid == "2" else 1 / 0  # type: ignore[method-assign, assignment, return-value]
    jobs.change(manifest({}), manifest({}, uid="2"))
    assert (jobs.families(), jobs.failures) == (set(), 1)
    assert "kuberay_job_info" in jobs.families("2")
    body = bytes(Exposition([jobs.store], CollectorRegistry()).body(Format.TEXT)).decode()
    assert 'kuberay_jobs_created_total{namespace="ns"} 1\n' in body


@pytest.mark.parametrize("is_retained", [False, True], ids=["present", "retained"])
def test_collect_yields_what_is_printed(is_retained: bool) -> None:
    """In any registry: of present objects, of deleted ones whose series are retained, and of all lifecycles."""
    jobs, present = Jobs(), decode(RAYJOBS, manifest(FAILED))
    jobs.store.on_change([present], [])
    if is_retained:
        jobs.store.on_change([], [present])
    registry = CollectorRegistry()
    registry.register(jobs.store)
    printed = parse(bytes(Exposition([jobs.store], CollectorRegistry()).body(Format.TEXT)))
    assert "kuberay_job_execution_duration_seconds" in printed
    assert ("kuberay_job_info" in printed) != is_retained
    assert parse(generate_latest(registry)) == printed


def test_a_family_without_series_is_not_collected() -> None:
    """As in the exposition."""
    assert list(Jobs().store.collect()) == []


def test_a_registry_refuses_a_second_store_of_a_kind() -> None:
    """The families are named before there are objects."""
    registry = CollectorRegistry()
    registry.register(Jobs().store)
    with pytest.raises(ValueError, match="kuberay_job_info"):
        registry.register(Jobs().store)


def test_reading_changes_nothing() -> None:
    """What is out of date is removed when objects change, and by `expire`, not by a scrape."""
    jobs = Jobs()
    jobs.change(manifest(COMPLETE))
    jobs.change(removed=(manifest(COMPLETE),))
    jobs.clock.advance(RETAIN_SECONDS)
    before = bytes(Exposition([jobs.store], CollectorRegistry()).body(Format.TEXT))
    assert bytes(Exposition([jobs.store], CollectorRegistry()).body(Format.TEXT)) == before
    jobs.change(manifest({}, uid="2"))
    assert 'uid="1"' not in bytes(Exposition([jobs.store], CollectorRegistry()).body(Format.TEXT)).decode()
