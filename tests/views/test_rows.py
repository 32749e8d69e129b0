"""Rows of pods, Events and conditions."""

import json
from typing import Any

import msgspec
import pytest

from exporter.resources.detailed import DetailedEvent, DetailedPod
from exporter.views.views import ConditionRow, EventRow, PodRow
from tests.support.events import event, old_event
from tests.support.fleets import ago, pod, submitter, waiting
from tests.support.objects import CREATED, condition

Manifest = dict[str, Any]


def row(one: tuple[str, Manifest]) -> PodRow:
    return PodRow.of(msgspec.json.decode(json.dumps(one[1]), type=DetailedPod))


def terminated(exit_code: int, **more: str) -> Manifest:
    return {"name": "ray", "state": {"terminated": {"exitCode": exit_code, **more}}}


def container(**state: Any) -> Manifest:
    return {"name": "ray", "state": state}


RUNNING = container(running={})
UNSCHEDULABLE = condition("PodScheduled", "False", reason="Unschedulable", message="3 Insufficient cpu.")
OOM = terminated(137, reason="OOMKilled", message="killed")

# Which statuses there are, tests/resources/test_pod_status.py has.
STATUSES: dict[str, tuple[Manifest, tuple[str, str]]] = {
    "reason of the pod": (
        {"phase": "Failed", "reason": "Evicted", "message": "low on disk"},
        ("Evicted", "low on disk"),
    ),
    "reason before a container's": ({"reason": "Evicted", "containerStatuses": [OOM]}, ("Evicted", "killed")),
    "unschedulable": ({"phase": "Pending", "conditions": [UNSCHEDULABLE]}, ("Unschedulable", "3 Insufficient cpu.")),
    "gated": (
        {"phase": "Pending", "conditions": [condition("PodScheduled", "False", reason="SchedulingGated")]},
        ("SchedulingGated", ""),
    ),
    "waiting": (waiting("ImagePullBackOff", "not found"), ("ImagePullBackOff", "not found")),
    "behind an init container": (
        {
            "phase": "Pending",
            "initContainerStatuses": [container(waiting={"reason": "CrashLoopBackOff", "message": "back-off"})],
            "containerStatuses": [container(waiting={"reason": "PodInitializing"})],
        },
        ("Init:CrashLoopBackOff", "back-off"),
    ),
    "first container that has one": (
        {"phase": "Running", "containerStatuses": [RUNNING, OOM, terminated(1, reason="Error")]},
        ("OOMKilled", "killed"),
    ),
    "ended well": (
        {"phase": "Succeeded", "containerStatuses": [terminated(0, reason="Completed")]},
        ("Completed", ""),
    ),
}


@pytest.mark.parametrize(("status", "expected"), STATUSES.values(), ids=STATUSES)
def test_status_of_a_pod(status: Manifest, expected: tuple[str, str]) -> None:
    """The status as kubectl prints it, and the message that shows why."""
    found = row(pod("w", **status))
    assert (found.status, found.message) == expected


def test_deleted_pod_is_terminating() -> None:
    """What a pod was before its deletion is no longer shown."""
    one = pod("w", **waiting("CrashLoopBackOff", "back-off"))
    one[1]["metadata"]["deletionTimestamp"] = ago(seconds=5)
    found = row(one)
    assert (found.status, found.message) == ("Terminating", "")


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([], False),
        ([condition("Ready", "True")], True),
        ([condition("Ready", "False")], False),
        ([condition("Ready", "Unknown")], False),
        ([condition("Initialized", "True")], False),
    ],
    ids=["none", "true", "false", "unknown", "another one"],
)
def test_ready(conditions: list[Manifest], expected: bool) -> None:
    """Only a condition Ready that is true makes a pod ready."""
    assert row(pod("w", phase="Running", conditions=conditions)).ready is expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, 0),
        ({"containerStatuses": [{"name": "ray"}]}, 0),
        ({"containerStatuses": [{"name": "ray", "restartCount": 2}, {"name": "log", "restartCount": 3}]}, 5),
        (
            {
                "initContainerStatuses": [{"name": "wait", "restartCount": 1}],
                "containerStatuses": [{"name": "ray", "restartCount": 2}],
            },
            3,
        ),
    ],
)
def test_restarts(status: Manifest, expected: int) -> None:
    """Restarts are those of all containers, also of init containers."""
    assert row(pod("w", **status)).restarts == expected


def test_pod_as_json() -> None:
    """A row has names and labels; what is absent is left out."""
    one = pod("h", node_type="head", phase="Running")
    one[1]["spec"] = {"nodeName": "node-1"}
    assert json.loads(msgspec.json.encode(row(one))) == {
        "name": "h",
        "nodeType": "head",
        "group": "g",
        "status": "Running",
        "ready": False,
        "restarts": 0,
        "node": "node-1",
        "createdAt": CREATED,
    }


def test_submitter() -> None:
    """A pod without a type of node is a submitter."""
    found = row(submitter("s"))
    assert (found.node_type, found.group, found.node) == ("submitter", "", "")


EVENTS: dict[str, tuple[Manifest, Manifest]] = {
    "repeated": (
        event(count=4, message="text"),
        {
            "object": {"kind": "RayCluster", "name": "a"},
            "type": "Warning",
            "reason": "FailedToCreateHeadPod",
            "count": 4,
            "message": "text",
            "firstTime": "2026-11-23T10:00:00.123456Z",
            "lastTime": "2026-11-23T10:00:00.123456Z",
        },
    ),
    "older recorder": (
        old_event(count=3, message=None),
        {
            "object": {"kind": "RayCluster", "name": "a"},
            "type": "Warning",
            "reason": "FailedToCreateHeadPod",
            "count": 3,
            "firstTime": "2026-11-23T10:00:00Z",
            "lastTime": "2026-11-23T10:05:00Z",
        },
    ),
    "nearly empty": (
        {"metadata": {"name": "e", "uid": "1"}},
        {"object": {"kind": "", "name": ""}, "type": "", "reason": "", "count": 1},
    ),
}


@pytest.mark.parametrize(("one", "expected"), EVENTS.values(), ids=EVENTS)
def test_event_as_json(one: Manifest, expected: Manifest) -> None:
    """An Event occurred at least once; what is absent is empty or left out."""
    found = EventRow.of(msgspec.json.decode(json.dumps(one), type=DetailedEvent))
    assert json.loads(msgspec.json.encode(found)) == expected


def test_condition_as_json() -> None:
    """A condition without reason, time and message has type and status only."""
    assert json.loads(msgspec.json.encode(ConditionRow("Ready", ""))) == {"type": "Ready", "status": ""}
