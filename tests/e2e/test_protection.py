"""--metrics-auth kubernetes: the real API server reviews the tokens of clients."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.e2e.cluster import DEADLINE_SECONDS, READER_RULES, Account, Cluster
from tests.e2e.gate import Gate
from tests.e2e.rays import RAYJOB
from tests.support.processes import Process, serving
from tests.support.watching import wait_until

REVIEWER_RULES: list[dict[str, Any]] = [
    *READER_RULES,
    {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
    {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
]
CLIENT_RULES: list[dict[str, Any]] = [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]
AUDIENCE = "kuberay-exporter"


class Protected(NamedTuple):
    """An exporter that asks for tokens, its proxy to the API server, and two clients: one may scrape."""

    process: Process
    gate: Gate
    allowed: Account
    stranger: Account

    def scrape(self, token: str, path: str = "/metrics") -> int:
        return self.process.get(path, Authorization=f"Bearer {token}").status


@pytest.fixture
def protected(cluster: Cluster, namespace: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Protected]:
    cluster.create(RAYJOB, namespace, "a")
    with (
        cluster.account(namespace, "exporter", REVIEWER_RULES) as exporter,
        cluster.account(namespace, "allowed", CLIENT_RULES) as allowed,
        cluster.account(namespace, "stranger", []) as stranger,
        Gate(*cluster.api.address) as gate,
    ):
        kubeconfig = cluster.write_kubeconfig(tmp_path, exporter.token("exporter"), gate.address)
        flags = ["--metrics-auth", "kubernetes", "--metrics-auth-cache-ttl", "1s", *getattr(request, "param", ())]
        with serving(kubeconfig, "--collectors", "rayjobs", *flags) as process:
            process.wait_until_ready()
            yield Protected(process, gate, allowed, stranger)


def test_only_a_token_that_is_allowed_sees_series(protected: Protected) -> None:
    """200 for the path that RBAC allows, 403 for others and for other accounts, 401 for what is no token."""
    token = protected.allowed.token("allowed")
    assert protected.scrape(token) == 200
    assert protected.scrape(token, "/") == 403
    assert protected.scrape(protected.stranger.token("stranger")) == 403
    assert protected.scrape("no-token") == 401
    assert protected.process.get("/metrics").status == 401
    assert protected.process.get("/readyz").body == b"ok\n"


def test_a_token_for_another_audience_is_refused(protected: Protected) -> None:
    """It was made for another service, which could use it here otherwise."""
    assert protected.scrape(protected.allowed.token("other", (AUDIENCE,))) == 401


@pytest.mark.parametrize("protected", [("--metrics-auth-audiences", AUDIENCE)], indirect=True)
def test_a_token_for_the_exporters_own_audience_is_accepted(protected: Protected) -> None:
    """And one for the API server is not: whoever gets it in a scrape cannot use it there."""
    assert protected.scrape(protected.allowed.token("own", (AUDIENCE,))) == 200
    assert protected.scrape(protected.allowed.token("default")) == 401


def test_a_revoked_token_is_refused_when_its_decision_is_old(protected: Protected) -> None:
    """The decision is used for a second here; the API server has its own cache."""
    token = protected.allowed.token("revoked")
    assert protected.scrape(token) == 200
    protected.allowed.revoke("revoked", token)
    wait_until(lambda: protected.scrape(token) == 401, "refused", DEADLINE_SECONDS, 0.2)


def test_known_tokens_are_accepted_while_the_api_server_is_unavailable(protected: Protected) -> None:
    """Unknown ones get 500, never series."""
    token, unknown = protected.allowed.token("known"), protected.allowed.token("unknown")
    assert protected.scrape(token) == 200
    protected.gate.close()
    wait_until(lambda: protected.scrape(unknown) == 500, "no review", DEADLINE_SECONDS, 0.2)
    assert protected.scrape(token) == 200
    protected.gate.open()
    wait_until(lambda: protected.scrape(unknown) == 200, "reviewed again", DEADLINE_SECONDS, 0.2)
