"""Rules of deletion, in their two forms."""

from typing import Any

import pytest

from exporter.collectors.rayjob import RAYJOBS, deletion_rules
from tests.support.objects import decode, manifest

FAILED_25 = {"policy": "DeleteCluster", "condition": {"jobStatus": "FAILED", "ttlSeconds": 25}}


@pytest.mark.parametrize(
    ("strategy", "rules"),
    [
        pytest.param(None, {}, id="none"),
        pytest.param({}, {}, id="empty"),
        pytest.param({"deletionRules": [{}]}, {("", "", ""): 0}, id="a rule without anything"),
        pytest.param({"onSuccess": {}}, {}, id="an older rule without a policy"),
        pytest.param(
            {"deletionRules": [FAILED_25], "onFailure": {"policy": "DeleteCluster"}},
            {("", "FAILED", "DeleteCluster"): 10},
            id="an older rule that applies first",
        ),
        pytest.param(
            {"deletionRules": [FAILED_25], "onFailure": {"policy": "DeleteSelf"}},
            {("", "FAILED", "DeleteCluster"): 25, ("", "FAILED", "DeleteSelf"): 10},
            id="rules with other policies",
        ),
    ],
)
def test_rules(strategy: dict[str, Any] | None, rules: dict[tuple[str, ...], float]) -> None:
    """One series for each deployment status, job status and policy, with the seconds of the first to apply."""
    spec = {"ttlSecondsAfterFinished": 10, "deletionStrategy": strategy}
    job = decode(RAYJOBS, manifest() | {"spec": spec})
    assert dict(deletion_rules(job.spec)) == rules
