"""`python -m exporter` is `kuberay-exporter`: what runs first."""

import os
import signal
from types import FrameType
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line, ready for SIGTERM from the first moment.

    The first process of a container has no default handlers: until it sets one, the signal is lost,
    and the pod's end waits for its grace period. Importing the rest takes half a second.
    """
    signal.signal(signal.SIGTERM, _end)
    from exporter import cli

    cli.main()


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    # Nothing is served yet. An exception would be lost where a library being imported catches everything.
    os._exit(0)


if __name__ == "__main__":
    main()
