"""The lock files: complete by themselves, since they are installed without resolving anything."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name as canonical

from tests.support.helm_chart import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
OWN = PROJECT["project"]["dependencies"]
DIRECT = {"requirements.lock": OWN, "requirements-dev.lock": [*OWN, *PROJECT["dependency-groups"]["dev"]]}


def pinned(lock: str) -> dict[str, set[str]]:
    """Return the packages of a lock file, each with the extras that it is pinned with."""
    pins = re.findall(r"^([\w.-]+)(?:\[([\w,.-]+)\])?==", (ROOT / lock).read_text(), re.MULTILINE)
    return {canonical(name): set(filter(None, extras.split(","))) for name, extras in pins}


def required(direct: Iterable[str], pins: dict[str, set[str]]) -> Iterator[tuple[str, Requirement]]:
    """Yield who requires what on this platform: the project, and each locked package with its pinned extras."""
    for line in direct:
        yield "pyproject.toml", Requirement(line)
    for one in distributions():
        name = canonical(one.metadata["Name"])
        for requirement in map(Requirement, one.requires or () if name in pins else ()):
            environments: list[dict[str, str]] = [{"extra": extra} for extra in ("", *pins[name])]
            if requirement.marker is None or any(map(requirement.marker.evaluate, environments)):
                yield name, requirement


@pytest.mark.parametrize("lock", DIRECT)
def test_every_requirement_is_pinned_with_its_extras(lock: str) -> None:
    """pip 23 takes a package with an extra for another one than the pin without, and installs the newest release."""
    pins = pinned(lock)
    found = list(required(DIRECT[lock], pins))
    assert len(found) > len(pins)
    for by, requirement in found:
        pin = pins.get(canonical(requirement.name))
        assert pin is not None, f"{lock} does not pin {requirement.name}, which {by} requires"
        assert requirement.extras <= pin, f"{lock} pins {requirement.name} without the extras for {by}"


def test_packages_of_both_locks_have_the_same_pins() -> None:
    """The development does not test other versions than those in the image."""
    lines = {lock: set(re.findall(r"^\S+==\S+", (ROOT / lock).read_text(), re.MULTILINE)) for lock in DIRECT}
    assert lines["requirements.lock"] <= lines["requirements-dev.lock"]
