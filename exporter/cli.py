"""The commands; every error is one line and an exit code."""

import functools
import os
import re
import signal
import sys
from collections.abc import Sequence
from typing import Any, BinaryIO, NoReturn

import click

from exporter import __version__
from exporter.app import serve
from exporter.config import UserLabelAllowlist
from exporter.demo.cluster import SimulatedCluster
from exporter.errors import ConfigError, ExporterError, InputError
from exporter.kube.access import anonymous
from exporter.kube.access_loader import AccessLoader
from exporter.options import (
    PLURALS,
    build_config,
    exporter_options,
    family_filter,
    family_options,
    log_options,
    metrics_address_option,
    option,
    start_logging,
)
from exporter.render import Renderer

PROGRAM = "kuberay-exporter"
_GROUP_OPTIONS = ("-h", "--help", "--version")

DEMO = """\
A simulated KubeRay cluster with {objects} objects, and the exporter on it:

  {exporter}/metrics    what Prometheus scrapes
  {exporter}/    what is watched, and its state
  {api}/apis/ray.io/v1/rayjobs    the objects themselves

Things to look for, with curl -s {exporter}/metrics | grep …

  kuberay_job_deployment_status             what jobs are doing; Retrying lasts seconds
  kuberay_job_execution_duration_seconds    how long attempts took, each retry by itself
  kuberay_job_failure                       why jobs failed, also of those deleted lately
  'provisioned{{condition="false"'            clusters that are not ready, some for hours
  kuberay_service_traffic_routed_ratio      services being upgraded in steps
  kuberay_jobs_finished_total               what happened since the start, by namespace
  kuberay_exporter_                         is all of this still true?

Ctrl-C ends it.
"""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name=PROGRAM)
def cli() -> None:
    """Prometheus exporter for KubeRay's custom resources.

    Without a command, or with options alone, it serves: see `kuberay-exporter serve --help`.
    """


@cli.command("serve")
@metrics_address_option(":8080")
@exporter_options(family_options(), retain="0s")
@option("--kubeconfig", help="Path of a kubeconfig; without it the pod's service account, then $KUBECONFIG.")
@option("--context", help="Context of the kubeconfig.  [default: its current one]")
@log_options(level="info", encoder="json")
def serve_command(kubeconfig: str | None, context: str | None, **values: Any) -> None:
    """Watch the cluster and serve its metrics."""
    config = build_config(values)
    start_logging(values)
    serve(config, AccessLoader(kubeconfig, context))


@cli.command("demo")
@metrics_address_option("127.0.0.1:8080")
@exporter_options(family_options(collectors=PLURALS, labels="*=[*]"), retain="10m")
@log_options(level="warn", encoder="console")
@option("--seed", type=int, default=1, help="The same seed gives the same cluster.")
@option(
    "--speed",
    type=click.FloatRange(0, 1000, min_open=True),
    default=1.0,
    help="How much faster than life it goes.",
)
@option("--objects", type=click.IntRange(1, 100_000), default=60, help="About how many objects there are.")
def demo_command(seed: int, speed: float, objects: int, **values: Any) -> None:
    """Run a simulated KubeRay cluster and the exporter on it, until Ctrl-C."""
    config = build_config(values)
    start_logging(values)
    cluster = SimulatedCluster(seed=seed, speed=speed, objects=objects)
    with click.progressbar(length=objects, label="Making the cluster", file=sys.stderr) as bar:
        cluster.populate(lambda made, _: bar.update(made - bar.pos))
    with cluster:

        def announce(address: str) -> None:
            click.echo(DEMO.format(objects=cluster.objects, exporter=f"http://{address}", api=cluster.url))

        serve(config, functools.partial(anonymous, cluster.url), announce)


@cli.command("render")
@family_options()
@click.argument("files", type=click.File("rb"), nargs=-1, metavar="[FILE...|-]")
def render_command(
    files: tuple[BinaryIO, ...],
    collectors: tuple[str, ...],
    metric_allowlist: tuple[re.Pattern[str], ...],
    metric_denylist: tuple[re.Pattern[str], ...],
    metric_labels_allowlist: UserLabelAllowlist,
) -> None:
    """Print the metrics of objects in files, JSON or YAML, and exit.

    Reads standard input where no file is named:

    \b
      kubectl get rayclusters,rayjobs,rayservices -A -o json | kuberay-exporter render

    Objects that can't be decoded are named on standard error and skipped; the exit code is 1 then.
    """
    # Ended by a signal it has not printed everything: that is no success.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    skipped: list[str] = []
    is_exported = family_filter(metric_allowlist, metric_denylist)
    renderer = Renderer(collectors, is_exported, metric_labels_allowlist, skipped.append)
    inputs: Sequence[BinaryIO] = files or [sys.stdin.buffer]
    for file in inputs:
        try:
            renderer.add(file.read())
        except (InputError, OSError) as exc:
            raise InputError(f"couldn't read '{file.name}': {exc}") from exc
    # With PYTHONUNBUFFERED, common in images, sys.stdout.buffer stops after what a pipe takes at once.
    with os.fdopen(sys.stdout.fileno(), "wb", closefd=False) as stdout:
        stdout.write(renderer.exposition())
    for line in skipped:
        click.echo(f"{PROGRAM}: {line}", err=True)
    if skipped:
        raise click.exceptions.Exit(1)


def main() -> NoReturn:
    """Run the command line; every error is one line on standard error and an exit code."""
    arguments = sys.argv[1:]
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in _GROUP_OPTIONS):
        arguments.insert(0, "serve")
    try:
        code = cli.main(arguments, prog_name=PROGRAM, standalone_mode=False)
    except click.ClickException as exc:
        _exit(exc.format_message(), exc.exit_code)
    except ConfigError as exc:
        _exit(str(exc), 2)
    except ExporterError as exc:
        _exit(str(exc), 1)
    except BrokenPipeError:
        # `render … | head`: nobody reads any more. Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    sys.exit(code)


def _exit(message: str, code: int) -> NoReturn:
    print(f"{PROGRAM}: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201 - the error, not a leftover
    sys.exit(code)
