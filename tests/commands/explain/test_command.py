"""`explain` as a user runs it: files, exit codes, text and JSON."""

import json
import re
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from exporter.commands.explain.command import explain_command, parse_names
from exporter.errors import ConfigError
from tests.support.commands import error_line, run
from tests.support.demo_process import demo, is_ready
from tests.support.fleets import DIAGNOSIS
from tests.support.watching import wait_until

FILE = str(DIAGNOSIS / "008.json")
AT = ("--at", "2026-11-25T16:44:21Z")
CASES = DIAGNOSIS / "cases"


@pytest.fixture(scope="module")
def exporter() -> Iterator[str]:
    with demo("--objects", "40") as metrics:
        wait_until(lambda: is_ready(metrics), "ready")
        yield metrics.removesuffix("/metrics")


def explain(*arguments: str) -> Result:
    return CliRunner().invoke(explain_command, list(arguments))


def test_all_objects_of_a_file_worst_first() -> None:
    """One line for each object with findings, without colours in a pipe, and the exit code 1."""
    result = run("explain", "-f", FILE, *AT)
    lines = result.stdout.decode().splitlines()
    assert result.returncode == 1
    assert len(lines) == 15
    assert [line.split()[0] for line in lines] == ["critical"] + ["warning"] * 11 + ["info"] * 3
    assert b"\x1b" not in result.stdout
    assert result.stderr == b""


def test_standard_input_without_findings() -> None:
    """Healthy objects: one line, and the exit code 0."""
    result = run("explain", "-f", "-", stdin=(CASES / "02-cluster-ready-1-4.yaml").read_bytes())
    assert result.returncode == 0
    assert result.stdout == b"No findings in 1 object.\n"


def test_chain_of_a_named_object() -> None:
    """From the object over its pods to the finding, the evidence and what helps."""
    result = explain(*AT, "-f", FILE, "rayclusters.ray.io/gpu-wait")
    lines = result.output.splitlines()
    assert result.exit_code == 1
    assert lines[0].startswith("RayCluster team-vision/gpu-wait: Provisioning for 12 min, 1 of 2")
    assert lines[0].endswith(", 1 of 2 workers ready")
    assert lines[1] == "← 3 pods: 2 Running, 1 Unschedulable"
    assert lines[2].startswith("← warning: Unschedulable for ")
    assert "Pod gpu-wait-gpu-group-worker-kxfj9, status.conditions[PodScheduled], " in lines[3]
    assert lines[4].startswith("    What helps: ")
    assert lines[5] == "    Runbook: docs/runbooks.md#rayclusterpodsunschedulable"
    assert lines[6] == "    Next: kubectl -n team-vision describe pod/gpu-wait-gpu-group-worker-kxfj9"


def test_chain_contains_the_cluster_of_a_job() -> None:
    """A job, its cluster, their pods."""
    lines = explain(*AT, "-f", FILE, "rayjob/no-submitter").output.splitlines()
    assert lines[1].startswith("← RayCluster team-nlp/no-submitter-tl7hm: Ready for ")
    assert lines[2:4] == ["← 1 pod: 1 Running", "← 1 pod: 1 ImagePullBackOff"]


def test_healthy_named_object() -> None:
    """The exit code is about the named objects only."""
    result = explain(*AT, "-f", FILE, "raycluster/no-head")
    assert result.exit_code == 0
    assert "healthy: no finding" in result.output


def test_a_time_before_objects_were_created_is_a_warning() -> None:
    """Their ages would be 0, and nothing would be late."""
    result = run("explain", "-f", FILE, "--at", "2026-11-25T15:00:00Z")
    assert re.search(rb": --at is before the creation of \d+ objects: ages count from 0\n", result.stderr)


def test_a_message_is_printed_once() -> None:
    """What the sentence says of it is not repeated with the evidence; a sentence that was cut continues there."""
    lines = explain(*AT, "-f", FILE, "-o", "json").output
    for item in json.loads(lines)["items"]:
        printed = explain(*AT, "-f", FILE, "-n", item["namespace"], item["kind"], item["name"]).output
        for found in item["findings"]:
            for message in (one["message"] for one in found["evidence"] if len(one.get("message", "")) > 40):
                assert printed.count(message[:40]) == 1


def test_json_has_findings_and_lists() -> None:
    """-o json prints what the API answers."""
    result = explain(*AT, "-f", FILE, "-o", "json", "raycluster/gpu-wait")
    (page,) = json.loads(result.output)["items"]
    assert page["object"]["findings"][0]["cause"] == "unschedulable"
    assert {pod["status"] for pod in page["pods"]} == {"Running", "Unschedulable"}
    assert page["conditions"][0]["type"] == "HeadPodReady"
    assert page["events"]


def test_json_of_all_objects_has_only_those_with_findings() -> None:
    """As the text."""
    items = json.loads(explain(*AT, "-f", FILE, "-o", "json").output)["items"]
    assert len(items) == 15
    assert all(item["findings"] and not item["healthy"] for item in items)


def test_control_characters_are_not_printed() -> None:
    """Whoever writes an object's message cannot control the terminal."""
    job = {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": {"name": "a", "namespace": "ns", "uid": "1"},
        "status": {"jobDeploymentStatus": "ValidationFailed", "message": "\x1b[2Jgone\x07"},
    }
    result = CliRunner().invoke(explain_command, ["-f", "-", "rayjob/a"], input=json.dumps(job))
    assert result.exit_code == 1
    assert "?[2Jgone?" in result.output
    assert "\x1b" not in result.output


def test_colours_on_a_terminal() -> None:
    """click decides; in a pipe there are none."""
    assert "\x1b[31m" in CliRunner().invoke(explain_command, ["-f", FILE], color=True).output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("pod/x",), "'pod/x' is not KIND/NAME or KIND NAME with a KIND of RayCluster, RayJob, RayService, RayCronJob"),
        (("rayjobs.example.com/x",), "'rayjobs.example.com/x' is not KIND/NAME"),
        (("rayjob/",), "'rayjob/' is not KIND/NAME"),
        (("rayjob/a", "b"), "'b' is not KIND/NAME"),
        (("rayjob", "a", "raycluster/b"), "'raycluster/b' has a kind, which is given before: RayJob"),
        (("-n", "a", "-A"), "-n and -A exclude each other"),
        (("-n", "a,b"), "'a,b' is not one namespace"),
        (AT, "--at needs -f"),
        (("-f", FILE, "--at", "2026-11-25"), "'--at': '2026-11-25' is not a UTC time such as '2026-03-05T10:20:00Z'"),
        (("--url", "http://127.0.0.1:1"), "couldn't read http://127.0.0.1:1: "),
        (("--url", "http://127.0.0.1:1", "-f", FILE), "--url and -f exclude each other: give one"),
        (("--watch", "rayjob/x"), "--watch shows all objects"),
        (("--watch", "--url", "ftp://x"), "'ftp://x' is not an address"),
        (("-f", FILE, "rayjob/none"), "couldn't find RayJob 'none' in the input"),
        (("-f", FILE, "raycronjobs"), "couldn't find RayCronJob objects in the input"),
        (("-f", FILE, "-n", "team-visoin"), "no RayCluster or RayJob or RayService or RayCronJob in namespace 'team-v"),
        (("-f", "/dev/null"), "no objects in it"),
        (("--server", "http://127.0.0.1:1"), "couldn't read any kind of ray.io"),
    ],
)
def test_wrong_use(arguments: tuple[str, ...], message: str) -> None:
    """One line with the value, and the exit code 2, also if nothing can be read."""
    result = run("explain", *arguments)
    assert result.returncode == 2
    assert message in result.stderr.decode().splitlines()[-1]
    assert result.stdout == b""


def test_no_cluster_is_wrong_use_too() -> None:
    """Without a kubeconfig and without files there is nothing to read."""
    result = run("explain")
    assert result.returncode == 2
    assert "no kubeconfig" in error_line(result)


@pytest.mark.parametrize("kind", ["rayjob", "RayJob", "rayjobs", "rayjobs.ray.io", "rayjobs.v1.ray.io", "RAYJOBS"])
def test_forms_of_a_kind(kind: str) -> None:
    """As kubectl takes them."""
    assert parse_names([f"{kind}/a"]) == parse_names([kind, "a"]) == [("RayJob", "a")]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ([], []),
        (["rayjob", "a", "b"], [("RayJob", "a"), ("RayJob", "b")]),
        (["rayjob/a", "raycluster/b"], [("RayJob", "a"), ("RayCluster", "b")]),
        (["rayjobs"], [("RayJob", "")]),
        (["rayjobs,rayclusters"], [("RayJob", ""), ("RayCluster", "")]),
        (["rayjob,raycluster", "a"], [("RayJob", "a"), ("RayCluster", "a")]),
    ],
)
def test_forms_of_names(words: list[str], wanted: list[tuple[str, str]]) -> None:
    """As kubectl takes them."""
    assert parse_names(words) == wanted


def test_all_objects_of_a_kind() -> None:
    """A line for each with findings."""
    result = explain(*AT, "-f", FILE, "rayservices")
    assert result.exit_code == 1
    assert {line.split()[1] for line in result.output.splitlines()} == {"RayService"}


def test_examples_of_the_help_have_their_own_lines() -> None:
    """Without the mark that keeps click from wrapping them."""
    output = explain("--help").output
    assert "\\b" not in output
    assert "\n    kuberay-exporter explain rayjob train-llm -n ml\n" in output


def test_a_running_exporter_is_read_once(exporter: str) -> None:
    """Without --watch: the table, one object, and JSON."""
    table = explain("--url", exporter)
    assert table.exit_code == 1
    kind, name = table.output.splitlines()[0].split()[1:3]
    chain = explain("--url", exporter, "-n", name.partition("/")[0], kind, name.partition("/")[2])
    assert chain.output.startswith(f"{kind} {name}: ")
    assert "What helps: " in chain.output
    items = json.loads(explain("--url", exporter, "-o", "json", kind).output)["items"]
    assert {item["kind"] for item in items} == {kind}
    wrong = explain("--url", exporter, "-n", "nowhere")
    assert isinstance(wrong.exception, ConfigError)
    assert str(wrong.exception).endswith("in namespace 'nowhere'")


def test_a_shard_says_so() -> None:
    """What is missing may be in another one."""
    with demo("--objects", "5", "--shard", "0", "--total-shards", "2") as metrics:
        wait_until(lambda: is_ready(metrics), "ready")
        url = metrics.removesuffix("/metrics")
        said = f"{url} is shard 0 of 2 (counted from 0): objects of other namespaces are in the other shards"
        assert said in explain("--url", url).output


def test_an_exporter_without_pods_says_so(exporter: str) -> None:
    """Once, with the flag that helps; an exporter with them says nothing."""
    assert "--collectors" not in explain("--url", exporter).output
    with demo("--objects", "5", "--collectors", "rayclusters,rayjobs") as metrics:
        wait_until(lambda: is_ready(metrics), "ready")
        lines = explain("--url", metrics.removesuffix("/metrics")).output.splitlines()
    assert [
        line
        for line in lines
        if line.endswith("does not know of pods, Events: add them to its --collectors, or see its log")
    ]
