"""RayJob: which managedFields are kept, and defaults of rules."""

import pytest

from exporter.collectors.rayjob import RAYJOBS
from tests.support.objects import decode, manifest

FIELDS = [
    {"manager": "kuberay-operator", "subresource": "status", "time": "2026-11-23T10:00:00Z", "fieldsV1": {"f:x": {}}}
]


@pytest.mark.parametrize(
    ("state", "is_kept"), [("Retrying", True), ("Running", False), ("Complete", False), (None, False)]
)
def test_managed_fields_are_kept_while_a_job_is_retried(state: str | None, is_kept: bool) -> None:
    """They are half of its memory, and only Retrying has no other clock."""
    job = decode(RAYJOBS, manifest({"jobDeploymentStatus": state}, managedFields=FIELDS))
    assert bool(job.metadata.managed_fields) is is_kept


def test_managed_fields_of_a_job_without_a_status_are_dropped() -> None:
    """As of any job that is not Retrying."""
    assert decode(RAYJOBS, manifest(managedFields=FIELDS)).metadata.managed_fields is None


def test_a_rule_without_a_condition_has_an_empty_one() -> None:
    """Collectors read it without a check."""
    spec = {"deletionStrategy": {"deletionRules": [{"policy": "DeleteSelf"}]}}
    (rule,) = decode(RAYJOBS, manifest() | {"spec": spec}).spec.deletion_strategy.deletion_rules
    assert (rule.condition.job_status, rule.condition.ttl_seconds) == (None, None)


def test_states_and_reasons_of_two_jobs_are_one_string() -> None:
    """Thousands of jobs have the same ones."""
    one, two = (decode(RAYJOBS, manifest({"jobStatus": "FAILED", "reason": "AppFailed"})).status for _ in range(2))
    assert one.job_status is two.job_status
    assert one.reason is two.reason
