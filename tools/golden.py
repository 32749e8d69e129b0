"""The golden exposition: everything that `/metrics` prints at one recorded moment, sorted.

`make golden` writes it anew; a change is reviewed like code.
"""

import sys

from exporter.kinds import KINDS
from tests.support.bodies import parse
from tests.support.recordings import captures
from tests.support.replaying import replaying

MOMENT = captures()[7]
"""Every state of the recordings but `New`: resumed, re-created, retried, upgraded, failed."""

VOLATILE = (
    *(row.name for kind in KINDS for row in kind.integrals),
    "kuberay_exporter_last_sync_timestamp_seconds",
    "kuberay_exporter_last_event_timestamp_seconds",
    # Minutes of the recording pass in a moment, and watches that end at once are another thing.
    "kuberay_exporter_watch_connected",
    "kuberay_exporter_watch_failures_total",
    "kuberay_exporter_watches_total",
)
"""Families whose values depend on the moment: printed as 0."""

FOREIGN = ("process_", "python_")
"""Families of prometheus_client, which are not ours to promise."""


def golden(body: bytes) -> str:
    """Return a body with its families and series sorted, and without what depends on the moment."""
    families: dict[str, list[str]] = {}
    for line in body.decode().splitlines():
        name = line.split(" ")[2] if line.startswith("#") else family_of(line, families)
        families.setdefault(name, []).append(line)
    printed = []
    for name in sorted(families):
        if not name.startswith(FOREIGN):
            headers, series = families[name][:2], sorted(families[name][2:])
            printed += headers
            printed += [f"{line.rsplit(' ', 1)[0]} 0" if name in VOLATILE else line for line in series]
    return "\n".join(printed) + "\n"


def family_of(line: str, families: dict[str, list[str]]) -> str:
    """Return the family of a sample: the last header's."""
    name = next(reversed(families))
    if not line.startswith(name):
        raise ValueError(f"{line!r} is not of the family {name}")
    return name


def main() -> None:
    with replaying() as (_, _, body_at):
        body = body_at(MOMENT.time)
    parse(body)
    sys.stdout.write(golden(body))


if __name__ == "__main__":
    main()
