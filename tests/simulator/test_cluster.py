"""The simulated cluster: started and stopped as a whole."""

import json
import threading
import urllib.request

from exporter.simulator.cluster import SimulatedCluster
from tests.support.watching import wait_until


def test_objects_are_served_and_change_until_the_end() -> None:
    """No thread is left after it, and the port is free."""
    before = threading.active_count()
    cluster = SimulatedCluster(seed=1, speed=100, objects=30)
    progress: list[tuple[int, int]] = []
    cluster.populate(lambda done, desired: progress.append((done, desired)))
    assert progress[-1][1] == 30
    assert cluster.objects >= 30
    with cluster:
        first = _jobs(cluster.url)
        assert first["items"]
        version = first["metadata"]["resourceVersion"]
        wait_until(lambda: _jobs(cluster.url)["metadata"]["resourceVersion"] != version)
    wait_until(lambda: threading.active_count() <= before)


def _jobs(url: str) -> dict[str, dict[str, str]]:
    with urllib.request.urlopen(f"{url}/apis/ray.io/v1/rayjobs", timeout=10) as answer:
        jobs: dict[str, dict[str, str]] = json.load(answer)
        return jobs
