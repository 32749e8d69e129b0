"""`render` on recorded lists prints what the operator printed; every difference is named here."""

import pytest

from tests.support.commands import run
from tests.support.parity import (
    CLUSTER_DURATION,
    JOB_DURATION,
    NOT_RECONCILED,
    RESTARTED_OPERATOR,
    Difference,
    differences,
    lost_by_operator,
    nine,
)
from tests.support.recordings import Capture, captures

CAPTURES = captures()

EARLIER_ATTEMPTS = {
    "batch-infer, first attempt": Difference("missing", JOB_DURATION, "batch-infer", "0"),
    "train-llm, first attempt": Difference("missing", JOB_DURATION, "train-llm", "0"),
    "train-llm, second attempt": Difference("missing", JOB_DURATION, "train-llm", "1"),
}
"""A job shows Retrying for seconds only: from a list alone only the last attempt can be told."""


def expected_differences(capture: Capture, exporter: bytes) -> set[Difference]:
    if capture.name == RESTARTED_OPERATOR:
        return lost_by_operator(exporter)
    expected = set(NOT_RECONCILED if capture.name >= "003" else ())
    if capture.name >= "004":
        expected |= {EARLIER_ATTEMPTS["batch-infer, first attempt"], EARLIER_ATTEMPTS["train-llm, first attempt"]}
    if capture.name >= "005":
        expected |= {EARLIER_ATTEMPTS["train-llm, second attempt"]}
    return expected


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda capture: capture.name)
def test_render_of_a_recorded_list_equals_the_operator(capture: Capture) -> None:
    """Families, HELP, TYPE, labels and values are the operator's, but for the differences named above."""
    body = nine(render(capture.kubectl_list))
    assert differences(capture.operator_body, body) == expected_differences(capture, body)


def test_suspended_cluster_keeps_its_duration_when_only_the_list_is_known() -> None:
    """The operator's value for `interactive-dev`, suspended in 006, is found in its transition times."""
    body = render(CAPTURES[5].kubectl_list).decode()
    assert f'{CLUSTER_DURATION}{{name="interactive-dev"' in body


def test_restarted_operator_lost_what_the_exporter_still_prints() -> None:
    """After the operator's restart the exporter's durations are those from before it."""
    before, after = (
        [line for line in nine(render(capture.kubectl_list)).splitlines() if b"duration_seconds{" in line]
        for capture in CAPTURES[-2:]
    )
    assert before == after
    assert len(before) == 19


def test_headers_are_the_operators_to_the_byte() -> None:
    """HELP and TYPE lines of all nine families are equal as bytes, the typographic apostrophe included."""
    capture = CAPTURES[4]
    assert headers(nine(render(capture.kubectl_list))) == headers(capture.operator_body)
    assert len(headers(capture.operator_body)) == 18


def headers(body: bytes) -> set[bytes]:
    return {line for line in body.splitlines() if line.startswith(b"#")}


def render(data: bytes) -> bytes:
    return run("render", "-", stdin=data).stdout
