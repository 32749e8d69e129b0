"""The command line: flags and environment variables to a `Config`, errors to one line and an exit code."""

import functools
import os
import re
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
    parse_address,
    parse_buckets,
    parse_collectors,
    parse_namespaces,
    parse_pattern,
)
from exporter.errors import ConfigError, ExporterError, InputError
from exporter.logs import ENCODERS, LEVELS, set_up_logging
from exporter.render import Renderer

PROGRAM = "kuberay-exporter"
_PLURALS = tuple(kind.plural for kind in KINDS)
_GROUP_OPTIONS = ("-h", "--help", "--version")


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


def family_options(command: Any) -> Any:
    """What decides on the families, for every command that prints some."""
    for decorate in (
        option(
            "--metric-denylist",
            type=Parsed("regexps", parse_pattern),
            help="Comma-separated regular expressions; families whose names they match are left out.",
        ),
        option(
            "--metric-allowlist",
            type=Parsed("regexps", parse_pattern),
            help="Comma-separated regular expressions; only families whose names they match are printed.",
        ),
        option(
            "--collectors",
            type=Parsed("kinds", functools.partial(parse_collectors, known=_PLURALS)),
            default=",".join(_PLURALS),
            help="Comma-separated kinds to export.",
        ),
    ):
        command = decorate(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name=PROGRAM)
def cli() -> None:
    """Prometheus exporter for KubeRay's custom resources.

    Without a command, or with options alone, it serves: see `kuberay-exporter serve --help`.
    """


@cli.command("serve")
@option(
    "--metrics-addr",
    type=Parsed("address", parse_address),
    default=":8080",
    help="Address to listen on; an empty host is all interfaces, port 0 any free one.",
)
@option(
    "--health-probe-bind-address",
    type=Parsed("address", parse_address),
    help="Address of a second listener, for /healthz and /readyz alone.",
)
@option(
    "--watch-namespace",
    type=Parsed("namespaces", parse_namespaces),
    default="",
    help="Comma-separated namespaces to watch, each by a list and watch of its own.  [default: all]",
)
@family_options
@option(
    "--histogram-buckets",
    type=Parsed("seconds", parse_buckets),
    default="10,30,60,120,300,600,1800,3600,7200,14400,43200,86400",
    help="Comma-separated upper bounds of the histograms of durations, in seconds.",
)
@option("--kubeconfig", help="Path of a kubeconfig; without it the pod's service account, then $KUBECONFIG.")
@option("--context", help="Context of the kubeconfig.  [default: its current one]")
@option(
    "--kube-page-size",
    type=click.IntRange(1, 10_000),
    default=500,
    help="Objects in one page of a list.",
)
@option("--log-level", type=click.Choice(list(LEVELS)), default="info", help="Least level to log.")
@option(
    "--log-stdout-encoder",
    type=Parsed("encoder", parse_encoder),
    default="json",
    help="Form of the log: json or console.",
)
def serve_command(
    metric_allowlist: re.Pattern[str] | None, metric_denylist: re.Pattern[str] | None, **values: Any
) -> None:
    """Watch the cluster and serve its metrics."""
    config = Config(
        metrics_address=values["metrics_addr"],
        probe_address=values["health_probe_bind_address"],
        namespaces=values["watch_namespace"],
        collectors=values["collectors"],
        is_exported=family_filter(metric_allowlist, metric_denylist),
        histogram_buckets=values["histogram_buckets"],
        kubeconfig=values["kubeconfig"],
        context=values["context"],
        page_size=values["kube_page_size"],
        log_level=values["log_level"],
        log_encoder=values["log_stdout_encoder"],
    )
    set_up_logging(config.log_level, config.log_encoder)
    serve(config)


@cli.command("render")
@family_options
@click.argument("files", type=click.File("rb"), nargs=-1, metavar="[FILE...|-]")
def render_command(
    files: tuple[BinaryIO, ...],
    collectors: tuple[str, ...],
    metric_allowlist: re.Pattern[str] | None,
    metric_denylist: re.Pattern[str] | None,
) -> None:
    """Print the metrics of objects in files, JSON or YAML, and exit.

    Reads standard input where no file is named:
    kubectl get rayclusters,rayjobs,rayservices -A -o json | kuberay-exporter render

    Objects that can't be decoded are named on standard error and skipped; the exit code is 1 then.
    """
    skipped: list[str] = []
    renderer = Renderer(collectors, family_filter(metric_allowlist, metric_denylist), skipped.append)
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


def family_filter(allow: re.Pattern[str] | None, deny: re.Pattern[str] | None) -> FamilyFilter:
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
