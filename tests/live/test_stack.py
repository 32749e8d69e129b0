"""`make stack`: three programs that are started together, configured for each other, and ended together."""

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import environment
from tests.support.prometheus_process import ask, query
from tests.support.watching import wait_until

PATIENCE_SECONDS = 60.0

COMMAND = [sys.executable, "-m", "tools.stack"]


class Stack:
    """A running stack: its pages by name, and its processes."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        assert process.stdout
        self.pages = dict(process.stdout.readline().split() for _ in range(3))
        self.last_words = process.stdout.readline()

    def children(self) -> dict[str, int]:
        """The processes that it started, by the name of the program."""
        pids = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        commands = {pid: Path(f"/proc/{pid}/cmdline").read_text().split("\0") for pid in pids}
        return {Path(words[0]).name: int(pid) for pid, words in commands.items()}

    def base(self, name: str) -> str:
        return "/".join(self.pages[name].split("/")[:3])


@contextmanager
def stack(folder: Path, **variables: str) -> Iterator[Stack]:
    """Start it with this folder for its files."""
    with subprocess.Popen(
        [*COMMAND, "--objects", "55", "--speed", "30"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(TMPDIR=str(folder), **variables),
    ) as process:
        try:
            yield Stack(process)
        finally:
            process.terminate()
            process.wait(60)


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def healths(prometheus: str) -> list[str]:
    return [target["health"] for target in ask(prometheus, "targets")["activeTargets"]]


def alerts(alertmanager: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{alertmanager}/api/v2/alerts", timeout=10) as answer:
        result: list[dict[str, Any]] = json.load(answer)
        return result


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_alerts_of_the_demo_reach_alertmanager_and_nothing_is_left(tmp_path: Path, number: signal.Signals) -> None:
    """Neither a process nor a file, after Ctrl-C and after a kill."""
    with stack(tmp_path) as own:
        assert set(own.pages) == {"exporter", "Prometheus", "Alertmanager"}
        with urllib.request.urlopen(own.pages["exporter"], timeout=10) as page:
            assert page.headers.get_content_type() == "text/html"
        prometheus = own.base("Prometheus")
        wait_until(lambda: healths(prometheus) == ["up", "up"], "both are scraped", PATIENCE_SECONDS)
        assert {"kuberay-slo", "kuberay-utilisation"} < {group["name"] for group in ask(prometheus, "rules")["groups"]}
        wait_until(
            lambda: query(prometheus, "ray_node_gpus_utilization"), "made-up measurements are there", PATIENCE_SECONDS
        )
        wait_until(lambda: alerts(own.base("Alertmanager")), "an alert has arrived", PATIENCE_SECONDS)
        assert {receiver["name"] for alert in alerts(own.base("Alertmanager")) for receiver in alert["receivers"]} <= {
            "on-call",
            "team",
            "nobody",
        }
        # Debian's has no web application: the page is the API's list of alerts.
        with urllib.request.urlopen(own.pages["Alertmanager"], timeout=10) as page:
            assert json.load(page)
        assert list(tmp_path.iterdir())
        children = own.children()
        assert len(children) == 3
        own.process.send_signal(number)
        assert own.process.wait(60) == 0
        assert own.process.stderr
        assert own.process.stderr.read() == ""
    assert not any(map(is_running, children.values()))
    assert not list(tmp_path.iterdir())


def test_when_one_ends_the_others_are_ended_and_it_is_named(tmp_path: Path) -> None:
    """With its last line."""
    with stack(tmp_path) as own:
        children = own.children()
        os.kill(children["prometheus-alertmanager"], signal.SIGKILL)
        assert own.process.wait(60) == 1
        assert own.process.stderr
        assert own.process.stderr.read().startswith("stack: Alertmanager has ended, so the others are ended; ")
    assert not any(map(is_running, children.values()))
    assert not list(tmp_path.iterdir())


def test_a_program_that_cannot_start_is_named(tmp_path: Path) -> None:
    """Its own last line says which flag is wrong."""
    result = subprocess.run(
        [*COMMAND, "--speed", "fast"], capture_output=True, text=True, env=environment(TMPDIR=str(tmp_path)), timeout=90
    )
    assert result.returncode == 1
    assert result.stderr.startswith("stack: exporter has ended")
    assert "--speed" in result.stderr
    assert not list(tmp_path.iterdir())


def test_upstreams_alertmanager_is_used_with_its_web_application(tmp_path: Path) -> None:
    """It has another name than Debian's."""
    programs, files = tmp_path / "programs", tmp_path / "files"
    programs.mkdir()
    files.mkdir()
    (programs / "alertmanager").symlink_to(shutil.which("prometheus-alertmanager") or "")
    with stack(files, PATH=f"{programs}:{os.environ['PATH']}") as own:
        assert own.pages["Alertmanager"].endswith("/#/alerts")
        assert {"alertmanager", "prometheus"} < set(own.children())


@pytest.mark.parametrize("arguments", [[], ["--check"]])
def test_programs_that_are_missing_are_named_with_their_packages(arguments: list[str], tmp_path: Path) -> None:
    """All in one line, and nothing is started."""
    command = [*COMMAND, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, env={"PATH": str(tmp_path)}, timeout=60)
    assert (result.returncode, result.stdout) == (1, "")
    packages = "on Debian or Ubuntu: apt-get install prometheus prometheus-alertmanager"
    assert result.stderr == f"stack: not installed: prometheus, alertmanager; {packages}\n"
    (tmp_path / "prometheus").symlink_to(sys.executable)
    result = subprocess.run(command, capture_output=True, text=True, env={"PATH": str(tmp_path)}, timeout=60)
    assert result.stderr == f"stack: not installed: alertmanager; {packages}\n"
