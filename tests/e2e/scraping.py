"""Scrapes of `/metrics`: one, until a condition holds, or continuously."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPException
from typing import NamedTuple

from tests.e2e.rays import KINDS
from tests.support.processes import Process, value
from tests.support.watching import wait_until

DEADLINE_SECONDS = 60.0
"""Time limit for the exporter after an outage: its delays grow up to half a minute."""

BETWEEN_SCRAPES_SECONDS = 0.05


class Scrape(NamedTuple):
    """The answer of `/metrics`, its time by the monotonic clock, and the status of `/readyz`."""

    at: float
    status: int
    body: str
    ready: int


def scrape(process: Process) -> Scrape:
    answer = process.get("/metrics")
    at = time.monotonic()
    return Scrape(at, answer.status, answer.body.decode(), process.get("/readyz").status)


def own(process: Process, name: str, plural: str) -> float:
    """Return one of the exporter's own metrics of a kind."""
    return value(process.get("/metrics").body, f'kuberay_exporter_{name}{{resource="{plural}"}}')


def names(body: str, family: str, namespace: str) -> set[str]:
    """Return the names of the objects in a namespace that have a series of this family."""
    lines = [line for line in series(body, namespace) if line.startswith(f"{family}{{")]
    return {name for line in lines for name in re.findall(r'[{,]name="([^"]*)"', line)}


def series(body: str, namespace: str) -> list[str]:
    """Return all lines of objects in a namespace."""
    return [line for line in body.splitlines() if f'namespace="{namespace}"' in line]


def wait_until_connected(process: Process, *plurals: str) -> None:
    """Wait until these kinds, by default all, are listed and watched."""
    process.wait_until_ready()
    for plural in plurals or [kind.plural for kind in KINDS]:
        wait_until(
            partial(is_connected, process, plural),
            f"{plural} are watched",
            DEADLINE_SECONDS,
            BETWEEN_SCRAPES_SECONDS,
        )


def is_connected(process: Process, plural: str) -> bool:
    return own(process, "watch_connected", plural) == 1


@contextmanager
def scraping(process: Process) -> Iterator[list[Scrape]]:
    """Scrape before, continuously during, and after the block; the returned list grows meanwhile."""
    scrapes = [scrape(process)]
    failures: list[Exception] = []
    stopping = threading.Event()

    def run() -> None:
        try:
            while not stopping.wait(BETWEEN_SCRAPES_SECONDS):
                scrapes.append(scrape(process))
        except (OSError, HTTPException) as exc:
            failures.append(exc)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield scrapes
    finally:
        stopping.set()
        thread.join()
    assert not failures, f"a scrape failed: {failures[0]!r}"
    scrapes.append(scrape(process))
