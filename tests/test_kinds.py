"""A kind is declared in one place, and every reader takes it from there."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pytest
from grimp import build_graph

from exporter.kinds import DECLARATIONS
from exporter.simulator.apiserver.store import ObjectStore
from tests.support.commands import environment
from tests.support.faults import FaultServer
from tests.support.objects import manifest
from tests.support.processes import serving, write_kubeconfig
from tests.support.stores import install

ROOT = Path(__file__).parents[1]
DECLARATION = "    Declaration(TOY_TABLES, DetailedRayToy, DIAGNOSED_TOY),\n"
IMPORT = "from exporter.toy_kind import DIAGNOSED_TOY, TOY_TABLES, DetailedRayToy\n"

Program = Callable[[str], list[str]]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Return how to run Python code with a copy of the exporter whose kinds have one entry more."""
    shutil.copytree(ROOT / "exporter", tmp_path / "exporter")
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    for folder in ("tests", "charts", "deploy"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    shutil.copy(ROOT / "tests" / "testdata" / "toy_kind.py", tmp_path / "exporter")
    kinds = tmp_path / "exporter" / "kinds.py"
    head, entries = kinds.read_text().split("\n\nclass Declaration", 1)
    entries = entries.replace("    Declaration(EVENTS", f"{DECLARATION}    Declaration(EVENTS")
    kinds.write_text(f"{head}\n{IMPORT}\n\nclass Declaration{entries}")
    return lambda code: [sys.executable, "-c", f"import sys; sys.path[0] = {str(tmp_path)!r}; {code}"]


@pytest.fixture
def server() -> ObjectStore:
    """Return a store with one toy that is healthy, and one that is not."""
    store = ObjectStore()
    install(store, "raytoys")
    store.create("raytoys", manifest({"colour": "red"}, name="ball", uid="1"))
    store.create("raytoys", manifest({}, name="cube", uid="2"))
    return store


MAIN = "from exporter.__main__ import main; main()"


def test_declared_kind_is_exported_and_shown(program: Program, server: ObjectStore, tmp_path: Path) -> None:
    """Its metrics are on /metrics; its objects, states and findings are in the API and on the page."""
    with FaultServer(server) as api_server:
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", api_server.url)
        with serving(kubeconfig, "--collectors", "raytoys", program=program(MAIN)) as process:
            process.wait_until_ready()
            metrics = process.get("/metrics").body.decode()
            listed = json.loads(process.get("/api/v1/objects?kind=RayToy").body)
            page = process.get("/").body.decode()
    assert 'kuberay_toy_info{colour="red",name="ball",namespace="ns",uid="1"} 1' in metrics
    states = {item["name"]: (item["state"], item["healthy"], item["details"]) for item in listed["items"]}
    assert states == {"ball": ("Painted", True, {"colour": "red"}), "cube": ("Plain", False, {"colour": ""})}
    assert "Toy has no colour." in page
    assert "Toys" in page


def test_declared_kind_is_explained(program: Program, server: ObjectStore) -> None:
    """By its name, from a cluster."""
    with FaultServer(server) as api_server:
        command = [*program(MAIN), "explain", "raytoy/cube", "--server", api_server.url]
        result = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=60)
    assert result.returncode == 1, result.stderr
    assert "RayToy ns/cube: Plain" in result.stdout
    assert "Toy has no colour." in result.stdout


def test_declared_kind_is_documented(program: Program) -> None:
    """`make docs` writes its page."""
    code = "from tools.metrics_docs import pages; print(*pages().values())"
    result = subprocess.run(program(code), capture_output=True, text=True, env=environment(), timeout=60)
    assert "# Metrics of RayToys\n" in result.stdout, result.stderr
    assert "| `kuberay_toy_info` | colour, name, namespace, uid |" in result.stdout


def test_types_have_the_name_of_their_kind() -> None:
    """Findings name an object by its type, metrics and the API by its declaration."""
    for kind in DECLARATIONS:
        if kind.diagnosed:
            assert kind.detailed_type.kind == kind.tables.object_type.kind == kind.name


def test_collectors_of_kinds_are_independent() -> None:
    """The module of one kind never imports that of another, not even through a third."""
    names = [kind.tables.object_type.__module__.rpartition(".")[2] for kind in DECLARATIONS]
    graph = build_graph("exporter")
    for importer, imported in permutations(names, 2):
        chain = graph.find_shortest_chain(f"exporter.collectors.{importer}", f"exporter.collectors.{imported}")
        assert chain is None
