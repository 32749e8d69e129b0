"""Lines of counters that grow between events: rendered anew for every scrape."""

from exporter.exposition.growing_lines import GrowingLines
from exporter.exposition.model import Family, GrowingCounters, Growth

CPU = Family("cpu_total", "counter", "h.", ("name", "uid"))
GPU = Family("gpu_total", "counter", "h.", ("name", "uid"))


def update(lines: GrowingLines, counters: dict[str, GrowingCounters], *removed: str) -> None:
    lines.update([*removed, *counters], counters)


def printed(lines: GrowingLines, now: float) -> dict[str, list[str]]:
    """Return the lines of each family at a time."""
    families = lines.segments(now)
    return {text.family.name: b"".join(s.text for s in segments).decode().splitlines() for text, segments in families}


def test_lines_show_the_value_at_the_time_of_the_scrape() -> None:
    """Rounded down, so that a value is never above the true one; it does not grow if its rate is 0."""
    lines = GrowingLines([CPU, GPU])
    update(lines, {"1": GrowingCounters(("a", "1"), (Growth(10.0, 0.5, 100.0), Growth(7.9, 0.0, 100.0)))})
    assert printed(lines, 100.0) == {
        "cpu_total": ['cpu_total{name="a",uid="1"} 10'],
        "gpu_total": ['gpu_total{name="a",uid="1"} 7'],
    }
    assert printed(lines, 103.0)["cpu_total"] == ['cpu_total{name="a",uid="1"} 11']
    assert printed(lines, 1e9)["gpu_total"] == ['gpu_total{name="a",uid="1"} 7']


def test_a_counter_without_anything_to_count_prints_nothing() -> None:
    """Neither a line nor, if no object has one, its family."""
    lines = GrowingLines([CPU, GPU])
    update(
        lines,
        {
            "1": GrowingCounters(("a", "1"), (None, None)),
            "2": GrowingCounters(("b", "2"), (Growth(0.0, 1.0, 5.0), None)),
        },
    )
    assert printed(lines, 5.0) == {"cpu_total": ['cpu_total{name="b",uid="2"} 0']}


def test_objects_keep_their_order_while_they_exist() -> None:
    """Prometheus finds the series of the last scrape at the same place; unknown keys are ignored."""
    lines, growth = GrowingLines([CPU]), (Growth(0.0, 1.0, 0.0),)
    update(lines, {uid: GrowingCounters((f"n{uid}", uid), growth) for uid in "123"})
    update(lines, {"1": GrowingCounters(("n1", "1"), (Growth(5.0, 2.0, 0.0),))}, "2", "unknown")
    assert printed(lines, 0.0)["cpu_total"] == ['cpu_total{name="n1",uid="1"} 5', 'cpu_total{name="n3",uid="3"} 0']
    update(lines, {"2": GrowingCounters(("n2", "2"), growth)})
    assert [line.split('uid="')[1][0] for line in printed(lines, 0.0)["cpu_total"]] == ["1", "3", "2"]


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


def test_no_families_keep_nothing() -> None:
    """A kind without such counters, or one whose counters are not exported."""
    lines = GrowingLines([])
    update(lines, {"1": GrowingCounters(("a", "1"), ())})
    assert (lines._rows, printed(lines, 0.0)) == ({}, {})
