"""The image: what its Dockerfile leaves out is not missed, and what it says of itself is so."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from exporter import __version__
from tests.support.commands import COMMAND, environment
from tests.support.helm_chart import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()

REFUSE = """\
import fnmatch, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in {patterns!r}):
            raise ModuleNotFoundError(f"{{name}} is not in the image")

sys.meta_path.insert(0, Refuse())
"""


def build_argument(name: str) -> list[str]:
    """Return the words of an ARG of the Dockerfile."""
    match = re.search(rf'^ARG {name}="?(.+?)"?$', DOCKERFILE, re.MULTILINE)
    assert match
    return match[1].split()


@pytest.fixture
def as_in_the_image(tmp_path: Path) -> dict[str, str]:
    """An environment in which Python does not import what the Dockerfile leaves out."""
    packages = set(build_argument("UNUSED_PACKAGES"))
    owners = metadata.packages_distributions()
    modules = [module for module in owners if packages & set(owners[module])]
    assert packages == {owner for module in modules for owner in owners[module]}
    modules += [path.removesuffix(".py").replace("/", ".") for path in build_argument("UNUSED_MODULES")]
    patterns = [pattern for module in modules for pattern in (module, f"{module}.*")]
    (tmp_path / "sitecustomize.py").write_text(REFUSE.format(patterns=patterns))
    return environment(PYTHONPATH=str(tmp_path))


def run(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("module", ["aiohttp", "kubernetes.aio", "kubernetes.client.models.v1_pod"])
def test_what_is_left_out_is_refused(module: str, as_in_the_image: dict[str, str]) -> None:
    """Or the next test would say nothing."""
    assert "is not in the image" in run(as_in_the_image, "-c", f"import {module}").stderr


def test_starts_without_what_is_left_out(as_in_the_image: dict[str, str]) -> None:
    """The whole program is imported for it."""
    assert run(as_in_the_image, *COMMAND[1:], "--version").stdout == f"kuberay-exporter, version {__version__}\n"


def test_every_way_to_a_cluster_works_without_what_is_left_out(as_in_the_image: dict[str, str]) -> None:
    """The tests of credentials and transport pass as they do with it."""
    tests = Path(__file__).parent / "kube" / "test_transport.py"
    result = run(as_in_the_image, "-m", "pytest", "-p", "no:cacheprovider", "-q", str(tests))
    assert result.returncode == 0, result.stdout
    assert re.search(r"^\d\d passed", result.stdout, re.MULTILINE)


def test_says_the_version_that_is_in_it() -> None:
    """The label of the image."""
    assert build_argument("VERSION") == [__version__]


def test_the_context_is_what_the_dockerfile_copies() -> None:
    """Nothing else gets near the image, whatever lies in the folder."""
    allowed = {
        line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    copied = set(re.findall(r"^COPY (?!--from)(\S+)", DOCKERFILE, re.MULTILINE))
    assert allowed == copied
