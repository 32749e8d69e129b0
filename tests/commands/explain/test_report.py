"""Findings as lines of text."""

from typing import Any

import click
import pytest
from msgspec.structs import replace

from exporter.commands.explain.report import chain, printable, table
from exporter.diagnosis.causes import Cause, Severity
from exporter.diagnosis.finding import Finding
from exporter.diagnosis.related import Known
from exporter.views.views import ObjectView, view_of
from tests.support.fleets import NOW, Manifest, fleet_of, pod, waiting
from tests.support.objects import condition, manifest


def view(name: str, *sentences: str, severity: Severity = Severity.CRITICAL) -> ObjectView:
    findings = tuple(Finding(Cause.UNKNOWN, severity, sentence) for sentence in sentences)
    return ObjectView("RayJob", "ns", name, name, "Running", not findings, findings)


def lines_about(*objects: tuple[str, Manifest], known: Known | None = None) -> list[str]:
    """Return the chain of the first object, without colours."""
    fleet = fleet_of(*objects, known=known)
    kind, first = objects[0]
    obj = fleet.find(kind, "ns", first["metadata"]["name"])
    assert obj is not None
    return [click.unstyle(line) for line in chain(view_of(obj, fleet, NOW), fleet.known, fleet, NOW)]


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("", ""),
        ("plain é ← text", "plain é ← text"),
        ("\x1b[2Jgone", "?[2Jgone"),
        ("two\nlines\tand\r", "two?lines?and?"),
        ("\x00\x7f\x9b", "???"),
        ("\u202eleft", "?left"),
    ],
)
def test_printable(text: str, printed: str) -> None:
    """No character can move the cursor, change a colour or the direction of writing."""
    assert printable(text) == printed


@pytest.mark.parametrize(
    ("views", "lines"),
    [
        ([], []),
        ([view("a")], []),
        ([view("a", "One.")], ["critical  RayJob ns/a  One."]),
        ([view("a", "One.", "Two.")], ["critical  RayJob ns/a  One. (and 1 more finding)"]),
        ([view("a", "One.", "Two.", "Three.")], ["critical  RayJob ns/a  One. (and 2 more findings)"]),
        (
            [view("long-name", "One."), view("healthy-with-a-longer-name"), view("b", "Two.", severity=Severity.INFO)],
            ["critical  RayJob ns/long-name  One.", "info      RayJob ns/b          Two."],
        ),
        ([view("\x1b[1m", "A\nB")], ["critical  RayJob ns/?[1m  A?B"]),
    ],
)
def test_table(views: list[ObjectView], lines: list[str]) -> None:
    """A line for each object with a finding, in columns as wide as those that are printed."""
    assert [click.unstyle(line) for line in table(views)] == lines


@pytest.mark.parametrize(
    ("severity", "colour"),
    [(Severity.CRITICAL, "\x1b[31m"), (Severity.WARNING, "\x1b[33m"), (Severity.INFO, "\x1b[36m")],
)
def test_colour_of_a_severity(severity: Severity, colour: str) -> None:
    """Red, yellow, cyan."""
    (line,) = table([view("a", "One.", severity=severity)])
    assert line == f"{colour}{severity.value:8}\x1b[0m  RayJob ns/a  One."


@pytest.mark.parametrize(
    ("known", "without"),
    [
        (Known(), ""),
        (Known(pods=False), " (without pods)"),
        (Known(clusters=False, pods=False, events=False), " (without RayClusters, pods, Events)"),
    ],
)
def test_a_healthy_object(known: Known, without: str) -> None:
    """With the kinds that could not be read: without them some causes cannot be seen."""
    job = manifest({"jobDeploymentStatus": "Complete", "jobStatus": "SUCCEEDED"})
    assert lines_about(("RayJob", job), known=known)[-1] == f"← healthy: no finding{without}"


def test_failed_attempts_and_workers_are_in_the_state() -> None:
    """Of a job and of its cluster."""
    job = manifest({"jobDeploymentStatus": "Running", "rayClusterName": "c", "failed": 2})
    cluster = manifest({"state": "ready", "desiredWorkerReplicas": 2, "readyWorkerReplicas": 1}, name="c", uid="2")
    lines = lines_about(("RayJob", job), ("RayCluster", cluster))
    assert lines[:2] == ["RayJob ns/a: Running, 2 failed attempts", "← RayCluster ns/c: Ready, 1 of 2 workers ready"]


@pytest.mark.parametrize(
    ("details", "figures"),
    [
        ({"workers": {"desired": 2, "ready": 1}}, ", 1 of 2 workers ready"),
        ({"workers": {"desired": 2, "available": 2}}, ", 2 of 2 workers running"),
        ({"failed": 1, "jobId": "x"}, ", 1 failed attempt"),
        ({"workers": "many"}, ""),
        (None, ""),
    ],
)
def test_figures_of_a_running_exporter_are_in_the_state(details: Any, figures: str) -> None:
    """Its details are decoded JSON; what is no figure is left out."""
    first, *_ = chain(replace(view("a"), details=details), Known(), None, NOW)
    assert click.unstyle(first) == f"RayJob ns/a: Running{figures}"


def test_pods_are_counted_by_status_and_their_messages_are_printable() -> None:
    """The most frequent status is the first; a message of another program is in the evidence."""
    status = {"desiredWorkerReplicas": 3, "conditions": [condition("RayClusterProvisioned", "False")]}
    bad = waiting("ImagePullBackOff", "no\x1b image")
    pods = pod("w1", phase="Running"), pod("w2", **bad), pod("w3", **bad)
    lines = lines_about(("RayCluster", manifest(status)), *pods)
    assert lines[1] == "← 3 pods: 2 ImagePullBackOff, 1 Running"
    (evidence,) = [line for line in lines if line.startswith("    Pod w2, ")]
    assert evidence.endswith(": no? image")
    assert any(line.startswith("    What helps: ") for line in lines)
