"""Writes what the diagnosis says in all scenes of its tests, to be reviewed in one place: `make sentences`.

Each finding has its sentence with short ages and with long ones, its command and its runbook.
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
    """Yield the name of each scene that has findings, with its kind, and its objects."""
    tables = {
        "cluster": test_raycluster.ROWS,
        "job": test_rayjob.ROWS,
        "service": test_rayservice.SERVICES,
        "cron job": test_rayservice.CRON_JOBS,
        "workload": test_workload.ROWS,
    }
    rows = {f"{table}: {name}": row for table, rows in tables.items() for name, row in rows.items()}
    for name, (objects, expected) in (rows | test_states_known_to_be_well.SCENES).items():
        if expected:
            yield f"{objects[0][0]}, {name}", objects


def sentences() -> str:
    """Return the text of the file."""
    return "\n".join(line for name, objects in scenes() for line in _scene(name, objects))


def findings() -> Iterator[tuple[str, Finding]]:
    """Yield each finding with the name of its scene."""
    for name, objects in scenes():
        for found in diagnosed(*objects):
            yield name, found


def _scene(name: str, objects: Objects) -> Iterator[str]:
    yield f"# {name}"
    long = {found.cause: found.sentence for found in diagnosed(*objects, now=NOW + LATER)}
    for found in diagnosed(*objects):
        yield f"{found.severity.value} {found.cause.value} {found.runbook}".rstrip()
        yield f"  {found.sentence}"
        if long.get(found.cause, found.sentence) != found.sentence:
            yield f"  {long[found.cause]}"
        yield f"  $ {found.command}"
    yield ""


if __name__ == "__main__":
    FILE.write_text(sentences())
    sys.stdout.write(f"wrote {FILE.name}\n")
