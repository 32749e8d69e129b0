"""The start of the process."""

import subprocess
import sys

from tests.support.commands import environment

LOADED = """
import sys
before = set(sys.modules)
import exporter.__main__
print(*sorted(set(sys.modules) - before))
"""


def python(code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), timeout=60)


def test_before_signals_are_handled_nothing_is_imported_that_takes_time() -> None:
    """A signal in the first half second would end the process with a stack trace."""
    loaded = python(LOADED).stdout.split()
    assert [name for name in loaded if name.startswith("exporter")] == [
        "exporter",
        "exporter.__main__",
        "exporter.system",
        "exporter.system.signals",
    ]
    assert not {"click", "msgspec", "starlette", "urllib3", "asyncio", "logging"} & set(loaded)


def test_the_exit_code_is_that_of_the_command_line() -> None:
    """0, and 2 for a wrong value."""
    code = "import sys; from exporter.__main__ import main; sys.argv = ['x', '{}']; main()"
    assert python(code.format("--version")).returncode == 0
    assert python(code.format("--no-such-flag")).returncode == 2
