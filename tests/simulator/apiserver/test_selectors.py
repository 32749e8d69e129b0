"""Label and field selectors, as the API server reads them."""

import pytest

from exporter.simulator.apiserver.history import StoredEvent
from exporter.simulator.apiserver.requests import BadRequestError
from exporter.simulator.apiserver.selectors import Selector

POD = StoredEvent.of(
    "ADDED",
    1,
    "ns/a",
    {
        "metadata": {"name": "a", "namespace": "ns", "labels": {"app": "ray", "tier": ""}},
        "status": {"phase": "Running"},
    },
)


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("app", True),
        ("!app", False),
        ("!missing", True),
        ("app=ray", True),
        ("app==ray", True),
        ("app!=ray", False),
        ("missing!=ray", True),
        ("tier=", True),
        ("app in (x, ray)", True),
        ("app notin (x,ray)", False),
        ("missing notin (x)", True),
        ("app=ray,!missing", True),
        ("app=ray,missing", False),
    ],
)
def test_labels(selector: str, matches: bool) -> None:
    """A label that is absent is not equal to anything."""
    assert Selector("pods", selector, "").matches(POD) is matches


@pytest.mark.parametrize(
    ("selector", "matches"),
    [("status.phase=Running", True), ("status.phase!=Running", False), ("metadata.name=a,metadata.namespace=x", False)],
)
def test_fields(selector: str, matches: bool) -> None:
    """All of them have to match."""
    assert Selector("pods", "", selector).matches(POD) is matches


@pytest.mark.parametrize(
    ("plural", "labels", "fields"),
    [("pods", "a in", ""), ("pods", "=", ""), ("pods", "", "spec.image=x"), ("rayjobs", "", "status.phase=x")],
)
def test_what_the_server_does_not_understand_is_a_bad_request(plural: str, labels: str, fields: str) -> None:
    """Syntax, or a field that cannot be selected."""
    with pytest.raises(BadRequestError):
        Selector(plural, labels, fields)
