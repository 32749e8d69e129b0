"""KubeRay's CustomResourceDefinitions are created, deleted and created again while the exporter runs."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.rays import RAY_DEFINITIONS, RAYJOB
from tests.e2e.scraping import DEADLINE_SECONDS, names, own, scrape
from tests.support.processes import serving
from tests.support.watching import wait_until

DEFINITION = next(each for each in RAY_DEFINITIONS if each["spec"]["names"]["plural"] == RAYJOB.plural)


@pytest.fixture
def without_rayjobs(cluster: Cluster) -> Iterator[None]:
    """The cluster without the definition of RayJobs; it is restored afterwards."""
    cluster.uninstall(DEFINITION)
    yield
    cluster.install(DEFINITION)


@pytest.mark.own_cluster
def test_a_definition_comes_goes_and_comes_again(
    cluster: Cluster, namespace: str, without_rayjobs: None, kubeconfig: Path, measured: Callable[[str], None]
) -> None:
    """A missing definition does not prevent readiness, and a new one needs no restart."""
    with serving(kubeconfig) as process:
        process.wait_until_ready()
        assert own(process, "synced", "rayjobs") == 0
        assert own(process, "synced", "rayclusters") == 1

        def shown() -> set[str]:
            return names(scrape(process).body, RAYJOB.info, namespace)

        for name in ("first", "second"):
            cluster.install(DEFINITION)
            cluster.create(RAYJOB, namespace, name)
            created_at = time.monotonic()
            wait_until(lambda name=name: shown() == {name}, f"{name} is shown", DEADLINE_SECONDS, 0.1)  # type: ignore[misc]
            measured(f"the {name} object {time.monotonic() - created_at:.1f} s after it was created")
            assert own(process, "synced", "rayjobs") == 1
            cluster.uninstall(DEFINITION)
            wait_until(lambda: not shown(), "no RayJob is shown", DEADLINE_SECONDS, 0.1)
            wait_until(lambda: own(process, "synced", "rayjobs") == 0, "not in sync", DEADLINE_SECONDS, 0.1)
            assert scrape(process).ready == 200
        told = [line["msg"] for line in process.lines if line["level"] != "info"]
        assert told == ["watch failed, retrying: 404: 404 page not found"] * 2
        assert own(process, "list_failures_total", "rayjobs") == 0
