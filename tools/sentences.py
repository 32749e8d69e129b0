"""Writes what the diagnosis finds in all scenes of its tests, to be reviewed in one place: `make sentences`.

It is what these tests expect. Each finding has its sentence with short ages and with long ones, its command and its
runbook.
"""

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from exporter.diagnosis.finding import Finding
from tests.diagnosis import test_raycluster, test_rayjob, test_rayservice, test_states_known_to_be_well, test_workload
from tests.support.fleets import NOW, Manifest, diagnosed

FILE = Path(__file__).parents[1] / "tests" / "testdata" / "diagnosis" / "sentences.txt"
LATER = timedelta(days=6, hours=15)

Objects = list[tuple[str, Manifest]]


def scenes() -> Iterator[tuple[str, Objects]]:
    """Yield the name of each scene, with its kind, and its objects."""
    tables = {
        "cluster": test_raycluster.ROWS,
        "job": test_rayjob.ROWS,
        "service": test_rayservice.SERVICES,
        "cron job": test_rayservice.CRON_JOBS,
        "workload": test_workload.ROWS,
    }
    rows = {f"{table}: {name}": row for table, rows in tables.items() for name, row in rows.items()}
    for name, objects in (rows | test_states_known_to_be_well.SCENES).items():
        yield f"{objects[0][0]}, {name}", objects


def findings() -> Iterator[tuple[str, Finding]]:
    """Yield each finding with the name of its scene."""
    for name, objects in scenes():
        for found in diagnosed(*objects):
            yield name, found


def scene(name: str, objects: Objects) -> str:
    """Return what the diagnosis finds in this scene, as it is in the file."""
    return "\n".join([f"# {name}", *(_lines(objects) or ["no finding"]), ""])


def _lines(objects: Objects) -> list[str]:
    lines: list[str] = []
    long = {found.cause: found.sentence for found in diagnosed(*objects, now=NOW + LATER)}
    for found in diagnosed(*objects):
        lines.append(f"{found.severity.value} {found.cause.value} {found.runbook}".rstrip())
        lines.append(f"  {found.sentence}")
        if long.get(found.cause, found.sentence) != found.sentence:
            lines.append(f"  {long[found.cause]}")
        lines.append(f"  $ {found.command}")
    return lines


if __name__ == "__main__":
    FILE.write_text("\n".join(scene(name, objects) for name, objects in scenes()))
    sys.stdout.write(f"wrote {FILE.name}\n")
