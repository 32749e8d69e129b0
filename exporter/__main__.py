"""`python -m exporter` is `kuberay-exporter`: what runs first and last."""

import sys

from exporter.system.signals import exit_on_signals, exit_process


def main() -> None:
    """Run the command line. Importing it takes half a second, in which signals are handled already.

    This module and what it imports at its head import nothing that Python has not loaded by itself.
    """
    exit_on_signals()
    from exporter import cli

    try:
        cli.main()
    except SystemExit as exc:
        exit_process(exc.code if isinstance(exc.code, int) else 0)


def explain() -> None:
    """Run `explain`: kubectl runs the program kubectl-ray_explain for `kubectl ray-explain`."""
    sys.argv.insert(1, "explain")
    main()


if __name__ == "__main__":
    main()
