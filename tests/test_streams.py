"""The recorded watch streams, replayed over HTTP: at every capture the operator's metrics, Retrying included."""

from tests.support.bodies import parse
from tests.support.parity import (
    JOB_DURATION,
    NOT_RECONCILED,
    RESTARTED_OPERATOR,
    Difference,
    differences,
    lost_by_operator,
    nine,
)
from tests.support.recordings import captures
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
