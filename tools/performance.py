"""Writes the table and the plot of docs/performance.md from benchmarks/measured.json: `make performance`."""

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.bench import cell
from tools.plots import plot

ROOT = Path(__file__).parents[1]
MEASURED = ROOT / "benchmarks" / "measured.json"
PAGE = ROOT / "docs" / "performance.md"
IMAGE = ROOT / "docs" / "images" / "performance.svg"

BEGIN, END = "<!-- measured: written by `make performance` -->\n", "<!-- end of measured -->\n"

MODES = ("all", "nine")
PLOTTED = (
    "CPU to the first complete scrape, s",
    "gzip scrape, 0 changed, ms",
    "gzip scrape, 100 changed, ms",
    "identity scrape, 0 changed, ms",
    "RSS at rest, MiB",
)


def measured() -> dict[str, Any]:
    """Return what `make bench` has written."""
    found: dict[str, Any] = json.loads(MEASURED.read_text())
    return found


def page() -> str:
    """Return docs/performance.md with the numbers."""
    numbers = measured()
    columns = {name: column for name, column in numbers["columns"].items() if not name.endswith("TLS")}
    names = dict.fromkeys(name for column in columns.values() for name in column)
    about = f"Measured on {numbers['date'][:10]} at commit {numbers['commit']}, Python {numbers['python']}, "
    lines = [f"{about}{numbers['machine']}, load {numbers['load'][0]:.1f}.", ""]
    for mode in MODES:
        chosen = {name: column for name, column in columns.items() if name.endswith(f" {mode}")}
        rows = [[name, *(cell(name, column) for column in chosen.values())] for name in names]
        table = [[f"objects, {mode}", *(name.split()[0] for name in chosen)], ["---"] * (len(chosen) + 1), *rows]
        lines += [*(f"| {' | '.join(row)} |" for row in table), ""]
    head, _, rest = PAGE.read_text().partition(BEGIN)
    return f"{head}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{rest.partition(END)[2]}"


def image() -> str:
    """Return the plot: a panel for each of the most important numbers, by the number of objects."""
    columns = {tuple(name.split(" ", 1)): column for name, column in measured()["columns"].items()}
    panels = {
        title: {
            mode: [
                (float(objects.replace(",", "")), column[title])
                for (objects, of_mode), column in columns.items()
                if of_mode == mode
            ]
            for mode in MODES
        }
        for title in PLOTTED
    }
    return plot(panels, "objects")


def main() -> None:
    PAGE.write_text(page())
    IMAGE.write_text(image())
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}, {IMAGE.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
