"""What a diagnosis reads in addition to the metrics: messages with bounds."""

import json
from typing import Any

import msgspec

from exporter.resources.detailed import (
    MAX_MESSAGES,
    DetailedPod,
    DetailedRayCluster,
    DetailedRayJob,
    DetailedRayService,
)
from exporter.resources.meta import MAX_MESSAGE_LENGTH, cut
from tests.support.objects import condition, manifest

LONG = "start " + "x" * 5000 + " end"


def decode(type_: Any, obj: dict[str, Any]) -> Any:
    return msgspec.json.decode(json.dumps(obj), type=type_)


def test_messages_are_cut_in_the_middle() -> None:
    """The beginning is kept, and the end, where a log has the error; lines stay apart."""
    assert cut("a\n \n  b\tc") == "a\nb c"
    assert len(cut(LONG)) == MAX_MESSAGE_LENGTH
    assert cut(LONG).startswith("start x")
    assert cut(LONG).endswith("x end")
    assert cut("short") == "short"


def test_only_the_first_conditions_keep_their_messages() -> None:
    """However many somebody has written into an object."""
    conditions = [condition(f"C{number}", "True", message="m") for number in range(MAX_MESSAGES + 5)]
    for type_ in (DetailedRayCluster, DetailedRayService):
        status = decode(type_, manifest({"conditions": conditions})).status
        assert [one.message for one in status.conditions] == ["m"] * MAX_MESSAGES + [None] * 5


def test_only_the_first_applications_and_deployments_keep_their_messages() -> None:
    """Their states are all kept."""
    deployments = {f"d{number}": {"status": "UNHEALTHY", "message": "m"} for number in range(MAX_MESSAGES + 1)}
    application = {"status": "UNHEALTHY", "message": "m", "serveDeploymentStatuses": deployments}
    applications = {f"a{number}": application for number in range(MAX_MESSAGES + 1)}
    service = decode(DetailedRayService, manifest({"activeServiceStatus": {"applicationStatuses": applications}}))
    kept = list(service.status.active_service_status.application_statuses.values())
    assert [one.message for one in kept] == ["m"] * MAX_MESSAGES + [None]
    in_first, in_last = (list(one.serve_deployment_statuses.values()) for one in (kept[0], kept[-1]))
    assert [one.message for one in in_first] == ["m"] * MAX_MESSAGES + [None]
    assert [one.message for one in in_last] == [None] * (MAX_MESSAGES + 1)
    assert {one.status for one in (*in_first, *in_last)} == {"UNHEALTHY"}


def test_applications_without_a_message_do_not_count() -> None:
    """The one that failed has its message, however many run."""
    applications = {f"a{number}": {"status": "RUNNING", "message": ""} for number in range(2 * MAX_MESSAGES)}
    applications["b"] = {"status": "DEPLOY_FAILED", "message": "m"}
    service = decode(DetailedRayService, manifest({"activeServiceStatus": {"applicationStatuses": applications}}))
    assert service.status.active_service_status.application_statuses["b"].message == "m"


def test_finalizers_are_kept_of_objects_in_deletion() -> None:
    """Before that, they explain nothing."""
    finalizers = [f"f{number}" for number in range(20)]
    assert decode(DetailedRayJob, manifest(finalizers=finalizers)).metadata.finalizers is None
    deleted = decode(DetailedRayJob, manifest(finalizers=finalizers, deletionTimestamp="2026-01-01T00:00:00Z"))
    assert deleted.metadata.finalizers == tuple(finalizers[:8])


def test_what_the_metrics_read_is_unchanged() -> None:
    """managedFields of a job that is not being retried are dropped, and labels of pods become fields."""
    job = manifest({"jobDeploymentStatus": "Running"}, managedFields=[{"manager": "m"}])
    assert decode(DetailedRayJob, job).metadata.managed_fields is None
    pod = decode(DetailedPod, manifest({"phase": "Running"}, labels={"ray.io/cluster": "c"}))
    assert (pod.metadata.ray_cluster, pod.metadata.labels) == ("c", None)


def test_of_a_pod_only_messages_that_explain_something_are_kept() -> None:
    """A condition that is true explains nothing."""
    conditions = [
        condition("PodScheduled", "False", reason="Unschedulable", message="3 Insufficient cpu."),
        condition("Ready", "True", message="m"),
    ]
    pod = decode(DetailedPod, manifest({"conditions": conditions}))
    assert [one.message for one in pod.status.conditions] == ["3 Insufficient cpu.", None]
