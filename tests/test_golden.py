"""The whole of `/metrics` at one recorded moment is as reviewed."""

from tests.support.recordings import TESTDATA
from tests.support.replaying import replaying
from tools.golden import MOMENT, golden


def test_metrics_are_as_reviewed() -> None:
    """If the change is meant: `make golden`, and review the difference."""
    with replaying() as (_, _, body_at):
        body = body_at(MOMENT.time)
    assert golden(body).splitlines() == (TESTDATA / "golden.prom").read_text().splitlines()
