"""Lines of counters that grow between events: rendered anew for every scrape."""

from exporter.exposition.growing_lines import GrowingLines
from exporter.exposition.model import Family, GrowingCounters, Growth

CPU = Family("cpu_total", "counter", "h.", ("name", "uid"))


def update(lines: GrowingLines, counters: dict[str, GrowingCounters], *removed: str) -> None:
    lines.update([*removed, *counters], counters)


def printed(lines: GrowingLines, now: float) -> dict[str, list[str]]:
    """Return the lines of each family at a time."""
    families = lines.segments(now)
    return {text.family.name: b"".join(s.text for s in segments).decode().splitlines() for text, segments in families}


def test_a_snapshot_does_not_change() -> None:
    """What an update does while a scrape is rendered is in the next one."""
    lines = GrowingLines([CPU])
    update(lines, {"1": GrowingCounters(("a", "1"), (Growth(1.0, 0.0, 0.0),))})
    snapshot = lines.segments(0.0)
    update(lines, {"2": GrowingCounters(("b", "2"), (Growth(2.0, 0.0, 0.0),))}, "1")
    ((_, (segment,)),) = snapshot
    assert segment.text == b'cpu_total{name="a",uid="1"} 1\n'


def test_label_values_are_escaped_and_never_cost_the_scrape() -> None:
    """Percent signs, braces, and a lone surrogate, which has no UTF-8."""
    lines = GrowingLines([CPU])
    update(lines, {"1": GrowingCounters(('%s{"\\\n', "\ud800"), (Growth(1.0, 0.0, 0.0),))})
    assert printed(lines, 0.0)["cpu_total"] == ['cpu_total{name="%s{\\"\\\\\\n",uid="?"} 1']
