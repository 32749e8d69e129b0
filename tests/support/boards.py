"""The dashboards as Grafana reads them, and their queries."""

import json
import re
from typing import Any, NamedTuple

from tests.support.helm_chart import CHART

FILES = sorted((CHART / "files" / "dashboards").glob("*.json"))
BOARDS: list[dict[str, Any]] = [json.loads(path.read_text()) for path in FILES]


VARIABLES = {
    "$__rate_interval": "1m",
    "$__interval": "15s",
    "$__range": "5m",
    "$cluster": ".*",
    "$namespace": ".*",
    "$name": ".*",
    "$label": "label_team",
}
"""Values of Grafana's variables if everything is selected."""


class BoardQuery(NamedTuple):
    """A query of a panel, with Grafana's variables."""

    board: str
    title: str
    letter: str
    expr: str

    @property
    def key(self) -> str:
        return f"{self.board}: {self.title} {self.letter}"

    @property
    def promql(self) -> str:
        """The query as Grafana sends it to Prometheus."""
        expr = self.expr
        for variable, value in VARIABLES.items():
            expr = expr.replace(variable, value)
        assert not re.search(r"\$[a-z_{]", expr)
        return expr


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all panels without the headings, those in collapsed rows too."""
    return [panel for panel in with_headings(board) if panel["type"] != "row"]


def with_headings(board: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all panels and headings, in their order."""
    return [each for panel in board["panels"] for each in (panel, *panel.get("panels", []))]


QUERIES = [
    BoardQuery(board["uid"], panel["title"], target["refId"], target["expr"])
    for board in BOARDS
    for panel in panels(board)
    for target in panel["targets"]
]
