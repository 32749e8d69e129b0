"""The example for Alertmanager, as amtool and an Alertmanager read it (Debian: prometheus-alertmanager)."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.helm_chart import ROOT
from tests.support.watching import wait_until
from tools.rules import rules_by_name

CONFIGURATION = ROOT / "deploy" / "prometheus" / "alertmanager.yaml"

START_SECONDS = 60.0

ALERTS = {name: rule["labels"]["severity"] for name, rule in rules_by_name().items() if "alert" in rule}

RECEIVERS = {"critical": "on-call", "warning": "team", "info": "nobody"}


def amtool(*arguments: str) -> str:
    result = subprocess.run(["amtool", *arguments], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An Alertmanager with the example; gives its address."""
    program = shutil.which("alertmanager") or "prometheus-alertmanager"
    folder = tmp_path_factory.mktemp("alertmanager")
    flags = [f"--storage.path={folder}", "--web.listen-address=127.0.0.1:0", "--cluster.listen-address="]
    log = folder / "log"
    with (
        log.open("w") as output,
        subprocess.Popen([program, f"--config.file={CONFIGURATION}", *flags], stderr=output) as process,
    ):
        try:
            wait_until(lambda: listening(log), "Alertmanager listening", START_SECONDS)
            yield f"http://{listening(log)}"
        finally:
            process.terminate()
            process.wait(30)


def listening(log: Path) -> str:
    """Return the address in the log, or nothing if there is none yet."""
    match = re.search(r"Listening on.*address=(127\S+)", log.read_text())
    return match[1] if match else ""


def inhibited(alertmanager: str, test: str) -> set[str]:
    """Return the alerts of a test that are inhibited, as cluster/name."""
    text = amtool("--alertmanager.url", alertmanager, "alert", "query", "--inhibited", "-o", "json", f"test={test}")
    found: list[dict[str, Any]] = json.loads(text)
    return {f"{alert['labels']['cluster']}/{alert['labels']['alertname']}" for alert in found}


def fire(alertmanager: str, test: str, *alerts: str) -> None:
    """Send alerts, each as words: its name and its labels. The label `test` keeps the tests apart."""
    for alert in alerts:
        # The namespace keeps the tests apart, too, as inhibitions do not compare the label `test`.
        words = [*alert.split(), f"namespace={test}", f"test={test}"]
        amtool("--alertmanager.url", alertmanager, "alert", "add", *words)


def test_configuration_is_valid() -> None:
    """As amtool checks it."""
    printed = amtool("check-config", str(CONFIGURATION))
    assert re.search(r"SUCCESS", printed)
    assert " - 5 inhibit rules" in printed


@pytest.mark.parametrize(("alert", "severity"), ALERTS.items())
def test_alert_is_routed_by_its_severity(alert: str, severity: str) -> None:
    """Only critical ones act at night; information notifies nobody."""
    labels = [f"alertname={alert}", f"severity={severity}", "namespace=ml"]
    routed = amtool("config", "routes", "test", f"--config.file={CONFIGURATION}", *labels)
    assert routed.split() == [RECEIVERS[severity]]


@pytest.mark.parametrize(("team", "receiver"), [("research", "research"), ("search", "team")])
def test_failed_job_is_routed_to_the_team_in_its_label(team: str, receiver: str) -> None:
    """A failed job is a warning: without this route it is for the team of all warnings."""
    labels = ["alertname=RayJobFailed", "severity=warning", f"label_team={team}"]
    assert amtool("config", "routes", "test", f"--config.file={CONFIGURATION}", *labels).split() == [receiver]


CASES = {
    "stale": (
        "KubeRayExporterStale cluster=stale-eu",
        ["RayServiceNotReady cluster=stale-eu", "KubeRayNotReconciling cluster=stale-eu"],
        ["RayServiceNotReady cluster=stale-us"],
        {"stale-eu/RayServiceNotReady"},
    ),
    "down": (
        "KubeRayExporterDown cluster=down-eu",
        ["RayJobStuckInitializing cluster=down-eu"],
        ["RayJobStuckInitializing cluster=down-us"],
        {"down-eu/RayJobStuckInitializing"},
    ),
    "head": (
        "RayClusterHeadPodNotReady cluster=eu uid=1",
        ["RayClusterProvisioningStuck cluster=eu uid=1", "RayClusterWorkersMissing cluster=eu uid=1"],
        ["RayClusterProvisioningStuck cluster=us uid=1", "RayClusterWorkersMissing cluster=eu uid=2"],
        {"eu/RayClusterProvisioningStuck", "eu/RayClusterWorkersMissing"},
    ),
    "service": (
        "RayServiceNotReady cluster=eu uid=1",
        ["RayServiceNoServeEndpoints cluster=eu uid=1", "RayServiceApplicationUnhealthy cluster=eu uid=1"],
        ["RayServiceNoServeEndpoints cluster=us uid=1", "RayServiceUpgradeStuck cluster=eu uid=1"],
        {"eu/RayServiceNoServeEndpoints", "eu/RayServiceApplicationUnhealthy"},
    ),
    "deadline": (
        "RayJobExecutionTimeout cluster=eu uid=1",
        ["RayJobDeadlineNear cluster=eu uid=1"],
        ["RayJobDeadlineNear cluster=eu uid=2"],
        {"eu/RayJobDeadlineNear"},
    ),
    "failures": (
        "RayJobFailureRateHigh cluster=eu",
        ["RayJobFailed cluster=eu uid=1"],
        ["RayJobFailed cluster=us uid=1"],
        {"eu/RayJobFailed"},
    ),
}
"""By test: the source, alerts that it may inhibit, alerts of other clusters or objects, and the inhibited ones."""


@pytest.mark.parametrize("test", CASES)
def test_inhibitions_are_within_one_cluster_and_one_object(alertmanager: str, test: str) -> None:
    """An Alertmanager reports which alerts it inhibits."""
    source, targets, others, expected = CASES[test]
    fire(alertmanager, test, source, *targets, *others)
    wait_until(lambda: inhibited(alertmanager, test) == expected, f"inhibited: {expected}", START_SECONDS, 0.1)


def test_without_clusters_the_label_is_equal(alertmanager: str) -> None:
    """As in a Prometheus of one cluster. The namespace is another one than in the tests above."""
    fire(alertmanager, "single", "RayClusterHeadPodNotReady uid=1", "RayClusterWorkersMissing uid=1")
    query = ["alert", "query", "--inhibited", "-o", "json", "test=single"]
    wait_until(
        lambda: json.loads(amtool("--alertmanager.url", alertmanager, *query)), "one is inhibited", START_SECONDS, 0.1
    )
