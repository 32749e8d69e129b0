"""Writes the dashboards as JSON into the chart, from which the chart's ConfigMaps are made: `make dashboards`.

`deploy/grafana/dashboards` is a symbolic link to the same files, for a Grafana without the chart.
"""

import json
from pathlib import Path

from tools.dashboards import clusters, exporter, fleet, jobs, nine, services, slo, utilisation

FOLDER = Path(__file__).parents[2] / "charts" / "kuberay-exporter" / "files" / "dashboards"


def rendered() -> dict[str, str]:
    """Return the text of each file by file name."""
    boards = {
        "fleet": fleet.board(),
        "clusters": clusters.board(),
        "jobs": jobs.board(),
        "services": services.board(),
        "exporter": exporter.board(),
        "nine": nine.board(),
        "utilisation": utilisation.board(),
        "slo": slo.board(),
    }
    return {f"{name}.json": json.dumps(board, indent=2, ensure_ascii=False) + "\n" for name, board in boards.items()}


def main() -> None:
    for stale in FOLDER.glob("*.json"):
        stale.unlink()
    for name, text in rendered().items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
