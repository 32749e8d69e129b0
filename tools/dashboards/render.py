"""Writes the dashboards as JSON into the chart, from which the chart's ConfigMaps are made: `make dashboards`.

`deploy/grafana/dashboards` is a link to the same files, for a Grafana without the chart.
"""

import json
from pathlib import Path

from tools.dashboards.clusters import clusters
from tools.dashboards.exporter import health
from tools.dashboards.fleet import overview
from tools.dashboards.jobs import jobs
from tools.dashboards.services import services

FOLDER = Path(__file__).parents[2] / "charts" / "kuberay-exporter" / "files" / "dashboards"


def rendered() -> dict[str, str]:
    """Return the text of each file by its name."""
    boards = {
        "fleet": overview(),
        "clusters": clusters(),
        "jobs": jobs(),
        "services": services(),
        "exporter": health(),
    }
    return {f"{name}.json": json.dumps(board, indent=2, ensure_ascii=False) + "\n" for name, board in boards.items()}


def main() -> None:
    for stale in FOLDER.glob("*.json"):
        stale.unlink()
    for name, text in rendered().items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
