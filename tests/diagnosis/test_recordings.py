"""Recorded clusters and reported cases: exactly the causes that are known to be right, and no other."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from exporter.diagnosis.fleet import Fleet
from exporter.kinds import DIAGNOSED
from exporter.resources.detailed import DetailedObject
from tests.support.fleets import DIAGNOSIS, causes, load, recorded
from tests.support.recordings import Capture, captures

ALL_THE_TIME = {
    # An Event of Kueue, newer than the status, says that it was preempted.
    "RayCluster train-base": ["info warning-event"],
    "RayCluster gpu-wait": ["warning unschedulable"],
    "RayCluster gated": ["info scheduling-gated"],
    "RayCluster crashing": ["warning crash-loop"],
    "RayCluster memory-hog": ["warning out-of-memory"],
    "RayCluster no-workers": ["warning quota"],
    "RayCluster 9lives": ["warning invalid-spec"],
    "RayJob lost-cluster": ["warning cluster-not-found"],
    "RayJob bad-job": ["warning invalid-spec"],
}
WITH_PODS = {
    "003": ALL_THE_TIME
    | {
        "RayCluster bad-image": ["warning image-pull"],
        "RayCluster init-stuck": ["warning crash-loop"],
        "RayCluster no-head": ["warning quota"],
        "RayCluster old-token": ["warning invalid-spec"],
        "RayCluster missing-secret": ["warning container-config"],
        "RayCluster never-ready-n4hmw": ["warning image-pull"],
        "RayJob eval": ["warning container-ended"],
        "RayJob no-submitter": ["warning image-pull"],
        "RayService never-ready": ["warning image-pull"],
    },
    "005": ALL_THE_TIME
    | {
        "RayCluster bad-image": ["warning image-pull"],
        "RayCluster init-stuck": ["warning crash-loop"],
        "RayCluster no-head": ["warning quota"],
        # old-token was annotated: its Events of 003 were deleted by hand, and the status is still empty.
        "RayCluster exiting": ["warning head-restarted"],
        "RayCluster missing-secret": ["info suspended"],
        "RayJob eval": ["warning submission-failed"],
        "RayJob no-submitter": ["warning image-pull"],
        "RayService never-ready": ["critical initializing-timeout"],
    },
    "008": ALL_THE_TIME
    | {
        "RayCluster init-stuck": ["warning unknown", "warning crash-loop"],
        "RayCluster old-token": ["warning invalid-spec"],
        "RayCluster missing-secret": ["info suspended"],
        "RayJob eval": ["warning submission-failed"],
        "RayJob no-submitter": ["warning head-not-answering"],
        "RayService never-ready": ["critical initializing-timeout"],
    },
}


@pytest.mark.parametrize(("name", "expected"), WITH_PODS.items(), ids=WITH_PODS)
def test_recorded_cluster_with_pods_and_events(name: str, expected: dict[str, list[str]]) -> None:
    """Each object that something was done to has its cause; the healthy ones, about half, have none."""
    fleet, now = recorded(name)
    assert causes(fleet, now) == expected
    assert len(fleet) > len(expected)


ETL_FAILED = {"RayJob nightly-etl": ["warning application-failed"]}
LLM_RETRYING = {"RayJob train-llm": ["info retrying"]}
LLM_FAILED = {"RayJob train-llm": ["warning application-failed"]}

REMOTE = {"RayCluster remote-cluster": ["info managed"], "RayCluster remote-ready": ["info managed"]}
REMOTE_JOB = REMOTE | {"RayJob remote-job": ["info managed"]}
REMOTE_ALL = REMOTE_JOB | {"RayService remote-serve": ["info managed"]}
KUEUE = {"RayCluster kueue-queued": ["info admission-pending"]}
QUEUED = {"RayJob bad-spec": ["warning invalid-spec"], "RayJob waiting-for-quota": ["info suspended"]}
WAITING = KUEUE | QUEUED | {"RayJob notebook-session": ["info interactive"]}
SUSPENDED = {
    "RayCluster interactive-dev": ["info suspended"],
    "RayService summarizer": ["info suspended"],
    "RayJob preempted": ["info suspended"],
}

WITHOUT_PODS = {
    "001": {},
    "002": REMOTE | KUEUE,
    "003": REMOTE_JOB | WAITING,
    "004": REMOTE_JOB | WAITING | ETL_FAILED | LLM_RETRYING | {"RayJob batch-infer": ["info retrying"]},
    "005": REMOTE_ALL | WAITING | ETL_FAILED | LLM_RETRYING,
    **dict.fromkeys(("006", "007"), REMOTE_ALL | WAITING | ETL_FAILED | LLM_FAILED | SUSPENDED),
    "008": REMOTE_ALL | QUEUED | ETL_FAILED | LLM_FAILED,
    **dict.fromkeys(("009", "010", "011"), REMOTE_ALL | QUEUED | LLM_FAILED),
}


@pytest.mark.parametrize("capture", captures(), ids=lambda capture: capture.name)
def test_recorded_cluster_without_pods_and_events(capture: Capture) -> None:
    """Objects that are being created, retried, upgraded and deleted as usual have no finding."""
    now = datetime.fromtimestamp(capture.time, UTC)
    fleet = load(capture.kubectl_list) if any_items(capture) else Fleet(DIAGNOSED)
    assert causes(fleet, now) == WITHOUT_PODS[capture.name]


def any_items(capture: Capture) -> bool:
    return any(listed["items"] for listed in capture.lists.values())


CASES = {
    "01-submission-failed-still-running": {"RayJob thumbs-aa1bb": ["warning submission-failed"]},
    "02-cluster-ready-1-4": {},
    "04-condition-of-1-2-rc": {},
    "05-provisioning-first-time": {},
    "07-service-apps-v1-0": {},
    "08-suspending-window-kueue": {"RayCluster gated": ["info admission-pending"]},
    "10-failed-to-get-job-status-v1-0": {},
    "12-complete-with-a-reason": {},
    "14-validation-failed": {"RayJob invalid-one": ["warning invalid-spec"]},
    "15-mended-validation-initializing": {},
    "17-ready-without-conditions-1-1": {},
    "18-service-incremental-upgrade": {},
    "20-replica-failure-unhealthy": {"RayCluster broken": ["warning replica-failure"]},
    "21-manifest-without-uid": {},
    "22-null-times-and-other-kinds": {},
    "24-interactive-waiting": {"RayJob hands-on": ["info interactive"]},
    "58-complete-but-failed-v1-1": {"RayJob old": ["warning application-failed"]},
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
