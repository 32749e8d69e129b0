"""Findings and their order."""

import json

import msgspec
import pytest

from exporter.diagnosis.causes import Cause, Severity
from exporter.diagnosis.finding import (
    MAX_EVIDENCE,
    Evidence,
    Finding,
    evidence_of,
    explains,
    finding,
    sorted_findings,
)
from exporter.resources.meta import ObjectMeta
from tests.support.fleets import NOW

ABOUT = Evidence("Pod", "ns", "w", "status")
META = ObjectMeta(name="a", uid="1", namespace="ns")


def of(severity: Severity, sentence: str) -> Finding:
    return Finding(Cause.UNKNOWN, severity, sentence)


CRITICAL, WARNING, INFO = Severity.CRITICAL, Severity.WARNING, Severity.INFO


@pytest.mark.parametrize(("severity", "rank"), [(CRITICAL, 0), (WARNING, 1), (INFO, 2)])
def test_severity_rank(severity: Severity, rank: int) -> None:
    """The worst has the lowest rank."""
    assert severity.rank == rank


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], []),
        ([(INFO, "a"), (WARNING, "b"), (CRITICAL, "c")], ["c", "b", "a"]),
        ([(WARNING, "z"), (CRITICAL, "y"), (WARNING, "a"), (CRITICAL, "b")], ["y", "b", "z", "a"]),
        ([(WARNING, "a"), (WARNING, "b"), (WARNING, "a")], ["a", "b"]),
    ],
)
def test_sorted_findings(given: list[tuple[Severity, str]], expected: list[str]) -> None:
    """The worst first, otherwise in the given order, each sentence once."""
    assert [item.sentence for item in sorted_findings([of(*one) for one in given])] == expected


def test_worst_of_equal_sentences() -> None:
    """Of findings with one sentence, the worst is kept."""
    assert sorted_findings([of(CRITICAL, "a"), of(INFO, "a")]) == (of(CRITICAL, "a"),)


def test_texts_are_those_of_the_cause() -> None:
    """Severity, advice and runbook are those of the row."""
    row = Cause.QUOTA
    assert finding(Cause.QUOTA, "No quota.") == Finding(
        Cause.QUOTA, WARNING, "No quota.", (), row.advice, "rayclusterreplicafailure"
    )


def test_severity_can_be_another_one() -> None:
    """What is usually critical can be less here."""
    assert finding(Cause.QUOTA, "No quota.", severity=INFO).severity is INFO


@pytest.mark.parametrize(("given", "kept"), [(0, 0), (2, 2), (3, 3), (4, 3)])
def test_evidence_is_bounded(given: int, kept: int) -> None:
    """The first of many are kept."""
    evidence = [Evidence("Pod", "ns", f"w-{number}", "status") for number in range(given)]
    assert finding(Cause.EVICTED, "Evicted.", *evidence).evidence == tuple(evidence[:kept])
    assert MAX_EVIDENCE == 3


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (finding(Cause.QUOTA, "s", ABOUT), True),
        (finding(Cause.SUSPENDED, "s", ABOUT), True),
        (finding(Cause.EVICTED, "s", ABOUT), False),
        (finding(Cause.HEAD_RESTARTED, "s", ABOUT), False),
        (finding(Cause.OUT_OF_MEMORY, "s", Evidence("Pod", "ns", "w", "status.x[ray].lastState.terminated")), False),
        (finding(Cause.OUT_OF_MEMORY, "s", ABOUT), True),
        (finding(Cause.UNKNOWN, "s", ABOUT), True),
    ],
    ids=lambda value: value.cause.value if isinstance(value, Finding) else None,
)
def test_explains(item: Finding, expected: bool) -> None:
    """What runs again does not explain why something has not started."""
    assert explains(item) is expected


@pytest.mark.parametrize(
    ("about", "container", "command"),
    [
        (Evidence("Pod", "ml", "w-1", "status"), "ray-worker", "kubectl -n ml logs pod/w-1 -c ray-worker --previous"),
        (Evidence("Pod", "", "w-1", "status"), "", "kubectl logs pod/w-1 --previous"),
        (Evidence("Pod", "a b", "$(x)", "status"), "c;d", "kubectl -n 'a b' logs pod/'$(x)' -c 'c;d' --previous"),
    ],
)
def test_command_is_about_the_first_evidence(about: Evidence, container: str, command: str) -> None:
    """And safe for a shell, whatever the names are."""
    assert finding(Cause.CRASH_LOOP, "s", about, container=container).command == command


@pytest.mark.parametrize(
    ("cause", "kind", "runbook"),
    [
        (Cause.INVALID_SPEC, "RayJob", "rayjobvalidationfailed"),
        (Cause.INVALID_SPEC, "RayCluster", "rayinvalidspec"),
        (Cause.UNKNOWN, "RayService", "rayservicenotready"),
        (Cause.UNKNOWN, "Pod", "rayclusterprovisioningstuck"),
    ],
)
def test_runbook_is_the_one_of_the_kind(cause: Cause, kind: str, runbook: str) -> None:
    """A cause that several kinds have can have a runbook for each."""
    assert finding(cause, "s", Evidence(kind, "ns", "a", "status")).runbook == runbook


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (
            evidence_of("RayJob", META, "status.reason"),
            {"kind": "RayJob", "namespace": "ns", "name": "a", "field": "status.reason"},
        ),
        (
            evidence_of("Pod", META, "status", NOW, "text"),
            {
                "kind": "Pod",
                "namespace": "ns",
                "name": "a",
                "field": "status",
                "time": "2026-11-23T10:14:00Z",
                "message": "text",
            },
        ),
    ],
    ids=["without time and message", "with both"],
)
def test_evidence_as_json(evidence: Evidence, expected: dict[str, str]) -> None:
    """What is absent is left out."""
    assert json.loads(msgspec.json.encode(evidence)) == expected
