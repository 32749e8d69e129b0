"""The command line: flags and environment variables to a `Config`, errors to one line and an exit code."""

import functools
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, NoReturn

import click

from exporter import __version__
from exporter.app import serve
from exporter.collectors import KINDS
from exporter.config import (
    Config,
    FamilyFilter,
    UserLabelAllowlist,
    parse_address,
    parse_buckets,
    parse_collectors,
    parse_duration,
    parse_label_allowlist,
    parse_namespaces,
    parse_patterns,
)
from exporter.demo.cluster import SimulatedCluster
from exporter.errors import ConfigError, ExporterError, InputError
from exporter.kube.credentials import anonymous, load_configuration
from exporter.logs import ENCODERS, LEVELS, LogFile, set_up_logging
from exporter.render import Renderer

PROGRAM = "kuberay-exporter"
_PLURALS = tuple(kind.plural for kind in KINDS)
_DEFAULT_PLURALS = tuple(kind.plural for kind in KINDS if kind.is_default)
_GROUP_OPTIONS = ("-h", "--help", "--version")

DEMO = """\
A simulated KubeRay cluster with {objects} objects, and the exporter on it:

  {exporter}/metrics    what Prometheus scrapes
  {exporter}/    what is watched, and its state
  {api}/apis/ray.io/v1/rayjobs    the objects themselves

Things to look for, with curl -s {exporter}/metrics | grep …

  kuberay_job_deployment_status             what jobs are doing; Retrying lasts seconds
  kuberay_job_execution_duration_seconds    how long attempts took, each retry by itself
  'provisioned{{condition="false"'            clusters that are not ready, some for hours
  'in_progress{{condition="true"'             services being upgraded
  kuberay_exporter_                         is all of this still true?

Ctrl-C ends it.
"""


class Parsed(click.ParamType[Any]):
    """A value that a function of `config` reads from text; its ConfigError becomes click's."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ConfigError as exc:
            self.fail(str(exc), param, ctx)


def parse_encoder(text: str) -> str:
    """Read a log encoder, with the operator's own words where it is none."""
    if text not in ENCODERS:
        raise ConfigError(f"invalid encoder \"{text}\" (must be 'json' or 'console')")
    return text


def option(flag: str, **attributes: Any) -> Callable[[Any], Any]:
    """An option with its environment variable, KUBERAY_EXPORTER_<FLAG>, shown in the help."""
    variable = f"KUBERAY_EXPORTER_{flag.removeprefix('--').replace('-', '_').upper()}"
    return click.option(flag, envvar=variable, show_envvar=True, show_default=True, **attributes)


def options(*decorators: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Several options as one decorator; the help lists them in this order."""

    def decorate(command: Any) -> Any:
        return functools.reduce(lambda decorated, decorator: decorator(decorated), reversed(decorators), command)

    return decorate


def family_options(collectors: Sequence[str] = _DEFAULT_PLURALS, labels: str = "") -> Callable[[Any], Any]:
    """What is printed of the objects; the demo has other defaults."""
    return options(
        option(
            "--collectors",
            type=Parsed("kinds", functools.partial(parse_collectors, known=_PLURALS)),
            default=",".join(collectors),
            help=f"Comma-separated kinds to export, of {', '.join(_PLURALS)}.",
        ),
        option(
            "--metric-allowlist",
            type=Parsed("regexps", parse_patterns),
            default="",
            help="Comma-separated regular expressions; only families whose names they match are printed.",
        ),
        option(
            "--metric-denylist",
            type=Parsed("regexps", parse_patterns),
            default="",
            help="Comma-separated regular expressions; families whose names they match are left out.",
        ),
        option(
            "--metric-labels-allowlist",
            type=Parsed("labels", functools.partial(parse_label_allowlist, known=_PLURALS)),
            default=labels,
            help="Labels of objects to print, such as 'rayjobs=[team,cost-center],rayclusters=[*]'.",
        ),
    )


def exporter_options(families: Callable[[Any], Any], retain: str) -> Callable[[Any], Any]:
    """What the exporter does, wherever its cluster is."""
    return options(
        option(
            "--health-probe-bind-address",
            type=Parsed("address", parse_address),
            help="Address of a second listener, for /healthz and /readyz alone.",
        ),
        option(
            "--watch-namespace",
            type=Parsed("namespaces", parse_namespaces),
            default="",
            help="Comma-separated namespaces to watch, each by a list and watch of its own.  [default: all]",
        ),
        families,
        option(
            "--histogram-buckets",
            type=Parsed("seconds", parse_buckets),
            default="10,30,60,120,300,600,1800,3600,7200,14400,43200,86400",
            help="Comma-separated upper bounds of histograms of durations, in seconds.",
        ),
        option(
            "--retain-deleted",
            type=Parsed("duration", parse_duration),
            default=retain,
            help="How long some series of a finished RayJob stay after it was deleted.",
        ),
        option(
            "--kube-page-size",
            type=click.IntRange(1, 10_000),
            default=500,
            help="Objects in one page of a list.",
        ),
    )


def metrics_address_option(default: str) -> Callable[[Any], Any]:
    return option(
        "--metrics-addr",
        type=Parsed("address", parse_address),
        default=default,
        help="Address to listen on; an empty host is all interfaces, port 0 any free one.",
    )


def log_options(level: str, encoder: str) -> Callable[[Any], Any]:
    return options(
        option("--log-level", type=click.Choice(list(LEVELS)), default=level, help="Least level to log."),
        option(
            "--log-stdout-encoder",
            type=Parsed("encoder", parse_encoder),
            default=encoder,
            help="Form of the log on standard output: json or console.",
        ),
        option("--log-file-path", help="Also log to this file, from level info on; rotated at 500 MB."),
        option(
            "--log-file-encoder",
            type=Parsed("encoder", parse_encoder),
            default="json",
            help="Form of the log in the file: json or console.",
        ),
    )


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
    serve(config, functools.partial(load_configuration, kubeconfig, context))


@cli.command("demo")
@metrics_address_option("127.0.0.1:8080")
@exporter_options(family_options(collectors=_PLURALS, labels="*=[*]"), retain="10m")
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


def build_config(values: dict[str, Any]) -> Config:
    """Return the exporter's settings from the values of `exporter_options` and the address."""
    return Config(
        metrics_address=values["metrics_addr"],
        probe_address=values["health_probe_bind_address"],
        namespaces=values["watch_namespace"],
        collectors=values["collectors"],
        is_exported=family_filter(values["metric_allowlist"], values["metric_denylist"]),
        user_labels=values["metric_labels_allowlist"],
        histogram_buckets=values["histogram_buckets"],
        retain_deleted_seconds=values["retain_deleted"],
        page_size=values["kube_page_size"],
    )


def start_logging(values: dict[str, Any]) -> None:
    """Set up logging from the values of `log_options`; raises ConfigError."""
    path = values["log_file_path"]
    file = LogFile(path, values["log_file_encoder"]) if path else None
    set_up_logging(values["log_level"], values["log_stdout_encoder"], file)


def family_filter(allow: tuple[re.Pattern[str], ...], deny: tuple[re.Pattern[str], ...]) -> FamilyFilter:
    if allow and deny:
        raise click.UsageError("--metric-allowlist and --metric-denylist exclude each other: give one")
    return FamilyFilter(allow, deny)


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
