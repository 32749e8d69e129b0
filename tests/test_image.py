"""The image: what is in it is enough, and what it says of itself is so."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from exporter import __version__
from tests.support.commands import COMMAND, environment
from tests.support.helm_chart import ROOT
from tools.sbom import canonical, read_lock

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
    """An environment in which Python does not import what only the development has."""
    locked = {pin.name for pin in read_lock((ROOT / "requirements.lock").read_text())} | {"kuberay-exporter"}
    owners = metadata.packages_distributions()
    modules = [module for module in owners if not locked & set(map(canonical, owners[module]))]
    patterns = [pattern for module in modules for pattern in (module, f"{module}.*")]
    (tmp_path / "sitecustomize.py").write_text(REFUSE.format(patterns=patterns))
    return environment(PYTHONPATH=str(tmp_path))


def run(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("module", ["kubernetes", "cryptography"])
def test_what_only_the_development_has_is_refused(module: str, as_in_the_image: dict[str, str]) -> None:
    """Or the next test would say nothing."""
    assert "is not in the image" in run(as_in_the_image, "-c", f"import {module}").stderr


def test_starts_with_what_is_in_the_image(as_in_the_image: dict[str, str]) -> None:
    """The whole program is imported for it, the way to a cluster included."""
    assert run(as_in_the_image, *COMMAND[1:], "--version").stdout == f"kuberay-exporter, version {__version__}\n"
    assert "no way to a cluster" in run(as_in_the_image, *COMMAND[1:], "serve").stderr


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
