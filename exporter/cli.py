"""The commands; every error is one line and an exit code."""

import os
import signal
import sys
from typing import Any, BinaryIO, NoReturn

import click
from click.core import ParameterSource

from exporter import __version__
from exporter.commands.documents import items_of_files
from exporter.commands.explain.command import explain_command
from exporter.commands.explain.report import printable
from exporter.commands.render import Renderer
from exporter.config import Patterns, UserLabels
from exporter.errors import ConfigError, ExporterError, InputError
from exporter.options import (
    DEMO_PLURALS,
    RAY_PLURALS,
    auth_options,
    build_config,
    build_family_filter,
    exporter_options,
    family_options,
    log_options,
    option,
    start_logging,
)

PROGRAM = "kuberay-exporter"
_GROUP_OPTIONS = ("-h", "--help", "--version")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name=PROGRAM)
def cli() -> None:
    """Prometheus exporter for KubeRay's custom resources.

    Without a command, or with options alone, it serves: see `kuberay-exporter serve --help`.
    """


@cli.command("serve")
@exporter_options(family_options(), address=":8080", retain="0s")
@auth_options()
@option("--kubeconfig", help="Path of a kubeconfig; without it the pod's service account, then $KUBECONFIG.")
@option("--context", help="Context of the kubeconfig.  [default: its current one]")
@log_options(level="info", encoder="json")
def serve_command(kubeconfig: str | None, context: str | None, **values: Any) -> None:
    """Watch the cluster and serve its metrics."""
    # Imported here, so that `render` and `explain -f` load neither the kubernetes client nor the web server.
    from exporter.app import serve
    from exporter.kube.client.access_loader import AccessLoader

    config = build_config(values)
    start_logging(values)
    serve(config, AccessLoader(kubeconfig, context))


@cli.command("demo")
@exporter_options(family_options(collectors=DEMO_PLURALS, labels="*=[*]"), address="127.0.0.1:8080", retain="10m")
@log_options(level="warn", encoder="console")
@option(
    "--seed",
    type=int,
    default=1,
    help="The same seed gives the same objects; times, and the jobs of RayCronJobs, follow the clock.",
)
@option(
    "--speed",
    type=click.FloatRange(0, 1000, min_open=True),
    default=1.0,
    help="Speed of the changes, as a multiple of real time.",
)
@option("--objects", type=click.IntRange(1, 100_000), default=60, help="Approximate number of objects.")
def demo_command(seed: int, speed: float, objects: int, **values: Any) -> None:
    """Run a simulated KubeRay cluster and the exporter on it, until Ctrl-C.

    If the default of --metrics-addr is in use, a free port is used instead.
    """
    # Imported here, so that the other commands do not load the simulator.
    from exporter.commands import demo

    if click.get_current_context().get_parameter_source("metrics_address") is ParameterSource.DEFAULT:
        values["metrics_address"] = demo.free_address(values["metrics_address"])
    config = build_config(values)
    start_logging(values)
    demo.run(config, seed=seed, speed=speed, objects=objects)


@cli.command("render")
@family_options(known=RAY_PLURALS)
@click.argument("files", type=click.File("rb"), nargs=-1, metavar="[FILE...|-]")
def render_command(
    files: tuple[BinaryIO, ...],
    collectors: tuple[str, ...],
    metrics: str,
    metric_allowlist: Patterns,
    metric_denylist: Patterns,
    user_labels: UserLabels,
) -> None:
    """Print the metrics of objects in files, JSON or YAML, and exit.

    Reads standard input where no file is named:

    \b
      kubectl get rayclusters,rayjobs,rayservices -A -o json | kuberay-exporter render

    Objects that can't be decoded are named on standard error and skipped; the exit code is 1 then. It is 2 if no
    object of the exported kinds could be read.
    """
    # Ended by a signal it has not printed everything: that is no success.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    skipped: list[str] = []
    family_filter = build_family_filter(metrics, metric_allowlist, metric_denylist)
    renderer = Renderer(collectors, family_filter, user_labels, skipped.append)
    for item in items_of_files(files or [sys.stdin.buffer]):
        renderer.add(item)
    # With PYTHONUNBUFFERED, common in images, sys.stdout.buffer stops after what a pipe takes at once.
    with os.fdopen(sys.stdout.fileno(), "wb", closefd=False) as stdout:
        stdout.write(renderer.exposition())
    for line in skipped:
        click.echo(f"{PROGRAM}: {printable(line)}", err=True)
    renderer.check_not_empty()
    if skipped:
        raise click.exceptions.Exit(1)


cli.add_command(explain_command)


def main() -> NoReturn:
    """Run the command line; every error is one line on standard error and an exit code."""
    arguments = sys.argv[1:]
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in _GROUP_OPTIONS):
        arguments.insert(0, "serve")
    try:
        code = cli.main(arguments, prog_name=PROGRAM, standalone_mode=False)
    except click.ClickException as exc:
        _exit(exc.format_message(), exc.exit_code)
    except (ConfigError, InputError) as exc:
        _exit(str(exc), 2)
    except ExporterError as exc:
        _exit(str(exc), 1)
    except BrokenPipeError:
        # `render … | head`: the reader has ended. Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    sys.exit(code)


def _exit(message: str, code: int) -> NoReturn:
    print(f"{PROGRAM}: {printable(' '.join(message.split()))}", file=sys.stderr)  # noqa: T201 - the error, not a leftover
    sys.exit(code)
