"""Whether the exporter is ready, from the states of informers."""

from dataclasses import replace
from typing import Any, cast

import pytest

from exporter.kube.informer import Informer
from exporter.kube.sync_state import InformerState, SyncState
from exporter.readiness import HOLD_BACK_SECONDS, STALE_SECONDS, InformerStatus
from tests.support.informers import LISTING, SYNCED, FakeInformer

REFUSED = replace(LISTING, name="rayservices", sync=SyncState.REFUSED)
MISSING = replace(LISTING, name="raycronjobs", sync=SyncState.NOT_INSTALLED)
FAILING = replace(LISTING, failing_seconds=HOLD_BACK_SECONDS)


def status_of(*states: InformerState) -> InformerStatus:
    status = InformerStatus(cast("list[Informer[Any]]", [FakeInformer(state) for state in states]))
    status.tick()
    return status


@pytest.mark.parametrize(
    ("states", "reason"),
    [
        pytest.param([SYNCED], None, id="synced"),
        pytest.param([SYNCED, MISSING, REFUSED], None, id="synced, missing and refused"),
        pytest.param([MISSING], None, id="KubeRay is not installed"),
        pytest.param([SYNCED, LISTING], "not listed yet: rayjobs", id="one is not listed"),
        pytest.param([REFUSED, REFUSED], "refuses every list", id="all are refused"),
        pytest.param([FAILING, FAILING], "not listed yet: rayjobs, rayjobs", id="all fail: the server is down"),
        pytest.param([FAILING, REFUSED], "not listed yet: rayjobs", id="nothing shows that the server works"),
        pytest.param([FAILING, replace(SYNCED, is_connected=False)], "not listed yet", id="an outage at the start"),
        pytest.param([FAILING, SYNCED], None, id="one fails for long while another is watched"),
        pytest.param([FAILING, MISSING], None, id="one fails for long while another is not installed"),
        pytest.param([replace(FAILING, failing_seconds=29.0), SYNCED], "not listed yet", id="not for long enough"),
    ],
)
def test_readiness(states: list[InformerState], reason: str | None) -> None:
    """Ready means that no answer can look like a deletion of everything."""
    answer = status_of(*states).why_not_ready()
    assert (answer is None) == (reason is None)
    assert (reason or "") in (answer or "")


def test_the_reason_says_why_lists_fail() -> None:
    """Each one once, and not hundreds of them."""
    refused = replace(LISTING, failure="couldn't connect: refused")
    many = [replace(LISTING, failure=f"500: reason {number}") for number in range(5)]
    assert status_of(refused, refused).why_not_ready() == "not listed yet: rayjobs, rayjobs (couldn't connect: refused)"
    assert (status_of(*many).why_not_ready() or "").endswith(
        "(500: reason 0; 500: reason 1; 500: reason 2; and 2 more reasons)"
    )


def test_a_reason_cannot_control_a_terminal() -> None:
    """It has what a server, or whatever is in its place, has answered."""
    garbage = replace(LISTING, failure="no answer: \x1b[2J\x00\n")
    assert status_of(garbage).why_not_ready() == r"not listed yet: rayjobs (no answer: \u001b[2J\u0000\n)"


def test_a_kind_that_is_left_out_is_named_and_stays_left_out() -> None:
    """Also in an outage that begins later: the exporter does not become unready again."""
    informers = [FakeInformer(FAILING), FakeInformer(SYNCED)]
    status = InformerStatus(cast("list[Informer[Any]]", informers))
    assert status.why_not_ready() == "not listed yet: rayjobs"
    status.tick()
    assert status.why_not_ready() is None
    informers[1].current = replace(SYNCED, is_connected=False)
    assert status.why_not_ready() is None
    assert status.incomplete() == ["rayjobs: every list fails"]


def test_what_is_alive() -> None:
    """A thread that has ended is named."""
    assert status_of(SYNCED).why_not_alive() is None
    assert status_of(SYNCED, replace(LISTING, is_alive=False)).why_not_alive() == "thread ended: rayjobs"


def test_rows_of_the_landing_page() -> None:
    """In plain words."""
    rows = status_of(SYNCED, replace(SYNCED, is_connected=False), LISTING, MISSING, REFUSED).kinds()
    assert [(row.name, row.objects, row.state) for row in rows] == [
        ("rayclusters", 7, "synced, watching"),
        ("rayclusters", 7, "synced, but not connected"),
        ("rayjobs", 0, "not listed yet"),
        ("raycronjobs", 0, "not installed"),
        ("rayservices", 0, "refused by the API server"),
    ]


def test_a_watch_that_stays_closed_is_stale() -> None:
    """Since it was closed; not while the next one is opened."""
    informer, clock = FakeInformer(SYNCED), [1000.0]
    status = InformerStatus(cast("list[Informer[Any]]", [informer]), lambda: clock[0])
    status.tick()
    assert status.kinds()[0].stale_since is None
    informer.current = replace(SYNCED, is_connected=False)
    status.tick()
    assert status.kinds()[0].stale_since is None
    clock[0] += STALE_SECONDS
    status.tick()
    assert status.kinds()[0].stale_since == 1000.0
    informer.current = SYNCED
    status.tick()
    assert status.kinds()[0].stale_since is None


def test_what_is_missing_is_said_with_what_to_do() -> None:
    """Nothing of a kind that is not installed: then there are no such objects."""
    failing = replace(FAILING, failure="500: webhook")
    problems = [kind.problem for kind in status_of(SYNCED, MISSING, REFUSED, failing).kinds()]
    assert problems[:2] == ["", ""]
    assert "rayservices are missing: the API server refuses the list" in problems[2]
    assert problems[3] == "rayjobs are missing: every list fails (500: webhook)"
