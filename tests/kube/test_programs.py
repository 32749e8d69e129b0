"""Programs run with limits on their time and their output."""

import sys
import time
from pathlib import Path

import pytest

from exporter.kube import programs
from exporter.kube.programs import Outcome, run

LONG = 30.0


def python(code: str, seconds: float = LONG, **environment: str) -> Outcome:
    return run([sys.executable, "-c", code], environment, seconds)


def test_outputs_and_exit_code_are_returned() -> None:
    """Both outputs, each for itself."""
    outcome = python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert outcome == Outcome(True, 3, b"out\n", b"err\n")


def test_a_program_gets_its_environment_alone_and_no_input() -> None:
    """Standard input is empty: nobody would answer a question."""
    code = "import os, sys; print(sorted(set(os.environ) - {'LC_CTYPE'}), repr(sys.stdin.read()))"
    assert python(code, A="1").stdout == b"['A'] ''\n"


def test_outputs_that_are_larger_than_a_pipe_do_not_block() -> None:
    """Both are read at the same time."""
    outcome = python("import sys; sys.stderr.write('e' * 300_000); sys.stdout.write('o' * 300_000)")
    assert (outcome.has_ended, len(outcome.stdout), len(outcome.stderr)) == (True, 300_000, 300_000)


def test_a_program_that_hangs_is_killed() -> None:
    """What it has printed until then is returned."""
    started = time.monotonic()
    outcome = python("import time; print('waits', flush=True); time.sleep(60)", 1.0)
    assert (outcome.has_ended, outcome.code, outcome.stdout) == (False, -9, b"waits\n")
    assert time.monotonic() - started < LONG


def test_a_program_that_closes_its_outputs_and_stays_is_killed() -> None:
    """It has printed all, but it has not ended."""
    outcome = python("import os, time; os.close(1); os.close(2); time.sleep(60)", 1.0)
    assert (outcome.has_ended, outcome.code) == (False, -9)


def test_a_program_that_prints_too_much_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its output is held in memory."""
    monkeypatch.setattr(programs, "MAX_OUTPUT_BYTES", 1000)
    outcome = python("while True: print('x' * 100, flush=True)")
    assert not outcome.has_ended
    assert 1000 <= len(outcome.stdout) < 200_000


def test_what_cannot_be_run_is_an_error(tmp_path: Path) -> None:
    """The caller names the command."""
    with pytest.raises(FileNotFoundError):
        run([str(tmp_path / "missing")], {}, LONG)
    with pytest.raises(PermissionError):
        run([str(tmp_path)], {}, LONG)
    with pytest.raises(ValueError, match="null"):
        run([sys.executable, "a\0b"], {}, LONG)
