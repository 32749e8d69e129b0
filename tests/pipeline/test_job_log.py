"""Log lines of jobs: one for each that ends, and for each attempt that is retried."""

import itertools
import json
import logging
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import msgspec
import pytest

from exporter.collectors.raycluster import RAYCLUSTERS
from exporter.collectors.rayjob import RAYJOBS
from exporter.families.integrals import Integrals, LabelledIntegrals
from exporter.families.limits import Shares
from exporter.families.object_families import ObjectFamilies
from exporter.pipeline.event_log import MAX_MESSAGE_BYTES, LogFields
from exporter.pipeline.job_log import LOGGER, JobLog
from exporter.pipeline.line_sources import IntegralSource, ObjectSource
from exporter.pipeline.metrics_store import MetricsStore
from exporter.resources.detailed import DetailedRayJob
from tests.support.clocks import FakeClock
from tests.support.metrics_stores import fail
from tests.support.objects import decode, manifest
from tests.support.recordings import captures, stream
from tests.support.replaying import replaying

EXTENDED = [row.name for row in RAYCLUSTERS.integrals if row.label]
QUEUE = "kueue.x-k8s.io/queue-name"
LABELS: dict[str, Any] = {"labels": {"team": "nlp", "secret": "no", QUEUE: "gpus"}}
CREATED, STARTED, RAY_STARTED, RAY_ENDED, ENDED = (f"2026-11-23T10:0{minute}:00Z" for minute in range(5))
ENDED_STATUS = {
    "jobDeploymentStatus": "Failed",
    "jobStatus": "FAILED",
    "reason": "AppFailed",
    "message": "exit code 1",
    "failed": 2,
    "rayClusterName": "a-x1",
    "jobId": "a-j1",
    "startTime": STARTED,
    "endTime": ENDED,
    "rayJobInfo": {"startTime": RAY_STARTED, "endTime": RAY_ENDED},
}
GPUS = {
    "headGroupSpec": {
        "template": {"spec": {"containers": [{"resources": {"limits": {"nvidia.com/gpu": "2", "a.com/nic": "1"}}}]}}
    }
}


class Jobs:
    """Metrics stores of jobs and of their clusters, of which the log is a part, and what was logged."""

    def __init__(
        self,
        caplog: pytest.LogCaptureFixture,
        labels: tuple[str, ...] = ("team",),
        family_filter: Callable[[str], bool] = lambda _: True,
    ) -> None:
        caplog.set_level(logging.INFO, LOGGER)
        self._caplog = caplog
        self.clock = FakeClock(1000.0)
        log, self.forgotten = JobLog(labels), Mock()
        integrals = [
            type_(RAYCLUSTERS, family_filter, clock=self.clock)
            for type_ in (Integrals, LabelledIntegrals)
            if any(map(family_filter, EXTENDED)) or type_ is Integrals
        ]
        self.stores = {
            kind.plural: MetricsStore(
                kind,
                (
                    ObjectSource(ObjectFamilies(kind), receipt_time=self.clock.time),
                    *log.sources(kind, integrals, self.forgotten),
                    *([IntegralSource(each, self.clock) for each in integrals] if kind is RAYCLUSTERS else []),
                ),
                fail,
            )
            for kind in (RAYCLUSTERS, RAYJOBS)
        }

    def listed(self, *versions: dict[str, Any], undecodable: tuple[str, ...] = ()) -> "Jobs":
        self.stores["rayclusters"].on_list([], ())
        self.stores["rayjobs"].on_list([_job(version) for version in versions], undecodable)
        return self

    def seen(self, *versions: dict[str, Any]) -> "Jobs":
        self.stores["rayjobs"].on_change([_job(version) for version in versions], [])
        return self

    def deleted(self, version: dict[str, Any]) -> "Jobs":
        self.stores["rayjobs"].on_change([], [_job(version)])
        return self

    def cluster(self, name: str, *, is_deleted: bool = False, of_job: bool = True) -> "Jobs":
        obj = _cluster(name, name, of_job=of_job)
        self.stores["rayclusters"].on_change([] if is_deleted else [obj], [obj] if is_deleted else [])
        return self

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [dict(record.msg) for record in self._caplog.records if isinstance(record.msg, LogFields)]

    @property
    def texts(self) -> list[str]:
        return [str(record.msg) for record in self._caplog.records]


def _cluster(name: str, uid: str, *, of_job: bool = True) -> Any:
    labels = {"ray.io/originated-from-crd": "RayJob"} if of_job else {}
    return decode(RAYCLUSTERS, manifest({"desiredGPU": "2"}, name=name, uid=uid, labels=labels) | {"spec": GPUS})


def _job(version: dict[str, Any]) -> DetailedRayJob:
    return msgspec.json.decode(json.dumps(version), type=DetailedRayJob)


def job(version: int = 1, **status: Any) -> dict[str, Any]:
    return manifest(ENDED_STATUS | status, version=str(version), creationTimestamp=CREATED, **LABELS)


@pytest.fixture
def jobs(caplog: pytest.LogCaptureFixture) -> Jobs:
    return Jobs(caplog)


def test_a_line_has_all_that_is_known_of_a_job(jobs: Jobs) -> None:
    """Labels that may become labels of series, times, stages, and what was requested by all of its clusters."""
    jobs.listed().cluster("a-x0").cluster("a-x1").seen(job(jobDeploymentStatus="Running", rayClusterName="a-x0"))
    jobs.clock.advance(10)
    jobs.cluster("a-x0", is_deleted=True).seen(job(2, jobDeploymentStatus="Running"))
    jobs.clock.advance(50)
    jobs.seen(job(3))
    assert jobs.texts == ["RayJob ns/a: Failed, AppFailed"]
    assert jobs.lines == [
        {
            "kind": "RayJob",
            "namespace": "ns",
            "name": "a",
            "uid": "1",
            "label_team": "nlp",
            "queue": "gpus",
            "ended": "job",
            "status": "Failed",
            "reason": "AppFailed",
            "message": "exit code 1",
            "attempts": 2,
            "cluster": "a-x1",
            "job_id": "a-j1",
            "created_at": "2026-11-23T10:00:00.000000Z",
            "started_at": "2026-11-23T10:01:00.000000Z",
            "ray_started_at": "2026-11-23T10:02:00.000000Z",
            "ray_ended_at": "2026-11-23T10:03:00.000000Z",
            "ended_at": "2026-11-23T10:04:00.000000Z",
            "starting_seconds": 60.0,
            "running_seconds": 60.0,
            "attempt_seconds": 180.0,
            "total_seconds": 240.0,
            "gpu_seconds": 2 * 10 + 2 * 60,
            "requested_seconds": {"nvidia.com/gpu": 140, "a.com/nic": 70},
        }
    ]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"jobDeploymentStatus": "Complete", "jobStatus": "SUCCEEDED", "failed": 0}, ("Succeeded", "", 1, 180.0)),
        ({"jobDeploymentStatus": "Complete", "jobStatus": "STOPPED", "failed": 1}, ("Stopped", "", 2, 180.0)),
        ({"failed": 1}, ("Failed", "AppFailed", 1, 180.0)),
        ({"reason": "from the future", "endTime": None}, ("Failed", "from the future", 2, None)),
        (
            {"jobDeploymentStatus": "ValidationFailed", "reason": "ValidationFailed", "failed": 0},
            ("ValidationFailed", "ValidationFailed", 0, None),
        ),
    ],
)
def test_each_end_has_its_line(jobs: Jobs, status: dict[str, Any], expected: tuple[Any, ...]) -> None:
    """A job whose spec is refused did not run; what the object does not say is left out."""
    (line,) = jobs.listed().seen(job(**status)).lines
    assert (line["status"], line["reason"], line["attempts"], line.get("attempt_seconds")) == expected
    assert line["ended"] == "job"


def test_a_job_without_any_field(jobs: Jobs) -> None:
    """As an old operator or a person may write it."""
    jobs.listed().seen(manifest(), manifest({}, version="2"))
    assert jobs.lines == []
    (line,) = jobs.seen(manifest({"jobDeploymentStatus": "Complete"}, version="3")).lines
    assert (line["queue"], line["reason"], line["message"], line["cluster"], line["ended_at"]) == ("", "", "", "", "")
    assert (line["status"], line["attempts"]) == ("Succeeded", 1)


def retrying(failed: int, version: int) -> dict[str, Any]:
    written = {"manager": "kuberay-operator", "subresource": "status", "time": ENDED}
    status = {"jobDeploymentStatus": "Retrying", "failed": failed, "endTime": None}
    obj = job(version, **status)
    obj["metadata"]["managedFields"] = [written]
    return obj


def test_each_attempt_that_is_retried_has_its_line(jobs: Jobs) -> None:
    """Once, however often it is written; the last attempt is in the line of the job."""
    jobs.listed().seen(retrying(1, 1)).seen(retrying(1, 2), job(3, jobDeploymentStatus="Running", failed=1))
    jobs.seen(retrying(2, 4)).seen(job(5, failed=3)).seen(job(6, failed=3, message="again"))
    assert [(line["ended"], line["status"], line["attempts"]) for line in jobs.lines] == [
        ("attempt", "Retrying", 1),
        ("attempt", "Retrying", 2),
        ("job", "Failed", 3),
    ]
    assert jobs.lines[0]["ended_at"] == "2026-11-23T10:04:00.000000Z"
    assert jobs.lines[0]["attempt_seconds"] == 180.0


def test_what_the_first_list_shows_is_history(jobs: Jobs) -> None:
    """Also of a job that could not be decoded then; what ends later is logged, without what is not known."""
    running = job(1, jobDeploymentStatus="Running", failed=1) | {"spec": {}}
    running["metadata"] |= {"uid": "9", "name": "b"}
    jobs.listed(job(), running, undecodable=("7",)).cluster("a-x1")
    undecodable = job(2)
    undecodable["metadata"] |= {"uid": "7", "name": "c"}
    jobs.seen(job(2, message="later"), undecodable)
    assert jobs.lines == []
    ended = job(3)
    ended["metadata"] |= {"uid": "9", "name": "b"}
    (line,) = jobs.seen(ended).lines
    assert (line["name"], "gpu_seconds" in line) == ("b", False)


def test_an_end_is_logged_once_through_lists(jobs: Jobs) -> None:
    """A list after an outage brings jobs that ended in it; the next one brings them again."""
    jobs.listed().seen(job(1)).seen(job(1), job(2))
    assert len(jobs.lines) == 1


def test_a_job_that_is_corrected_ends_again(jobs: Jobs) -> None:
    """Its specification was refused at first."""
    jobs.listed().seen(job(1, jobDeploymentStatus="ValidationFailed")).seen(job(2, jobDeploymentStatus="Running"))
    assert [line["status"] for line in jobs.seen(job(3)).lines] == ["ValidationFailed", "Failed"]


def test_a_deleted_job_is_forgotten(jobs: Jobs) -> None:
    """One that was deleted before its end has no line."""
    jobs.listed().seen(job(1, jobDeploymentStatus="Running")).deleted(job(1, jobDeploymentStatus="Running"))
    log: Any = jobs.stores["rayjobs"]._sources[1]
    assert (jobs.lines, log._seen) == ([], {})


def test_what_was_requested_is_left_out_if_a_cluster_is_not_known(jobs: Jobs) -> None:
    """Such as one that the job was only sent to, which works for others, too."""
    (line,) = jobs.listed().cluster("a-x1", of_job=False).seen(job()).lines
    assert "gpu_seconds" not in line
    assert "requested_seconds" not in line


@pytest.mark.parametrize("in_one_step", [False, True], ids=["two events", "a list after an outage"])
def test_each_cluster_of_one_name_counts(jobs: Jobs, in_one_step: bool) -> None:
    """The operator creates it with the same name if it is deleted before the job runs, and once more."""
    jobs.listed().seen(job(jobDeploymentStatus="Initializing"))
    store, clusters = jobs.stores["rayclusters"], [_cluster("a-x1", uid) for uid in "123"]
    store.on_change(clusters[:1], [])
    for before, after in itertools.pairwise(clusters):
        jobs.clock.advance(10)
        if not in_one_step:
            store.on_change([], [before])
        store.on_change([after], [before] if in_one_step else [])
    jobs.clock.advance(40)
    (line,) = jobs.seen(job(2)).lines
    assert (line["gpu_seconds"], line["requested_seconds"]) == (120, {"nvidia.com/gpu": 120, "a.com/nic": 60})


@pytest.mark.parametrize(
    ("denied", "expected"), [("extended", [120]), ("gpu", []), ("kuberay", [])], ids=["by name", "GPUs", "all"]
)
def test_what_is_not_exported_is_not_known(caplog: pytest.LogCaptureFixture, denied: str, expected: list[int]) -> None:
    """It is the counters that the line reads."""
    jobs = Jobs(caplog, family_filter=lambda name: denied not in name).listed().cluster("a-x1")
    jobs.clock.advance(60)
    (line,) = jobs.seen(job()).lines
    assert [line[key] for key in ("gpu_seconds", "requested_seconds") if key in line] == expected


def test_deleted_clusters_are_bounded(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest of the namespace that has most is forgotten, and counted."""
    requests: Any = jobs.stores["rayclusters"]._sources[1]
    monkeypatch.setattr(requests, "_shares", Shares(2))
    for number in range(5):
        jobs.cluster(f"c{number}").cluster(f"c{number}", is_deleted=True)
    assert (list(requests._deleted), requests._uids) == ([("ns", "c3"), ("ns", "c4")], {})
    assert jobs.forgotten.call_count == 3


def test_texts_are_cut(jobs: Jobs, caplog: pytest.LogCaptureFixture) -> None:
    """Of a message the end stays, where a log has the error; no field is longer than 1 KB."""
    many = Jobs(caplog, labels=("*",))
    huge = job(message="é" * 100_000, reason="r" * 100_000, rayClusterName="c" * 9000, jobId="j" * 9000)
    huge["metadata"]["labels"] = {f"l{number}": "v" * 9000 for number in range(1000)}
    (line,) = many.listed().seen(huge).lines
    assert all(len(value.encode()) <= MAX_MESSAGE_BYTES for value in line.values() if isinstance(value, str))
    assert len(json.dumps(line)) < 400_000


def test_a_recorded_fleet_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """Every job that ended and every Retrying that a real API server streamed, over HTTP; no message is lost."""
    caplog.set_level(logging.INFO, LOGGER)
    with replaying(log_jobs=True, has_web_ui=False, user_labels=lambda _: ("cost-center",)) as (_, _, body_at):
        body_at(captures()[-1].time)
    found = {
        (line["name"], line["uid"], line["status"], line["attempts"])
        for line in (record.msg for record in caplog.records if record.name == LOGGER)
        if isinstance(line, dict)
    }
    expected = set()
    for entry in stream("rayjobs"):
        version = json.loads(entry["line"])["object"] if entry["op"] == "event" else {}
        status, meta = version.get("status", {}), version.get("metadata", {})
        end = {"SUCCEEDED": "Succeeded", "STOPPED": "Stopped", "FAILED": "Failed"}.get(status.get("jobStatus", ""), "")
        match status.get("jobDeploymentStatus"):
            case "Complete":
                expected.add((meta["name"], meta["uid"], end, status.get("failed", 0) + 1))
            case "Failed" | "Retrying" as state:
                expected.add((meta["name"], meta["uid"], state, max(status.get("failed", 0), 1)))
            case "ValidationFailed" as state:
                expected.add((meta["name"], meta["uid"], state, status.get("failed", 0)))
    assert found == expected
    assert len([record for record in caplog.records if record.name == LOGGER]) == len(expected) > 5
    lines: list[Any] = [record.msg for record in caplog.records if record.name == LOGGER]
    assert any("RuntimeError: loss is NaN" in line["message"] for line in lines)
