"""Writes the dashboards as JSON into the chart, from which the chart's ConfigMaps are made: `make dashboards`.

`deploy/grafana/dashboards` is a link to the same files, for a Grafana without the chart.
"""

import json
from pathlib import Path

from tools.dashboards.exporter import health
from tools.dashboards.fleet import overview
from tools.dashboards.rayclusters import clusters
from tools.dashboards.rayjobs import jobs
from tools.dashboards.rayservices import services

FOLDER = Path(__file__).parents[2] / "charts" / "kuberay-exporter" / "files" / "dashboards"


def rendered() -> dict[str, str]:
    """Return the text of each file by its name."""
    boards = {
        "fleet": overview(),
        "raycluster": clusters(),
        "rayjob": jobs(),
        "rayservice": services(),
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
