"""The dashboards, read as Grafana reads them, and their queries."""

import json
from typing import Any, NamedTuple

from tests.support.helm_chart import CHART

FILES = sorted((CHART / "files" / "dashboards").glob("*.json"))
BOARDS: list[dict[str, Any]] = [json.loads(path.read_text()) for path in FILES]


class BoardQuery(NamedTuple):
    """A query of a panel, with Grafana's variables in it."""

    board: str
    title: str
    letter: str
    expr: str

    @property
    def key(self) -> str:
        return f"{self.board}: {self.title} {self.letter}"


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    """Every panel but the headings."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


QUERIES = [
    BoardQuery(board["uid"], panel["title"], target["refId"], target["expr"])
    for board in BOARDS
    for panel in panels(board)
    for target in panel["targets"]
]
