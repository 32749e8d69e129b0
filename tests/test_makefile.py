"""The Makefile: what its targets install, and with which Python."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.helm_chart import ROOT

# As an older Python, as far as the Makefile can see: version and command line.
OLD_PYTHON = """\
#!{python}
import sys
sys.version_info = (3, 9, 18)
sys.argv.pop(1) if sys.argv[1] == "-c" else sys.exit("no module of this Python may run")
exec(sys.argv[1])
"""


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make as from a terminal, also if make has started the tests."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=variables, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("target", ["demo", "stack", "test", "lint", "docs"])
def test_an_older_python_is_one_line(target: str, tmp_path: Path) -> None:
    """Before anything is installed, whatever the target."""
    python = tmp_path / "python3"
    python.write_text(OLD_PYTHON.format(python=sys.executable))
    python.chmod(0o755)
    result = make(target, f"PYTHON={python}", f"VENV={tmp_path / 'venv'}")
    assert result.returncode == 2
    line, of_make = result.stderr.splitlines()
    assert line == f"{python} is Python 3.9, but 3.11 or newer is needed: make {target} PYTHON=python3.11"
    assert of_make.startswith("make: ***")
    assert result.stdout == ""
    assert not (tmp_path / "venv").exists()


@pytest.mark.parametrize(
    ("target", "installs_dev"), [("demo", False), ("stack", False), ("test", True), ("lint", True)]
)
def test_only_development_needs_its_packages(target: str, installs_dev: bool, tmp_path: Path) -> None:
    """The demo installs the packages of the exporter alone."""
    commands = make("--dry-run", target, f"VENV={tmp_path / 'venv'}").stdout
    assert "-r requirements.lock" in commands
    assert ("-r requirements-dev.lock" in commands) is installs_dev


def test_after_the_demo_the_other_packages_are_still_installed(tmp_path: Path) -> None:
    """Into the same environment, which is not created again: a running demo goes on."""
    (tmp_path / ".runtime").touch()
    commands = make("--dry-run", "test", f"VENV={tmp_path}").stdout
    assert "-r requirements-dev.lock" in commands
    assert "-m venv" not in commands
    (tmp_path / ".ready").touch()
    assert "pip install" not in make("--dry-run", "test", f"VENV={tmp_path}").stdout


def test_every_lock_is_checked() -> None:
    """`requirements.lock` is a part of that of the development, as tests/test_locks.py shows."""
    commands = make("--dry-run", "check-locks").stdout
    locks = {path.name for path in ROOT.glob("requirements*.lock")} - {"requirements.lock"}
    assert len(locks) == 4
    assert locks <= set(commands.replace(";", " ").split())
