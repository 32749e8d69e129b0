"""`python -m exporter` is `kuberay-exporter`: what runs first and last."""

import os

from exporter.signals import exit_on_signals


def main() -> None:
    """Run the command line. Importing it takes half a second, in which signals are handled already.

    This module and what it imports at its head import nothing that Python has not loaded by itself.
    """
    exit_on_signals()
    from exporter import cli
    from exporter.logs import flush_logs

    try:
        cli.main()
    except SystemExit as exc:
        flush_logs()
        # Python's own end would wait for threads that a blocked standard output holds, and restore the handlers
        # of signals before that.
        os._exit(exc.code if isinstance(exc.code, int) else 0)


if __name__ == "__main__":
    main()
