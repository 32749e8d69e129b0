"""The recorded streams of Events and pods, replayed over HTTP to a whole exporter."""

import json
import logging
from collections import Counter
from typing import Any

import pytest

from exporter.collectors.event_reasons import KUBERAY_REASONS
from exporter.collectors.pod import PODS, bounded_status
from exporter.pipeline.event_log import LOGGER
from tests.support.bodies import ParsedFamily, parse
from tests.support.events import Totals
from tests.support.events_pods import counts_of, listed, moment, received
from tests.support.objects import decode
from tests.support.recordings import answer, stream
from tests.support.replaying import SUBMITTER_PODS, replaying

END = moment("008") + 3600
EVENTS: dict[str, Any] = {"collectors": ("events",), "log_events": True}
POD_FILES = {"pods": "pods", SUBMITTER_PODS: SUBMITTER_PODS}


def sums(family: ParsedFamily, *names: str) -> Counter[tuple[str, ...]]:
    """Return the sums of a family's values by these labels, without those that are 0."""
    summed: Counter[tuple[str, ...]] = Counter()
    for (_, labels), value in family.series.items():
        summed[tuple([dict(labels)[name] for name in names])] += int(value)
    return +summed


# Events.


@pytest.mark.parametrize("file", ["events", "long-events"])
def test_every_recorded_occurrence_is_counted_and_logged_once(file: str, caplog: pytest.LogCaptureFixture) -> None:
    """Series that grow minutes later, Events deleted by hand, one that is written again; the first list is history."""
    caplog.set_level(logging.INFO, LOGGER)
    with replaying({"events": file}, **EVENTS) as (_, _, body_at):
        counted = sums(parse(body_at(END))["kuberay_events"], "reason")
    history = counts_of(stream(file)[0]["body"])
    after = counts_of(stream(file)[0]["body"], received(file))
    expected: Counter[tuple[str, ...]] = Counter()
    for (*_, reason), count in after.items():
        expected[(reason,)] += count
    for (*_, reason), count in history.items():
        expected[(reason,)] -= count
    assert counted == +expected
    logged: Counter[tuple[str, ...]] = Counter()
    for record in caplog.records:
        if record.name == LOGGER and isinstance(record.msg, dict):
            logged[(record.msg["reason"],)] += record.msg["occurrences"]
    assert logged == counted


def test_what_a_list_shows_is_what_its_stream_showed() -> None:
    """At a capture: the same Events, with the same occurrences."""
    for name in ("003", "006", "008"):
        until = [one for one in received("events") if one[0] < moment(name)]
        counts = counts_of(stream("events")[0]["body"], until)
        for obj in listed(name, "events"):
            ((key, count),) = counts_of({"items": [obj]}).items()
            assert counts[key] == count


def test_events_that_expire_are_counted_as_often_as_they_occurred() -> None:
    """With a time to live of 45 s: `b` grows to 5 before it expires, three others occur once."""
    totals = Totals()
    for event in map(json.loads, answer("watch-events-ttl").body.splitlines()):
        obj = event["object"]
        totals.seen(
            *([] if event["type"] == "DELETED" else [obj]), removed=(obj,) if event["type"] == "DELETED" else ()
        )
    assert sum(totals.counted.values()) == 8


def test_a_recorded_quiet_watch_of_events_has_no_line() -> None:
    """130 s with bookmarks allowed: the server sends none."""
    recorded = answer("watch-quiet-events")
    assert (recorded.status, recorded.body) == (200, b"")


def test_reasons_of_the_recorded_operator_are_in_the_table() -> None:
    """What the operator did not record was written by hand."""
    controllers = {"raycluster-controller", "rayjob-controller", "rayservice-controller", "raycronjob-controller"}
    recorded = {obj["reason"] for _, _, obj in received("events") if obj["reportingComponent"] in controllers}
    assert len(recorded) >= 18
    assert recorded <= KUBERAY_REASONS


def test_the_time_of_a_warning_is_that_of_the_object_it_is_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """It joins with the object's series by namespace, name and uid."""
    monkeypatch.setattr("exporter.clock.SystemClock.time", lambda _: moment("006"))
    with replaying({"events": "events"}, **EVENTS) as (_, _, body_at):
        warnings = parse(body_at(moment("006")))["kuberay_event_last_timestamp_seconds"]
    named = {(labels["kind"], labels["name"], labels["reason"]) for _, key in warnings.series for labels in [dict(key)]}
    assert {
        ("RayCluster", "no-head", "FailedToCreateHeadPod"),
        ("RayCluster", "no-workers", "FailedToCreateWorkerPod"),
        ("RayJob", "lost-cluster", "RayClusterNotFound"),
        ("RayService", "never-ready", "RayServiceInitializingTimeout"),
    } <= named
    uids = {obj["involvedObject"]["uid"] for _, _, obj in received("events")}
    assert {dict(key)["uid"] for _, key in warnings.series} <= uids
    assert all(moment("001") < value < moment("006") for value in warnings.series.values())


# Pods.


@pytest.mark.parametrize("name", ["003", "006"])
def test_pods_of_a_capture_are_those_of_its_list(name: str) -> None:
    """Each with its status; heads and workers with their cluster, submitters with their job."""
    expected = [decode(PODS, pod) for what in POD_FILES for pod in listed(name, what)]
    with replaying(POD_FILES, collectors=("pods",)) as (_, _, body_at):
        families = parse(body_at(moment(name)))
    statuses = {(dict(key)["pod"], dict(key)["status"]) for _, key in families["kuberay_pod_status"].series}
    assert statuses == {(pod.metadata.name, bounded_status(pod)) for pod in expected}
    owners = {dict(key)["pod"] for _, key in families["kuberay_pod_owner"].series}
    clusters = {dict(key)["pod"] for _, key in families["kuberay_pod_info"].series if dict(key)["ray_io_cluster"]}
    assert owners | clusters == {pod.metadata.name for pod in expected}
    assert not owners & clusters


def test_every_recorded_cause_is_a_status() -> None:
    """Of `cases.json`: none of them is `other`."""
    seen = {bounded_status(decode(PODS, obj)) for what in POD_FILES for _, _, obj in received(what) if "status" in obj}
    assert seen == {
        "Pending", "Running", "Unschedulable", "SchedulingGated", "ContainerCreating", "ErrImagePull",
        "ImagePullBackOff", "CreateContainerConfigError", "CrashLoopBackOff", "OOMKilled", "Evicted", "Completed",
        "Error", "Terminating", "NotReady", "Init:0/1", "Init:ErrImagePull", "Init:ImagePullBackOff",
        "Init:CrashLoopBackOff", "Init:Error",
    }  # fmt: skip


def test_recorded_ends_are_counted_with_their_reasons() -> None:
    """An OOM with one restart, an eviction that no list shows, submitters that ended, containers that loop."""
    with replaying(POD_FILES, collectors=("pods",)) as (_, _, body_at):
        families = parse(body_at(END))
    ends = sums(families["kuberay_pods_terminated"], "node_type", "reason")
    assert ends["worker", "OOMKilled"] == 1
    assert ends["worker", "Evicted"] == 1
    assert ends["head", "Error"] == 1
    assert ends["submitter", "Completed"] >= 1
    assert ends["submitter", "Error"] == 2
    restarts: Counter[str] = Counter()
    for _, _, obj in received("pods"):
        statuses = obj.get("status", {})
        containers = [*statuses.get("containerStatuses", ()), *statuses.get("initContainerStatuses", ())]
        total = sum(container["restartCount"] for container in containers)
        restarts[obj["metadata"]["name"]] = max(restarts[obj["metadata"]["name"]], total)
    assert sums(families["kuberay_pods_restarts"]).total() == sum(restarts.values())
