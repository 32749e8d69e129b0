"""The list of packages that is written while the image is built."""

import json
import re
import subprocess
import sys
import sysconfig
from importlib.metadata import distributions
from typing import Any

import pytest

from exporter import __version__
from tests.support.helm_chart import ROOT
from tools.sbom import canonical, read_lock, sbom

LOCK = (ROOT / "requirements.lock").read_text()


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document for this lock and what is installed of it here."""
    pins = read_lock(LOCK)
    locked = {pin.name for pin in pins}
    folder = sysconfig.get_path("purelib")
    found = {canonical(one.metadata["Name"]): one for one in distributions(path=[folder])}
    installed = {name: one for name, one in found.items() if name in locked}
    return json.loads(json.dumps(sbom(pins, installed, __version__)))  # type: ignore[no-any-return]


def test_reads_every_package_of_the_lock_with_its_hashes() -> None:
    pins = read_lock(LOCK)
    assert len(pins) == len(re.findall(r"^\S+==", LOCK, re.MULTILINE)) > 8
    assert sum(len(pin.sha256) for pin in pins) == LOCK.count("--hash=sha256:")
    assert all(pin.sha256 for pin in pins)


def test_names_every_installed_package(document: dict[str, Any]) -> None:
    """With version, package URL, license and hashes, as CycloneDX wants them."""
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    components = {component["name"]: component for component in document["components"]}
    assert components.keys() >= {"bcrypt", "h11", "msgspec", "prometheus-client", "starlette", "urllib3"}
    for name, component in components.items():
        assert re.search(rf"^{name}(\[.+\])?=={re.escape(component['version'])} ", LOCK, re.MULTILINE)
        assert component["purl"] == f"pkg:pypi/{name}@{component['version']}"
        assert component["licenses"]
        assert all(len(one["hashes"][0]["content"]) == 64 for one in component["externalReferences"])
    (dependencies,) = document["dependencies"]
    assert dependencies["dependsOn"] == [component["bom-ref"] for component in document["components"]]


def test_refuses_a_package_that_is_not_locked() -> None:
    """It would be in the image without anybody's decision."""
    one = next(iter(distributions()))
    with pytest.raises(KeyError):
        sbom([], {"unknown": one}, "1")


def test_runs_without_any_package() -> None:
    """As in the build of the image: the command of the Dockerfile, with another Python's isolated mode."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.search(r"python3 sbom\.py requirements\.lock packages .*\\\n\s+> sbom\.cdx\.json", dockerfile)
    command = [sys.executable, "-I", "-S", str(ROOT / "tools" / "sbom.py")]
    result = subprocess.run(
        [*command, str(ROOT / "requirements.lock"), str(ROOT / "tests"), "1.2.3"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(result.stdout)["metadata"]["component"]["version"] == "1.2.3"
