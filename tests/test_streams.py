"""The recorded watch streams, replayed over HTTP: at every capture the operator's metrics, Retrying included."""

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from tests.support.bodies import GROWING, parse
from tests.support.parity import (
    JOB_DURATION,
    NINE,
    NOT_RECONCILED,
    RESTARTED_OPERATOR,
    Difference,
    differences,
    lost_by_operator,
    nine,
)
from tests.support.recordings import Capture, captures
from tests.support.replaying import replaying


def test_replayed_streams_give_the_operators_metrics_at_every_capture() -> None:
    """Whoever watches from the start misses nothing that the operator had, and prints nothing else."""
    with replaying() as (_, _, body_at):
        for capture in captures():
            body = nine(body_at(capture.time))
            expected: set[Difference] = set(NOT_RECONCILED) if capture.name >= "003" else set()
            if capture.name == RESTARTED_OPERATOR:
                expected = lost_by_operator(body)
            assert differences(capture.operator_body, body) == expected, capture


def test_retrying_attempts_are_seen_in_the_stream() -> None:
    """What no list shows: each attempt's own series, at the end of the recording."""
    with replaying() as (_, _, body_at):
        series = parse(body_at(captures()[-1].time))[JOB_DURATION].series
    attempts = {
        (labels["name"], labels["job_deployment_status"], labels["retry_count"])
        for labels in (dict(key[1]) for key in series)
    }
    assert {
        ("batch-infer", "Retrying", "0"),
        ("batch-infer", "Complete", "1"),
        ("train-llm", "Retrying", "0"),
        ("train-llm", "Retrying", "1"),
        ("train-llm", "Failed", "2"),
    } <= attempts


@pytest.mark.parametrize("capture", [captures()[i] for i in (4, 8)], ids=lambda capture: capture.name)
def test_collect_gives_what_the_fast_path_gives(capture: Capture) -> None:
    """The collectors in somebody else's registry, rendered by prometheus_client: equal after parsing."""
    with replaying() as (_, exporter, body_at):
        fast = of_objects(body_at(capture.time))
        registry = CollectorRegistry()
        for store in exporter.metrics_stores:
            registry.register(store.collector)
            registry.register(store.lifecycle)
        slow = parse(generate_latest(registry))
    assert slow == parse(fast)
    assert slow.keys() > NINE


def of_objects(body: bytes) -> bytes:
    """Return the lines of all but the exporter's own families, and those that grow from moment to moment."""
    lines = body.splitlines(keepends=True)
    own = (b"kuberay_exporter_", b"process_", b"python_", *GROWING)
    return b"".join(
        line for line in lines if not line.removeprefix(b"# HELP ").removeprefix(b"# TYPE ").startswith(own)
    )
