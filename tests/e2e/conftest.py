"""The cluster and the exporter that end-to-end tests share, and the tests that a given cluster does not allow."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from kubernetes.client import Configuration
from kubernetes.config import load_kube_config

from tests.e2e import binaries
from tests.e2e.api import Api
from tests.e2e.cluster import Account, Cluster
from tests.e2e.control_plane import ControlPlane
from tests.e2e.rays import RAY_DEFINITIONS

KUBECONFIG = os.environ.get("E2E_KUBECONFIG", "")
"""The kubeconfig of a given cluster. $KUBECONFIG is not used, so that no cluster is written to by accident."""

OWN = "own_cluster"

_deselected = pytest.StashKey[list[str]]()
_measured = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{OWN}: stops or empties the cluster, or reads the API server's audit log")
    config.stash[_deselected] = []
    config.stash[_measured] = []
    # SIGTERM, as of a time-out, stops the started processes, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not KUBECONFIG:
        return
    deselected = [item for item in items if item.get_closest_marker(OWN)]
    config.hook.pytest_deselected(items=deselected)
    config.stash[_deselected] += [item.nodeid for item in deselected]
    items[:] = [item for item in items if item not in deselected]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    sections = {"measured": _measured, "not run, since the cluster was given": _deselected}
    for title, key in sections.items():
        if lines := config.stash[key]:
            terminalreporter.section(title)
            terminalreporter.write("".join(f"{line}\n" for line in lines))


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Return a function that adds a line with a measured value to the end of the report."""
    return lambda line: request.config.stash[_measured].append(f"{request.node.name}: {line}")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster, with KubeRay's definitions."""
    programs = binaries.build()
    with ExitStack() as stack:
        if KUBECONFIG:
            configuration = Configuration()
            load_kube_config(KUBECONFIG, client_configuration=configuration, persist_config=False)
            cluster = Cluster(Api(configuration), programs / "kubectl", Path(KUBECONFIG))
        else:
            plane = ControlPlane(tmp_path_factory.mktemp("cluster"), programs)
            stack.callback(plane.stop)
            plane.start()
            cluster = Cluster(plane.api_server.api, programs / "kubectl", plane.kubeconfig, plane)
        stack.enter_context(cluster.installed(RAY_DEFINITIONS))
        yield cluster


@pytest.fixture
def plane(cluster: Cluster) -> ControlPlane:
    """The processes of the tests' own cluster."""
    assert cluster.plane
    return cluster.plane


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    with cluster.namespace() as namespace:
        yield namespace


@pytest.fixture
def reader(cluster: Cluster, namespace: str) -> Iterator[Account]:
    with cluster.reader(namespace) as reader:
        yield reader


@pytest.fixture
def kubeconfig(cluster: Cluster, reader: Account, tmp_path: Path) -> Path:
    """The kubeconfig of the reader."""
    return cluster.write_kubeconfig(tmp_path, reader.token("first"))
