"""The live table, and reading a running exporter."""

import io
from collections.abc import Iterator

import pytest
from rich.console import Console

from exporter.commands.explain import report
from exporter.commands.explain.report import Reading
from exporter.diagnosis.related import Known
from exporter.errors import ConfigError, StreamError
from tests.support.fleets import recorded


def test_table_has_the_worst_first_and_the_numbers_of_all() -> None:
    """Only as many rows as the terminal has."""
    fleet, now = recorded("008")
    output = io.StringIO()
    Console(file=output, width=160).print(report.fleet_table(Reading.of(fleet, now).views, now, rows=3, is_wide=True))
    lines = output.getvalue().splitlines()
    assert lines[0].startswith("26 objects, 15 with findings, ")
    assert lines[1].split() == ["severity", "object", "state", "since", "finding"]
    assert len(lines) == 5
    assert lines[2].startswith("critical")


@pytest.mark.parametrize("width", [80, 119])
def test_names_are_whole_in_a_narrow_terminal(width: int) -> None:
    """The finding is cut, and the states are left out: a name is what one needs for the next command."""
    fleet, now = recorded("008")
    views = Reading.of(fleet, now).views
    output = io.StringIO()
    Console(file=output, width=width).print(report.fleet_table(views, now, rows=100, is_wide=False))
    assert all(f"{view.kind} {view.namespace}/{view.name} " in output.getvalue() for view in views)
    assert all(len(line) <= width for line in output.getvalue().splitlines())


def test_brackets_in_a_message_are_no_markup() -> None:
    """A message can contain what rich would take for a style."""
    fleet, now = recorded("008")
    (view,) = [view for view in Reading.of(fleet, now).views if view.name == "no-workers"]
    output = io.StringIO()
    Console(file=output, width=200).print(report.fleet_table([view], now, rows=1, is_wide=True))
    assert "pods" in output.getvalue()


def test_without_rich_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The image does not have it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="--watch needs the package rich: pip install rich"):
        report.check_rich()


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ("http://x has no connection", "http://x has no connection"),
        (
            StreamError("couldn't read http://x: refused"),
            "couldn't read http://x: refused; the table is the last one that was read",
        ),
    ],
)
def test_old_table_is_said(last: str | StreamError, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Below it: a warning of the exporter, or why the last read failed. Ctrl-C ends the table."""
    fleet, now = recorded("008")
    views = Reading.of(fleet, now).views
    answers: Iterator[str | BaseException] = iter(["", last, KeyboardInterrupt()])

    def read() -> Reading:
        answer = next(answers)
        if isinstance(answer, BaseException):
            raise answer
        return Reading(views, Known(), now, warning=answer)

    with pytest.raises(KeyboardInterrupt):
        report.watch(read, 0.0, now=lambda: now)
    printed = capsys.readouterr().out
    assert "26 objects, 15 with findings" in printed
    assert said in " ".join(printed.split())
