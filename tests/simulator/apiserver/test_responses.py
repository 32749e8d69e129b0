"""Responses, word for word those of the real server; recorded ones are compared in test_server.py."""

import json
from typing import Any

from exporter.simulator.apiserver import responses
from exporter.simulator.apiserver.responses import ApiResponse
from exporter.simulator.apiserver.store import FutureVersionError


def body_of(response: ApiResponse) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(response.body)
    return body


def test_a_status_has_its_keys_in_the_order_of_go() -> None:
    """Code and reason say the same."""
    response = responses.status(410, "Expired", "too old")
    assert list(body_of(response)) == ["kind", "apiVersion", "metadata", "status", "message", "reason", "code"]
    assert (response.status, body_of(response)["code"]) == (410, 410)


def test_discovery_without_kinds_is_that_of_a_group_that_is_not_served() -> None:
    """Plain text, as for any unknown path."""
    assert responses.resource_list([]) == responses.not_served()
    names = [resource["name"] for resource in body_of(responses.resource_list(["rayjobs"]))["resources"]]
    assert names == ["rayjobs"]


def test_a_version_of_the_future_is_a_timeout_that_can_be_retried() -> None:
    """In the header and in the body."""
    response = responses.too_large(FutureVersionError(9, 7))
    assert response.status == 504
    assert ("Retry-After", "1") in response.headers
    assert body_of(response)["details"]["retryAfterSeconds"] == 1


def test_the_version_is_readable() -> None:
    """Discovery asks for it if the group is missing."""
    assert body_of(responses.version())["gitVersion"].startswith("v1.")
