"""The whole of `/metrics` at one recorded moment is as reviewed."""

from golden import MOMENT, golden
from recordings import TESTDATA
from replaying import replaying


def test_metrics_are_as_reviewed() -> None:
    """If the change is meant: `make golden`, and review the difference."""
    with replaying() as (_, _, body_at):
        body = body_at(MOMENT.time)
    assert golden(body).splitlines() == (TESTDATA / "golden.prom").read_text().splitlines()
