"""The command line: wrong values, help, defaults."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from exporter import __version__
from tests.support.commands import error_line, run
from tests.support.objects import manifest


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--metrics-addr", "8080"], ["--metrics-addr", "'8080' is not an address"]),
        (["--health-probe-bind-address", "x"], ["--health-probe-bind-address", "'x' is not an address"]),
        (["--watch-namespace", "A"], ["--watch-namespace", "'A' is not the name of a namespace"]),
        (["--collectors", "nodes"], ["--collectors", "'nodes' is not one of rayclusters, rayjobs, rayservices"]),
        (["render", "--collectors", "pods"], ["--collectors", "'pods' is not one of rayclusters"]),
        (["--metric-allowlist", "("], ["--metric-allowlist", "'(' is not a regular expression"]),
        (["--shard", "2", "--total-shards", "2"], ["--shard 2 is not below --total-shards 2: shards count from 0"]),
        (["--shard", "0"], ["--shard and --total-shards need each other: give both"]),
        (["--total-shards", "2"], ["--shard and --total-shards need each other: give both"]),
        (["--shard=-1", "--total-shards", "2"], ["'--shard'", "-1"]),
        (["--shard", "0", "--total-shards", "0"], ["'--total-shards'", "0"]),
        (["--histogram-buckets", "2,1"], ["--histogram-buckets", "'2,1' is not a list of ascending seconds"]),
        (["--kube-page-size", "0"], ["--kube-page-size", "0 is not in the range 1<=x<=10000"]),
        (["--log-level", "loud"], ["--log-level", "'loud' is not one of 'debug', 'info', 'warn', 'error'"]),
        (["--kubeconfig", "/dev/null", "--log-file-encoder", "xml"], ["--log-file-encoder", 'invalid encoder "xml"']),
        (["--kubeconfig", "/dev/null", "--log-file-path", "/dev/null/x"], ["--log-file-path '/dev/null/x': "]),
        (["demo", "--speed", "0"], ["--speed", "0.0 is not in the range 0<x<=1000"]),
        (["demo", "--objects", "0"], ["--objects", "0 is not in the range 1<=x<=100000"]),
        (["demo", "--kubeconfig", "x"], ["--kubeconfig"]),
        (["--kubeconfig", "/no/such/file"], ["--kubeconfig '/no/such/file': no such file"]),
        (["--no-such-flag"], ["--no-such-flag"]),
        (["nonsense"], ["nonsense"]),
        (["render", "/no/such/file"], ["/no/such/file", "No such file or directory"]),
    ],
)  # fmt: skip
def test_a_wrong_value_is_one_line_and_exit_code_2(arguments: list[str], words: list[str]) -> None:
    """The line names flag, value and rule."""
    result = run(*arguments)
    assert result.returncode == 2
    line = error_line(result)
    assert all(word in line for word in words), line


def test_environment_variables_are_flags_too() -> None:
    """The error for a wrong value names the variable."""
    line = error_line(run(KUBERAY_EXPORTER_METRICS_ADDR="nowhere"))
    assert "KUBERAY_EXPORTER_METRICS_ADDR" in line
    assert "'nowhere' is not an address" in line


def test_variables_that_kubernetes_injects_are_ignored() -> None:
    """A Service called kuberay-exporter sets _PORT and _SERVICE_* in every pod of its namespace."""
    result = run(
        "render",
        stdin=json.dumps({"kind": "RayJob", "apiVersion": "ray.io/v1"} | manifest({})).encode(),
        KUBERAY_EXPORTER_PORT="tcp://10.0.0.1:8080",
        KUBERAY_EXPORTER_SERVICE_HOST="x",
    )
    assert (result.returncode, result.stderr) == (0, b"")


def test_no_credentials_are_one_line_and_exit_code_1() -> None:
    """The line names the places where credentials were looked for."""
    result = run("serve")
    assert result.returncode == 1
    line = error_line(result)
    assert "KUBERNETES_SERVICE_HOST" in line
    assert "~/.kube/config" in line
    assert "--kubeconfig" in line


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("a: [", "not YAML at line 1, column 5"),
        ("just text", "not a kubeconfig"),
        ("[1, 2]", "not a kubeconfig"),
        ("clusters: [{name: c}]\n", "current-context"),
        ("current-context: x\ncontexts: []\nclusters: []\n", "x"),
    ],
)
def test_a_bad_kubeconfig_is_one_line(tmp_path: Path, text: str, reason: str) -> None:
    """Whatever the file contains, the line names it and the reason."""
    path = tmp_path / "config"
    path.write_text(text)
    result = run("--kubeconfig", str(path))
    assert result.returncode == 2
    line = error_line(result)
    assert f"--kubeconfig '{path}'" in line
    assert reason in line


def test_an_unknown_context_is_one_line(tmp_path: Path) -> None:
    """The line names it."""
    path = tmp_path / "config"
    path.write_text("current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\nclusters: []\n")
    result = run("--kubeconfig", str(path), "--context", "b")
    assert result.returncode == 2
    assert "no context 'b'; there are 'a'" in error_line(result)


def test_an_address_in_use_is_one_line(tmp_path: Path) -> None:
    """The exit code is 2, as the value of a flag is wrong."""
    path = tmp_path / "config"
    path.write_text(
        "current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\n"
        "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = run("--kubeconfig", str(path), "--metrics-addr", address)
    assert result.returncode == 2
    assert error_line(result) == f"--metrics-addr: couldn't listen on '{address}': Address already in use"


@pytest.mark.parametrize(
    "arguments", [["--help"], ["serve", "--help"], ["render", "--help"], ["demo", "--help"], ["-h"]]
)
def test_help(arguments: list[str]) -> None:
    """It is on standard output, with exit code 0."""
    result = run(*arguments)
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.startswith(b"Usage: kuberay-exporter")


def test_serve_does_not_load_the_simulator() -> None:
    """Only `demo` imports it: `serve` needs neither its time nor its memory."""
    loaded = modules_of("import exporter.cli, exporter.app")
    assert "exporter.app" in loaded
    assert not {name for name in loaded if name.startswith(("exporter.simulator", "exporter.commands.demo"))}


@pytest.mark.parametrize(
    "code",
    [
        "import exporter.simulator.cluster",
        "from exporter.__main__ import main; import sys; sys.argv[1:] = ['render', '{objects}']; main()",
        "from exporter.__main__ import main; import sys; sys.argv[1:] = ['explain', '-f', '{objects}']; main()",
    ],
)
def test_what_connects_to_no_cluster_does_not_load_the_client(code: str, tmp_path: Path) -> None:
    """It takes more time than all that `render` does."""
    objects = tmp_path / "objects.json"
    cluster = '{"apiVersion":"ray.io/v1","kind":"RayCluster","metadata":{"name":"a","uid":"1"}}'
    objects.write_text(f'{cluster} {{"apiVersion":"v1","kind":"PodList"}} {{"apiVersion":"v1","kind":"EventList"}}')
    loaded = modules_of(code.format(objects=objects))
    assert any(name.startswith("exporter.") for name in loaded)
    assert not {name for name in loaded if name.partition(".")[0] in ("kubernetes", "pydantic", "requests")}


def modules_of(code: str) -> set[str]:
    """Return the modules that are loaded when a program has ended."""
    report = "import atexit, sys; atexit.register(lambda: print('LOADED', *sys.modules))"
    result = subprocess.run([sys.executable, "-c", f"{report}; {code}"], capture_output=True, text=True, timeout=60)
    assert not result.stderr
    return set(result.stdout.partition("LOADED")[2].split())


def test_version() -> None:
    """It is that of the package."""
    assert run("--version").stdout.decode().strip() == f"kuberay-exporter, version {__version__}"
