"""The fleet as a live table in the terminal, on rich, which is an extra of the package."""

import importlib.util
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from exporter.commands.explain.report import printable
from exporter.diagnosis.phrases import age
from exporter.errors import ApiError, ConfigError
from exporter.views.views import ObjectView

if TYPE_CHECKING:
    from rich.table import Table

WIDE = 120
"""Columns of a terminal from which on the states have room beside whole names."""

INSTALL = "pip install rich"

_COLOURS = {"critical": "red", "warning": "yellow", "info": "cyan"}


def check_rich() -> None:
    """Raise ConfigError if rich is not installed: the image does not have it."""
    if importlib.util.find_spec("rich") is None:
        raise ConfigError(f"--watch needs the package rich: {INSTALL}")


def watch(
    read: Callable[[], tuple[Sequence[ObjectView], str]],
    interval_seconds: float,
    *,
    now: Callable[[], datetime] | None = None,
) -> None:
    """Show the objects that `read` returns, the worst first, and its warning, until Ctrl-C.

    A failed read is shown, and the last table stays.
    """
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    clock = now or (lambda: datetime.now(UTC))
    console = Console()
    views: Sequence[ObjectView] = ()
    error = ""
    with Live(console=console, screen=console.is_terminal, auto_refresh=False) as live:
        while True:
            try:
                views, error = read()
            except ApiError as exc:
                error = f"{exc}; the table is the last one that was read"
            # A line for the title, two for the header, one for the error.
            rows = max(1, console.size.height - 5)
            table = fleet_table(views, clock(), rows, is_wide=console.width >= WIDE)
            live.update(Group(table, Text(printable(error), style="red")), refresh=True)
            time.sleep(interval_seconds)


def fleet_table(views: Sequence[ObjectView], now: datetime, rows: int, *, is_wide: bool) -> "Table":
    """Return the table of the first `rows` objects; the title has the numbers of all. Only a wide one has states."""
    from rich.table import Table
    from rich.text import Text

    unhealthy = sum(not view.healthy for view in views)
    title = f"{len(views)} objects, {unhealthy} with findings, {now:%H:%M:%S}"
    table = Table(title=title, title_justify="left", expand=True, box=None, pad_edge=False)
    shown = views[:rows]
    names = [printable(f"{view.kind} {view.namespace}/{view.name}") for view in shown]
    table.add_column("severity", no_wrap=True, min_width=8)
    table.add_column("object", min_width=max(map(len, names), default=0), overflow="fold")
    if is_wide:
        table.add_column("state", no_wrap=True, min_width=12)
        table.add_column("since", no_wrap=True, min_width=11)
    table.add_column("finding", no_wrap=True, ratio=1, overflow="ellipsis")
    for view, name in zip(shown, names, strict=True):
        severity = view.severity.value if view.severity else "healthy"
        states = (Text(view.state), Text(age(now, view.since) if view.since else "")) if is_wide else ()
        finding = printable(view.findings[0].sentence) if view.findings else ""
        # Text, not markup: a message can contain brackets.
        table.add_row(Text(severity, style=_COLOURS.get(severity, "green")), Text(name), *states, Text(finding))
    return table
