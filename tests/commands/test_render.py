"""`render`: every form of input, and input that is none."""

import json
import re
import subprocess
from pathlib import Path

import msgspec
import pytest
import yaml

from tests.support.bodies import parse
from tests.support.commands import COMMAND, environment, error_line, run
from tests.support.objects import manifest
from tests.support.recordings import captures

CAPTURE = captures()[4]


def job(name: str, **more: object) -> dict[str, object]:
    return {"apiVersion": "ray.io/v1", "kind": "RayJob"} | manifest({}, name=name, uid=name) | more


def names(result: subprocess.CompletedProcess[bytes]) -> set[str]:
    """Return the names of the jobs that were printed."""
    families = parse(result.stdout)
    return {dict(labels)["name"] for _, labels in families["kuberay_job_info"].series} if families else set()


A, B = job("a"), job("b")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(json.dumps(A), {"a"}, id="one object"),
        pytest.param(json.dumps({"apiVersion": "v1", "kind": "List", "items": [A, B]}), {"a", "b"}, id="a List"),
        pytest.param(
            json.dumps({"kind": "RayJobList", "apiVersion": "ray.io/v1", "items": [A]}), {"a"}, id="a RayJobList"
        ),
        pytest.param(
            json.dumps({"kind": "RayJobList", "apiVersion": "ray.io/v1", "items": [{"metadata": A["metadata"]}]}),
            {"a"},
            id="items without a kind",
        ),
        pytest.param(
            "".join(json.dumps({"type": "ADDED", "object": obj}) + "\n" for obj in (A, B))
            + json.dumps({"type": "DELETED", "object": B}),
            {"a"},
            id="a watch",
        ),
        pytest.param(json.dumps(A) + "\n" + json.dumps(B), {"a", "b"}, id="JSON after JSON"),
        pytest.param(json.dumps([A, B]), {"a", "b"}, id="a JSON array"),
        pytest.param(json.dumps(A, indent=2), {"a"}, id="indented"),
        pytest.param("\ufeff  \n" + json.dumps(A), {"a"}, id="byte order mark"),
        pytest.param(yaml.safe_dump(A), {"a"}, id="YAML"),
        pytest.param(yaml.safe_dump([A, B]), {"a", "b"}, id="a YAML list"),
        pytest.param("---\n" + yaml.safe_dump_all([A, B]) + "---\n", {"a", "b"}, id="YAML documents"),
        pytest.param(yaml.safe_dump({"kind": "List", "items": [A, B]}), {"a", "b"}, id="a YAML List"),
        pytest.param(json.dumps(A | {"apiVersion": "ray.io/v1alpha1"}), {"a"}, id="the deprecated version"),
    ],
)
def test_forms_of_input(text: str, expected: set[str]) -> None:
    """All that kubectl and people produce."""
    result = run("render", "-", stdin=text.encode())
    assert (result.returncode, result.stderr) == (0, b"")
    assert names(result) == expected


@pytest.mark.parametrize("document", [{"kind": "List", "items": []}, {"kind": "RayJobList", "items": None}])
def test_a_cluster_without_objects_has_no_metrics(document: dict[str, object]) -> None:
    """kubectl prints an empty list of it, as the operator prints nothing."""
    result = run("render", "-", stdin=json.dumps(document).encode())
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


@pytest.mark.parametrize(
    ("document", "found"),
    [
        pytest.param(
            {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "rows": []},
            "a Table, which `kubectl get -o json` or `-o yaml` avoids (1)",
            id="a Table",
        ),
        pytest.param(
            {"kind": "List", "items": [{"kind": "Pod", "apiVersion": "v1"}] * 3 + [{"kind": "\x1bNode"}]},
            "Pod of v1 (3), ?Node without an apiVersion (1)",
            id="a List of other kinds",
        ),
        pytest.param(A | {"apiVersion": "batch/v1"}, "RayJob of batch/v1 (1)", id="the same kind of another group"),
    ],
)
def test_input_without_a_usable_object_is_explained(document: dict[str, object], found: str) -> None:
    """In one line, with exit code 2: an empty output alone looks like an empty cluster."""
    result = run("render", "-", stdin=json.dumps(document).encode())
    assert (result.returncode, result.stdout) == (2, b"")
    assert error_line(result) == f"no RayCluster or RayJob or RayService in the input, only {found}"


def test_a_watch_without_an_object_is_explained() -> None:
    """Only a bookmark came: there is nothing to name in place of an object."""
    result = run("render", "-", stdin=json.dumps({"type": "BOOKMARK", "object": {"kind": "RayJob"}}).encode())
    assert (result.returncode, result.stdout) == (2, b"")
    assert error_line(result) == "no RayCluster or RayJob or RayService in the input"


@pytest.mark.parametrize(
    ("document", "line"),
    [
        pytest.param(
            {key: value for key, value in A.items() if key != "apiVersion"},
            "skipped RayJob ns/a: no apiVersion, which is 'ray.io/v1'",
            id="no apiVersion",
        ),
        pytest.param(
            A | {"metadata": {"name": "a", "namespace": "ns"}},
            "skipped RayJob ns/a: it has no uid, as it is not from a cluster: print objects with `kubectl get -o yaml` "
            "or `-o json`",
            id="a manifest from a file",
        ),
    ],
)
def test_objects_that_are_not_from_a_cluster_are_skipped(document: dict[str, object], line: str) -> None:
    """With a line for each, and exit code 1 if there are others."""
    result = run("render", "-", stdin=json.dumps([B, document]).encode())
    assert result.returncode == 1
    assert result.stderr.decode() == f"kuberay-exporter: {line}\n"
    assert names(result) == {"b"}
    assert run("render", "-", stdin=json.dumps(document).encode()).returncode == 2


def test_other_kinds_beside_known_ones_are_ignored() -> None:
    """`kubectl get all` has both."""
    items = [A, {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p"}}]
    result = run("render", "-", stdin=json.dumps({"kind": "List", "items": items}).encode())
    assert (result.returncode, result.stderr) == (0, b"")
    assert names(result) == {"a"}


def test_several_files_are_one_exposition(tmp_path: Path) -> None:
    """Each family once, with the objects of all files."""
    (tmp_path / "a.json").write_text(json.dumps(A))
    (tmp_path / "b.yaml").write_text(yaml.safe_dump(B))
    result = run("render", str(tmp_path / "a.json"), str(tmp_path / "b.yaml"))
    assert names(result) == {"a", "b"}


def test_standard_input_is_read_without_an_argument() -> None:
    """`kubectl get … | kuberay-exporter render`."""
    assert names(run("render", stdin=json.dumps(A).encode())) == {"a"}


def test_yaml_gives_what_json_gives() -> None:
    """A recorded list of all kinds, as YAML with unquoted times too."""
    text = yaml.safe_dump(json.loads(CAPTURE.kubectl_list))
    unquoted = text.replace("'2026-", "2026-").replace("Z'", "Z")
    assert unquoted != text
    expected = run("render", stdin=CAPTURE.kubectl_list).stdout
    assert run("render", stdin=text.encode()).stdout == expected
    assert run("render", stdin=unquoted.encode()).stdout == expected


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "no objects in it", id="empty"),
        pytest.param(b"{", "not JSON", id="cut JSON"),
    ],
)
def test_input_that_is_none_is_one_line(data: bytes, reason: str) -> None:
    """Exit code 2, nothing on standard output."""
    result = run("render", "-", stdin=data)
    assert (result.returncode, result.stdout) == (2, b"")
    line = error_line(result)
    assert line.startswith("couldn't read '")
    assert re.search(reason, line), line


def test_an_undecodable_object_is_skipped_and_told() -> None:
    """The others are printed; the exit code says that something is missing."""
    bad = job("bad") | {"status": {"failed": "many"}}
    result = run("render", stdin=json.dumps({"kind": "List", "items": [A, bad, B]}).encode())
    assert names(result) == {"a", "b"}
    assert result.returncode == 1
    assert result.stderr.decode() == (
        "kuberay-exporter: skipped RayJob ns/bad: Expected `int | null`, got `str` - at `$.status.failed`\n"
    )


def test_text_of_objects_cannot_control_a_terminal() -> None:
    """Escape sequences, backspaces, zero bytes and directions of text are printed as escapes."""
    hostile = job("a") | {"kind": "RayCluster", "spec": {"rayVersion": "\x1b[2J\b\0\u202e\x9bm\x7fä"}}
    result = run("render", stdin=json.dumps(hostile).encode())
    assert r"\\u001b[2J\\b\\u0000\\u202e\\u009bm\\u007fä" in result.stdout.decode()
    assert all(line.isprintable() for line in result.stdout.decode().splitlines())
    assert "kuberay_cluster_info" in parse(result.stdout)


def test_families_can_be_chosen() -> None:
    """The flags of serve that decide on families."""
    options = ["--collectors", "rayjobs", "--metric-allowlist", "job_info,job_deployment,cluster_info,labels"]
    result = run("render", *options, "--metric-labels-allowlist", "*=[team]", stdin=CAPTURE.kubectl_list)
    families = parse(result.stdout)
    assert families.keys() == {
        "kuberay_job_info", "kuberay_job_deployment_status", "kuberay_job_cluster_info", "kuberay_job_labels"
    }  # fmt: skip
    teams = {dict(labels).get("label_team") for _, labels in families["kuberay_job_labels"].series}
    assert "vision" in teams
    assert None in teams


def test_a_file_has_no_history_to_count() -> None:
    """Counters and histograms are of what happened while somebody watched."""
    assert not [name for name in parse(run("render", stdin=CAPTURE.kubectl_list).stdout) if "_jobs_" in name]


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_long_exposition_is_written_whole_into_a_pipe(unbuffered: str) -> None:
    """Unbuffered, a single write would end with what the pipe takes at once."""
    many = msgspec.json.encode({"kind": "List", "items": [job(f"job-{i}") for i in range(2000)]})
    assert run("render", stdin=many, PYTHONUNBUFFERED=unbuffered).stdout.count(b"\nkuberay_job_info{") == 2000


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    """`render … | head -1`."""
    many = msgspec.json.encode({"kind": "List", "items": [job(f"job-{i}") for i in range(5000)]})
    with subprocess.Popen(
        [*COMMAND, "render"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(many)
        process.stdin.close()
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 1
