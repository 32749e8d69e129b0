"""What a release is made of: one version, one file of addresses, files that exist and name no address by themselves."""

import hashlib
import os
import re
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml

from exporter import __version__
from tests.support.helm_chart import ROOT
from tools import release

NONE = dict.fromkeys(release.addresses((ROOT / "publish.env").read_text()), "")
SOME = {
    "REPOSITORY_URL": "https://forge.example.com/o/r",
    "IMAGE": "registry.example.com/o/kuberay-exporter",
    "CHART": "oci://registry.example.com/o/charts",
    "DOCS_URL": "https://docs.example.com",
}

OTHERS = re.compile(
    # Reserved names and addresses, and names within a cluster.
    r"(.+\.)?(example(\.com)?|invalid|localhost|svc(\.cluster\.local)?|internal)|127(\.\d+){3}|192\.0\.2\.\d+|\w*"
    # References, schemas and licenses, which others own.
    r"|github\.com/ray-project|docs\.ray\.io|go\.dev|semver\.org|json-schema\.org|www\.w3\.org|www\.apache\.org"
    r"|kuberay-exporter[\w-]*|grafana\.monitoring|cluster\.example\.svc"
)
"""Hosts that a tracked file may name."""

REGISTRY = re.compile(r"\b(ghcr\.io|quay\.io|docker\.io|gcr\.io|[\w.-]*pkg\.dev|pypi\.org|[\w.-]*pythonhosted\.org)\b")
"""Hosts of registries, of which no file but the messages of a simulated kubelet names one."""


def tracked() -> list[Path]:
    """Return the tracked text files, without recordings and locks."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    paths = [ROOT / name for name in listed.split("\0") if name and "testdata" not in name]
    return [path for path in paths if path.suffix not in (".lock", ".png") and path.is_file()]


def test_no_file_names_an_address_of_our_own() -> None:
    """Nobody owns one: links are dead, or lead to a stranger. The settings of links have none by default."""
    for path in tracked():
        text = path.read_text()
        for address in re.findall(r"https?://((?:github\.com/)?[a-zA-Z0-9._-]+)", text):
            assert OTHERS.fullmatch(address.rstrip(".")), f"{path.relative_to(ROOT)}: {address}"
        if path != Path(__file__) and "simulator" not in path.parts and path.suffix != ".json":
            assert not REGISTRY.search(text), f"{path.relative_to(ROOT)}: {REGISTRY.search(text)}"


def test_nobody_is_told_to_install_what_is_not_published() -> None:
    """Somebody else could register the name. The form after the first release is marked as such."""
    told = re.compile(r"(?:pipx? install|uvx?(?: tool)? (?:install|run)|helm repo add|docker pull|krew install) +(\S+)")
    for path in tracked():
        for line in path.read_text().splitlines():
            if (found := told.search(line)) and "once published" not in line:
                assert re.match(r"['\"]?[.$-]|\w+/\w+$|kuberay$|rich\b", found[1]), f"{path.relative_to(ROOT)}: {line}"


def test_every_file_names_the_same_version() -> None:
    """And `make version` finds them all."""
    assert list(release.problems("")) == []
    named = {path.relative_to(ROOT).as_posix() for path in release.versioned_files()}
    assert named >= {"Dockerfile", "charts/kuberay-exporter/Chart.yaml", "deploy/sidecar/patch.yaml", "docs/install.md"}


def test_what_is_missing_for_a_release_is_said() -> None:
    """A tag of another version, a changelog without its section, addresses and placeholders that nobody filled in."""
    found = "\n".join(release.problems("99.0.0"))
    for part in (
        "the tag is 99.0.0",
        "CHANGELOG.md has no section 99.0.0",
        "IMAGE is empty",
        "CODEOWNERS has a",
    ):
        assert part in found


@pytest.mark.parametrize("known", [NONE, SOME], ids=["without addresses", "with addresses"])
def test_the_packaged_chart_has_the_addresses_and_nothing_else(known: dict[str, str], tmp_path: Path) -> None:
    """Metadata for Artifact Hub, the image, and the links to the runbooks."""
    release.write_chart(tmp_path, known)
    chart, values = (yaml.safe_load((tmp_path / name).read_text()) for name in ("Chart.yaml", "values.yaml"))
    assert chart["version"] == chart["appVersion"] == __version__
    changes = yaml.safe_load(chart["annotations"]["artifacthub.io/changes"])
    assert changes
    assert all(isinstance(change, str) for change in changes)
    found = {"home" in chart, "sources" in chart, "icon" in chart, "artifacthub.io/images" in chart["annotations"]}
    assert found == {known is SOME}
    assert values["image"]["repository"] == (known["IMAGE"] or "kuberay-exporter")
    assert values["prometheusRule"]["runbookUrl"] == (f"{known['DOCS_URL']}/runbooks/" if known["DOCS_URL"] else "")


def test_the_manifest_of_the_plugin_names_the_archive(tmp_path: Path) -> None:
    """With its hash; without an address there is only the archive."""
    release.write_krew(tmp_path, NONE)
    assert not (tmp_path / "ray-explain.yaml").exists()
    archive = release.write_krew(tmp_path, SOME)
    manifest = yaml.safe_load((tmp_path / "ray-explain.yaml").read_text())
    (platform,) = manifest["spec"]["platforms"]
    assert platform["uri"] == f"{SOME['REPOSITORY_URL']}/releases/download/v{__version__}/{archive.name}"
    assert platform["sha256"] == hashlib.sha256(archive.read_bytes()).hexdigest()
    with tarfile.open(archive) as tar:
        assert tar.getnames() == [one["from"] for one in platform["files"]]


def test_the_plugin_is_explain(tmp_path: Path) -> None:
    """With kubectl's arguments passed on, and one line if the command is missing."""
    plugin = [str(ROOT / "deploy" / "krew" / "kubectl-ray_explain"), "rayjob", "a b"]
    (tmp_path / "kuberay-exporter").write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    (tmp_path / "kuberay-exporter").chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    result = subprocess.run(plugin, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout == "explain|rayjob|a b|"
    missing = subprocess.run(plugin, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=60)
    assert (missing.returncode, missing.stderr.count("\n")) == (2, 1)


def test_versions_called_tested_are_those_that_the_tests_install() -> None:
    """Each pin of a tool or package is in docs/compatibility.md."""
    page = (ROOT / "docs" / "compatibility.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    pins = re.findall(r"\$\(TOOLS\)/(?:helm|kustomize|vmalert)-v([\d.]+)/", makefile)
    pins += [f"3.{minor}" for minor in re.findall(r"/prometheus-v0\.3(\d+\.\d+)/", makefile)]
    modules = (ROOT / "tests" / "e2e" / "controlplane" / "go.mod").read_text()
    pins += re.findall(r"k8s\.io/kubernetes v([\d.]+)\n", modules)
    pins += re.findall(
        r"^grafana-foundation-sdk==\d+!([\d.]+)", (ROOT / "requirements-dev.lock").read_text(), re.MULTILINE
    )
    assert len(pins) == 6
    tested = [line for line in page.splitlines() if "| tested" in line]
    for pin in pins:
        assert any(f" {pin} |" in line for line in tested), pin
