"""Every command of README and docs: those that can run here run as they are written, the others are listed by hand."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.commands import COMMAND, environment
from tests.support.demo_process import get, is_ready
from tests.support.helm_chart import ROOT
from tests.support.watching import wait_until

PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "charts").rglob("*.md")]

NOT_RUN = {
    r"docker (build|push) ": "needs a container engine",
    r"helm (install|upgrade|test) ": "needs a cluster; make chart renders the chart, make e2e applies it",
    r"kubectl (?!ray-explain|get \S+ -A -o json)": "needs a cluster, with objects or an operator",
    r"cd deploy/kubernetes && kustomize ": "needs kustomize; make chart builds the same kustomization",
    r"(E2E_KUBECONFIG=\S+ )?make (test|lint|demo|stack|e2e|chaos|soak)\b": "is a test run, or runs until Ctrl-C",
    r"make (bench|memory|guard)\b|.*python -m benchmarks\.": "is a measurement, of minutes",
    r"kuberay-exporter demo ": "runs until Ctrl-C; tests/commands/test_demo.py runs it",
    r"make install\b|pipx ": "downloads packages, and writes to the home folder",
    r"kube-state-metrics |go install ": "needs a program that is built for a measurement",
    r"apt-get ": "changes the machine",
    r"jq (?s:.*)operator\.log": "needs the log of an operator",
}
"""Commands that do not run here, by a regular expression for their beginning, with the reason."""

RUNS_UNTIL_STOPPED = r"kuberay-exporter($| serve\b| --)"


class Documented(NamedTuple):
    page: str
    command: str


def documented() -> Iterator[Documented]:
    """Yield the commands after a `$`: with the next lines while they end in a backslash or a quote is open."""
    for page in sorted(PAGES):
        for block in re.findall(r"^```console\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            lines = block.splitlines()
            while lines:
                if (line := lines.pop(0)).startswith("$ "):
                    while lines and (line.endswith("\\") or not is_closed(line)):
                        line += "\n" + lines.pop(0)
                    yield Documented(page.relative_to(ROOT).as_posix(), line.removeprefix("$ "))


def is_closed(command: str) -> bool:
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return False
    return True


def reasons(command: str) -> list[str]:
    return [reason for pattern, reason in NOT_RUN.items() if re.match(pattern, command)]


RUN = [one for one in documented() if not reasons(one.command)]


class Demo(NamedTuple):
    exporter: str
    api: str
    printed: str


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    command = [*COMMAND, "demo", "--metrics-addr", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(), cwd=ROOT) as process:
        try:
            assert process.stdout
            shown = "".join(iter(process.stdout.readline, "Ctrl-C ends it.\n"))
            exporter, api = re.findall(r"(http://\S+)/metrics ", shown)[0], re.findall(r"(http://\S+)/apis/", shown)[0]
            wait_until(lambda: is_ready(f"{exporter}/metrics"))
            yield Demo(exporter, api, re.findall(r"^  (\S.* explain .*)$", shown, re.MULTILINE)[0])
        finally:
            process.terminate()
            process.wait(15)


@pytest.fixture
def folder(demo: Demo, tmp_path: Path) -> Path:
    """A clone in which `make test` has run, on a machine with the programs and with a kubeconfig for the demo."""
    for name in ("deploy", "charts", "tests", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    recorded = json.loads((ROOT / "tests" / "testdata" / "captures" / "005.list.json").read_text()).values()
    items = [item for one in recorded for item in one["items"]]
    (tmp_path / "list.json").write_text(json.dumps({"kind": "List", "items": items}))
    scripts = {
        "kuberay-exporter": f'exec {sys.executable} -m exporter "$@"',
        "python": f'exec {sys.executable} "$@"',
        "kubectl-ray_explain": f'exec {ROOT}/deploy/krew/kubectl-ray_explain "$@"',
        # In place of kubectl: it finds a plugin by its name, and prints objects that were recorded.
        "kubectl": f'test "$1" = ray-explain && shift && exec kubectl-ray_explain "$@"; cat {tmp_path}/list.json',
    }
    for name, script in scripts.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    context = {"cluster": "c", "user": "u"}
    config = {
        "current-context": "prod",
        "contexts": [{"name": "prod", "context": context}],
        "clusters": [{"name": "c", "cluster": {"server": demo.api}}],
        "users": [{"name": "u", "user": {}}],
    }
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text(json.dumps(config))
    return tmp_path


def variables(demo: Demo, folder: Path) -> dict[str, str]:
    """Return the environment of a command, in which NAME and NS are an object of the demo."""
    answer = json.loads(get(f"{demo.exporter}/api/v1/objects?kind=RayCluster&limit=1"))
    cluster = answer["items"][0]
    path = f"{folder}/.venv/bin:{os.environ['PATH']}"
    of_python = {"PYTHONPATH": str(ROOT), "KUBERAY_EXPORTER_METRICS_ADDR": "127.0.0.1:0"}
    return environment(PATH=path, HOME=str(folder), NAME=cluster["name"], NS=cluster["namespace"], **of_python)


def test_every_command_runs_or_has_a_reason_not_to() -> None:
    """And no reason remains of a command that is gone."""
    found = list(documented())
    assert len(found) > 50
    for pattern in NOT_RUN:
        assert any(re.match(pattern, one.command) for one in found), pattern
    assert len(RUN) >= 12


@pytest.mark.parametrize("one", RUN, ids=lambda one: f"{one.page}: {one.command.splitlines()[0][:60]}")
def test_command_runs(one: Documented, demo: Demo, folder: Path) -> None:
    """As it is written, but for the address of the demo and the name of an object."""
    jobs = json.loads(get(f"{demo.exporter}/api/v1/objects?kind=RayJob&limit=1"))["items"]
    command = re.sub(r"(http://)?(127\.0\.0\.1|localhost):8080", demo.exporter, one.command)
    command = command.replace("train-llm -n ml", f"{jobs[0]['name']} -n {jobs[0]['namespace']}")
    run = ["bash", "-c", command]
    with subprocess.Popen(
        run, cwd=folder, env=variables(demo, folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        if re.match(RUNS_UNTIL_STOPPED, command):
            assert process.stdout
            assert any('"listening"' in line for line in process.stdout)
            process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=60)
    assert process.returncode in ((0, 1) if "explain" in command else (0,)), errors
    assert output or re.search(f"{RUNS_UNTIL_STOPPED}|> |eval ", command)


def test_the_command_that_the_demo_prints_runs(demo: Demo) -> None:
    """From the folder of the clone; it finds what is wrong there."""
    result = subprocess.run(
        ["bash", "-c", demo.printed], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 1, result.stderr
    assert len(result.stdout.splitlines()) > 5
