"""Recorded clusters and reported cases: exactly the causes that are known to be right, and no other."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from exporter.diagnosis.fleet import Fleet
from exporter.resources.detailed import DetailedObject
from tests.support.fleets import DIAGNOSIS, causes, load, recorded
from tests.support.recordings import Capture, captures

WITH_PODS = {
    "003": {
        "RayCluster gpu-wait": ["critical unschedulable"],
        "RayCluster gated": ["info scheduling-gated"],
        "RayCluster bad-image": ["critical image-pull"],
        "RayCluster crashing": ["critical crash-loop"],
        "RayCluster memory-hog": ["warning out-of-memory"],
        "RayCluster init-stuck": ["critical crash-loop"],
        "RayCluster no-head": ["critical quota"],
        "RayCluster no-workers": ["critical quota"],
        "RayCluster old-token": ["critical invalid-spec"],
        "RayCluster 9lives": ["critical invalid-spec"],
        "RayCluster missing-secret": ["critical container-config"],
        "RayCluster never-ready-n4hmw": ["critical image-pull"],
        "RayJob no-submitter": ["critical image-pull"],
        "RayJob lost-cluster": ["critical cluster-not-found"],
        "RayJob bad-job": ["critical invalid-spec"],
        "RayService never-ready": ["critical image-pull"],
    },
    "005": {
        "RayCluster gpu-wait": ["critical unschedulable"],
        "RayCluster gated": ["info scheduling-gated"],
        "RayCluster bad-image": ["critical image-pull"],
        "RayCluster crashing": ["critical crash-loop"],
        "RayCluster memory-hog": ["warning out-of-memory"],
        "RayCluster init-stuck": ["critical crash-loop"],
        "RayCluster no-head": ["critical quota"],
        "RayCluster no-workers": ["critical quota"],
        # old-token was annotated: its Events of 003 were deleted by hand, and the status is still empty.
        "RayCluster 9lives": ["critical invalid-spec"],
        "RayCluster exiting": ["warning head-restarted"],
        "RayCluster missing-secret": ["info suspended"],
        "RayJob eval": ["critical submission-failed"],
        "RayJob no-submitter": ["critical image-pull"],
        "RayJob lost-cluster": ["critical cluster-not-found"],
        "RayJob bad-job": ["critical invalid-spec"],
        "RayService never-ready": ["critical initializing-timeout"],
    },
    "008": {
        "RayCluster gpu-wait": ["critical unschedulable"],
        "RayCluster gated": ["info scheduling-gated"],
        "RayCluster crashing": ["critical crash-loop"],
        "RayCluster memory-hog": ["warning out-of-memory"],
        "RayCluster init-stuck": ["critical crash-loop", "warning unknown"],
        "RayCluster no-workers": ["critical quota"],
        "RayCluster old-token": ["critical invalid-spec"],
        "RayCluster 9lives": ["critical invalid-spec"],
        "RayCluster missing-secret": ["info suspended"],
        "RayJob eval": ["critical submission-failed"],
        "RayJob no-submitter": ["critical head-not-answering"],
        "RayJob lost-cluster": ["critical cluster-not-found"],
        "RayJob bad-job": ["critical invalid-spec"],
        "RayService never-ready": ["critical initializing-timeout"],
    },
}


@pytest.mark.parametrize(("name", "expected"), WITH_PODS.items(), ids=WITH_PODS)
def test_recorded_cluster_with_pods_and_events(name: str, expected: dict[str, list[str]]) -> None:
    """Each object that something was done to has its cause; the healthy ones, about half, have none."""
    fleet, now = recorded(name)
    assert causes(fleet, now) == expected
    assert len(fleet) > len(expected)


KUEUE = {"RayCluster kueue-queued": ["info admission-pending"]}
BAD_SPEC = {"RayJob bad-spec": ["critical invalid-spec"]}
NOTEBOOK = {"RayJob notebook-session": ["info interactive"]}
QUEUED = {"RayJob waiting-for-quota": ["info suspended"]}
ETL_FAILED = {"RayJob nightly-etl": ["critical application-failed"]}
LLM_RETRYING, LLM_FAILED = (
    {"RayJob train-llm": ["warning retrying"]},
    {"RayJob train-llm": ["critical application-failed"]},
)
SUSPENDED = {"RayCluster interactive-dev": ["info suspended"], "RayService summarizer": ["info suspended"]}

WITHOUT_PODS = {
    "001": {},
    "002": KUEUE,
    "003": KUEUE | BAD_SPEC | NOTEBOOK | QUEUED,
    "004": KUEUE
    | BAD_SPEC
    | NOTEBOOK
    | QUEUED
    | ETL_FAILED
    | LLM_RETRYING
    | {"RayJob batch-infer": ["warning retrying"]},
    "005": KUEUE | BAD_SPEC | NOTEBOOK | QUEUED | ETL_FAILED | LLM_RETRYING,
    "006": KUEUE
    | BAD_SPEC
    | NOTEBOOK
    | QUEUED
    | ETL_FAILED
    | LLM_FAILED
    | SUSPENDED
    | {"RayJob preempted": ["info suspended"]},
    "007": KUEUE
    | BAD_SPEC
    | NOTEBOOK
    | QUEUED
    | ETL_FAILED
    | LLM_FAILED
    | SUSPENDED
    | {"RayJob preempted": ["info suspended"]},
    "008": BAD_SPEC | QUEUED | ETL_FAILED | LLM_FAILED,
    "009": BAD_SPEC | QUEUED | LLM_FAILED,
    "010": BAD_SPEC | QUEUED | LLM_FAILED,
    "011": BAD_SPEC | QUEUED | LLM_FAILED,
}


@pytest.mark.parametrize("capture", captures(), ids=lambda capture: capture.name)
def test_recorded_cluster_without_pods_and_events(capture: Capture) -> None:
    """Objects that are being created, retried, upgraded and deleted as usual have no finding."""
    now = datetime.fromtimestamp(capture.time, UTC)
    assert causes(load(capture.kubectl_list) if any_items(capture) else Fleet(), now) == WITHOUT_PODS[capture.name]


def any_items(capture: Capture) -> bool:
    return any(listed["items"] for listed in capture.lists.values())


CASES = {
    "01-submission-failed-still-running": {"RayJob thumbs-aa1bb": ["critical submission-failed"]},
    "02-cluster-ready-1-4": {},
    "04-condition-of-1-2-rc": {},
    "05-provisioning-first-time": {},
    "07-service-apps-v1-0": {},
    "08-suspending-window-kueue": {"RayCluster gated": ["info admission-pending"]},
    "10-failed-to-get-job-status-v1-0": {},
    "12-complete-with-a-reason": {},
    "14-validation-failed": {"RayJob invalid-one": ["critical invalid-spec"]},
    "15-mended-validation-initializing": {},
    "17-ready-without-conditions-1-1": {},
    "18-service-incremental-upgrade": {},
    "20-replica-failure-unhealthy": {"RayCluster broken": ["critical replica-failure"]},
    "21-manifest-without-uid": {},
    "22-null-times-and-other-kinds": {},
    "24-interactive-waiting": {"RayJob hands-on": ["info interactive"]},
    "58-complete-but-failed-v1-1": {"RayJob old": ["critical application-failed"]},
}


@pytest.mark.parametrize(("name", "expected"), CASES.items(), ids=CASES)
def test_reported_case(name: str, expected: dict[str, list[str]]) -> None:
    """An object of a public bug report, a minute after its last change, has no wrong cause."""
    fleet = load((DIAGNOSIS / "cases" / f"{name}.yaml").read_bytes())
    assert causes(fleet, newest_time(fleet) + timedelta(minutes=1)) == expected


def test_every_case_is_expected() -> None:
    """No case is left out."""
    assert {path.stem for path in (DIAGNOSIS / "cases").iterdir()} == set(CASES)


def newest_time(fleet: Fleet) -> datetime:
    """Return the newest time in any object of a fleet."""
    return max(time for obj in fleet for time in times(obj))


def times(obj: DetailedObject) -> list[datetime]:
    found: list[datetime] = []

    def collect(value: object) -> None:
        if isinstance(value, dict):
            for inner in value.values():
                collect(inner)
        elif isinstance(value, list):
            for inner in value:
                collect(inner)
        elif isinstance(value, str) and value.endswith("Z"):
            found.append(datetime.fromisoformat(value))

    collect(json.loads(msgspec.json.encode(obj)))
    return found
