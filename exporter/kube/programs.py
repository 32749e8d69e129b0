"""A program run with limits on its time and on what it prints."""

import atexit
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

MAX_OUTPUT_BYTES = 1024 * 1024
_READ_BYTES = 64 * 1024


class Outcome(NamedTuple):
    """How a program ended; `has_ended` is False if it was killed, for its time or its output."""

    has_ended: bool
    code: int
    stdout: bytes
    stderr: bytes


def run(command: Sequence[str], environment: Mapping[str, str], timeout_seconds: float) -> Outcome:
    """Run a program without standard input, and kill it, and what it has started, after the time or 1 MiB of output.

    Raises:
        OSError: it cannot be run.
        ValueError: an argument or a variable has a null character in it.
    """
    with subprocess.Popen(  # noqa: S603 - what the user's kubeconfig says
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A group of its own: what it has started is killed with it.
        start_new_session=True,
    ) as process:

        def kill() -> None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)

        # The exporter may end meanwhile: its threads are daemons, and the program would stay.
        atexit.register(kill)
        try:
            has_ended, stdout, stderr = _read(process, time.monotonic() + timeout_seconds)
            if not has_ended:
                kill()
            return Outcome(has_ended, process.wait(), stdout, stderr)
        finally:
            atexit.unregister(kill)


def _read(process: "subprocess.Popen[bytes]", deadline: float) -> tuple[bool, bytes, bytes]:
    """Read until both outputs are closed and the program has ended; return whether that was within the limits."""
    outputs: dict[int, bytes] = {}
    with selectors.DefaultSelector() as selector:
        for pipe in filter(None, (process.stdout, process.stderr)):
            outputs[pipe.fileno()] = b""
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map() and max(map(len, outputs.values())) < MAX_OUTPUT_BYTES:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                break
            for key, _ in selector.select(remaining):
                if data := os.read(key.fd, _READ_BYTES):
                    outputs[key.fd] += data
                else:
                    selector.unregister(key.fileobj)
        is_closed = not selector.get_map()
    stdout, stderr = outputs.values()
    return is_closed and _ends(process, deadline), stdout, stderr


def _ends(process: "subprocess.Popen[bytes]", deadline: float) -> bool:
    try:
        process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True
