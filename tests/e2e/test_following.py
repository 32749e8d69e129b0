"""Everything in the API is in `/metrics`, without delay."""

import time
from collections.abc import Callable, Iterator
from math import ceil
from pathlib import Path

import pytest

from tests.e2e.cluster import DEADLINE_SECONDS, Account, Cluster
from tests.e2e.control_plane import ControlPlane
from tests.e2e.rays import KINDS, RAYJOB, Kind
from tests.e2e.scraping import names, own, scrape, series, wait_until_connected
from tests.support.processes import Process, serving
from tests.support.watching import wait_until

FOLLOWS_SECONDS = 1.0
"""Time from the answer to a write to the end of the scrape that shows it. It is 5 to 20 ms; the rest is margin.

The time of the request is excluded: the API server delays the first objects of a new definition.
"""

MANY = 2_100
PAGE_SIZE = 500
MANY_SECONDS = 120.0


def seconds_until(process: Process, write: Callable[[], object], is_shown: Callable[[str], bool]) -> float:
    """Write, and scrape until the change is visible; return the time that this took."""
    write()
    answered_at = time.monotonic()
    while not is_shown((shown := scrape(process)).body):
        assert shown.at - answered_at < DEADLINE_SECONDS, f"not shown:\n{shown.body}"
    return shown.at - answered_at


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_a_change_shows_within_a_second(
    cluster: Cluster, namespace: str, kubeconfig: Path, kind: Kind, measured: Callable[[str], None]
) -> None:
    """An object is created, gets a status, is deleted, and is created again with another uid."""

    def has_status(body: str) -> bool:
        return any(line.startswith(kind.changed) for line in series(body, namespace))

    def create() -> None:
        uids.append(cluster.create(kind, namespace, "a"))

    uids: list[str] = []
    with serving(kubeconfig) as process:
        wait_until_connected(process)
        taken = {
            "create": seconds_until(process, create, lambda body: "a" in names(body, kind.info, namespace)),
            "status": seconds_until(
                process, lambda: cluster.patch_status(kind, namespace, "a", kind.status), has_status
            ),
            "delete": seconds_until(
                process,
                lambda: cluster.delete(kind, namespace, "a"),
                lambda body: not names(body, kind.info, namespace),
            ),
            "create again": seconds_until(process, create, lambda body: bool(uids[1:]) and uids[-1] in body),
        }
        body = scrape(process).body
    measured(", ".join(f"{step} {seconds * 1000:.0f} ms" for step, seconds in taken.items()))
    assert uids[0] not in body
    assert not has_status(body)
    assert max(taken.values()) < FOLLOWS_SECONDS


@pytest.fixture(scope="module")
def many(cluster: Cluster) -> Iterator[tuple[str, set[str]]]:
    """A namespace, and the names of its RayJobs, which fill more than four pages."""
    wanted = {f"job-{i}" for i in range(MANY)}
    with cluster.namespace() as namespace:
        cluster.create_many(RAYJOB, namespace, wanted)
        yield namespace, wanted


def test_thousands_of_objects_are_listed_in_pages(
    many: tuple[str, set[str]], kubeconfig: Path, measured: Callable[[str], None]
) -> None:
    """The first successful scrape has all of them, after one list."""
    started_at = time.monotonic()
    with serving(kubeconfig, "--kube-page-size", str(PAGE_SIZE)) as process:
        wait_until(lambda: process.get("/readyz").status == 200, "ready", MANY_SECONDS, 0.05)
        measured(f"{MANY} objects in pages of {PAGE_SIZE}, from nothing: {time.monotonic() - started_at:.1f} s")
        namespace, wanted = many
        assert names(scrape(process).body, RAYJOB.info, namespace) == wanted
        assert own(process, "lists_total", "rayjobs") == 1
        assert own(process, "list_failures_total", "rayjobs") == 0


@pytest.mark.own_cluster
def test_pages_are_of_the_size_that_was_asked_for(
    many: tuple[str, set[str]], kubeconfig: Path, reader: Account, plane: ControlPlane
) -> None:
    """The API server's audit log has the pages; a watch follows, and no other list."""
    with serving(kubeconfig, "--kube-page-size", str(PAGE_SIZE), "--collectors", "rayjobs") as process:
        wait_until_connected(process, "rayjobs")
    *lists, watch = plane.api_server.requests(reader.user)
    assert [request.verb for request in lists] == ["list"] * ceil(MANY / PAGE_SIZE)
    assert all(f"limit={PAGE_SIZE}" in request.uri for request in lists)
    assert ["continue=" in request.uri for request in lists] == [False] + [True] * (len(lists) - 1)
    assert watch.verb == "watch"
