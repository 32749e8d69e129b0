"""The API server is not available, or etcd is compacted: `/metrics` loses nothing."""

import time
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import pytest

from tests.e2e.cluster import Account, Cluster
from tests.e2e.control_plane import ControlPlane
from tests.e2e.gate import Gate
from tests.e2e.rays import KINDS, RAYJOB
from tests.e2e.scraping import (
    BETWEEN_SCRAPES_SECONDS,
    DEADLINE_SECONDS,
    Scrape,
    is_connected,
    names,
    own,
    scrape,
    scraping,
    series,
    wait_until_connected,
)
from tests.support.processes import Process, serving, value
from tests.support.watching import wait_until

pytestmark = pytest.mark.own_cluster

AWAY_SECONDS = 60.0
STAYING = [f"stays-{i}" for i in range(50)]


def wait_until_cut_off(process: Process, *plurals: str) -> None:
    for plural in plurals:
        wait_until(
            lambda plural=plural: not is_connected(process, plural),  # type: ignore[misc]
            f"the watch of {plural} has ended",
            DEADLINE_SECONDS,
            BETWEEN_SCRAPES_SECONDS,
        )


def connections(scrapes: list[Scrape], plural: str) -> list[float]:
    """Return the values of `watch_connected`, without repetitions."""
    told = (value(s.body.encode(), f'kuberay_exporter_watch_connected{{resource="{plural}"}}') for s in scrapes)
    return [connected for connected, _ in groupby(told)]


@pytest.mark.parametrize("way", ["stopped for a minute", "killed"])
def test_an_api_server_that_was_away(
    cluster: Cluster, namespace: str, kubeconfig: Path, plane: ControlPlane, way: str, measured: Callable[[str], None]
) -> None:
    """The last state is exported all the time; then the watches continue with the new changes."""
    plurals = [kind.plural for kind in KINDS]
    for kind in KINDS:
        cluster.create(kind, namespace, "a")
        cluster.patch_status(kind, namespace, "a", kind.status)
    with serving(kubeconfig) as process:
        wait_until_connected(process)
        before = series(scrape(process).body, namespace)
        assert before
        with scraping(process) as scrapes:
            if way == "killed":
                plane.api_server.kill()
            else:
                plane.api_server.stop()
            wait_until_cut_off(process, *plurals)
            if way != "killed":
                time.sleep(AWAY_SECONDS)
            plane.api_server.start()
            started_at = time.monotonic()
            wait_until_connected(process)
            lists = sum(own(process, "lists_total", plural) for plural in plurals)
            measured(f"watched {time.monotonic() - started_at:.1f} s after the API server was ready; {lists:.0f} lists")
        assert {(s.status, s.ready) for s in scrapes} == {(200, 200)}
        assert all(series(s.body, namespace) == before for s in scrapes)
        for plural in plurals:
            # A server that has just started may end a watch once more, while it loads the definitions.
            was, away, *_, now = connections(scrapes, plural)
            assert (was, away, now) == (1, 0, 1)
        for kind in KINDS:
            cluster.create(kind, namespace, "after")
            wait_until(
                lambda kind=kind: names(scrape(process).body, kind.info, namespace) == {"a", "after"},  # type: ignore[misc]
                f"what is new of {kind.plural} is shown",
            )


def test_a_compacted_history_is_listed_again(
    cluster: Cluster,
    namespace: str,
    reader: Account,
    plane: ControlPlane,
    tmp_path: Path,
    measured: Callable[[str], None],
) -> None:
    """A 410 causes one list; every scrape has the state before or after it, never a part."""
    cluster.create_many(RAYJOB, namespace, [*STAYING, "goes"])
    # This API server has no watch cache, so that it depends on the versions in etcd.
    with plane.another_api_server("--watch-cache=false") as server, Gate(*server.api.address) as gate:
        kubeconfig = cluster.write_kubeconfig(tmp_path, reader.token("first"), gate.address)
        with serving(kubeconfig, "--collectors", "rayjobs") as process:
            wait_until_connected(process, "rayjobs")
            with scraping(process) as scrapes:
                gate.close()
                wait_until_cut_off(process, "rayjobs")
                cluster.delete(RAYJOB, namespace, "goes")
                cluster.create(RAYJOB, namespace, "comes")
                plane.compact()
                gate.open()
                opened_at = time.monotonic()
                wait_until(
                    lambda: "comes" in names(scrape(process).body, RAYJOB.info, namespace), "shown", DEADLINE_SECONDS
                )
                measured(f"the new state {time.monotonic() - opened_at:.1f} s after the way was open again")
                wait_until_connected(process, "rayjobs")
            assert any(message.startswith("listing again: 410: ") for message in process.messages)
            assert own(process, "lists_total", "rayjobs") == 2
            assert own(process, "list_failures_total", "rayjobs") == 0
    assert {(s.status, s.ready) for s in scrapes} == {(200, 200)}
    states = [names(s.body, RAYJOB.info, namespace) for s in scrapes]
    assert [state for state, _ in groupby(states)] == [{*STAYING, "goes"}, {*STAYING, "comes"}]
