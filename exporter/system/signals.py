"""SIGTERM, SIGINT and SIGHUP, from the first moment of the process to its last.

Every handler is a function: the kernel's and Python's own ones end the process with other exit codes or with a
stack trace, and so does a signal that arrives while a handler is replaced by one of them.
"""

import atexit
import os
import signal
from collections.abc import Callable

EXIT_CODES = {signal.SIGTERM: 0, signal.SIGINT: 130}


def exit_on_signals() -> None:
    """Let SIGTERM and SIGINT end the process at once; SIGHUP is ignored.

    The first process of a container has no default handlers: until it sets one, the signal is lost, and the pod
    ends only after its grace period.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number, code in EXIT_CODES.items():
        signal.signal(number, lambda *_, code=code: exit_process(code))


def handle_signals(callback: Callable[[], object]) -> None:
    """Call `callback` on SIGTERM and SIGINT, in the main thread and between any two of its instructions."""
    for number in EXIT_CODES:
        signal.signal(number, lambda *_: callback())


def exit_process(code: int) -> None:
    """End the process after what was registered for its end: the log is written, files with keys are removed.

    SystemExit would be lost if a library that is being imported catches everything. The interpreter's own end
    waits for threads that a blocked standard output holds, and restores the default handlers before it is over.
    """
    atexit._run_exitfuncs()  # noqa: SLF001 - it has no public name
    os._exit(code)
