"""The flags: their names, environment variables, defaults and help, and the settings that they become."""

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import click

from exporter.collectors.event import EVENTS
from exporter.config import (
    Config,
    FamilyFilter,
    MetricsAuth,
    parse_address,
    parse_audiences,
    parse_buckets,
    parse_cache_time,
    parse_collectors,
    parse_duration,
    parse_label_allowlist,
    parse_link,
    parse_namespaces,
    parse_patterns,
)
from exporter.errors import ConfigError
from exporter.families.limits import MAX_SERIES
from exporter.kinds import KINDS
from exporter.logs.configuration import ENCODERS, LEVELS, LogFile, set_up_logging

PLURALS = tuple(kind.plural for kind in KINDS)
RAY_PLURALS = tuple(kind.plural for kind in KINDS if kind.is_custom_resource)
DEFAULT_PLURALS = tuple(kind.plural for kind in KINDS if kind.is_default)
NINE = {kind.plural: [row.name for row in kind.rows if row.is_stable] for kind in KINDS}
"""The operator's own metrics, by kind."""
OWN_METRICS = re.compile("^(kuberay_exporter|process|python)_")


class Parsed(click.ParamType[Any]):
    """A value that a function of `config` reads from text; its ConfigError becomes click's error."""

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
    """Read a log encoder; the error is in the operator's own words."""
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


def family_options(
    collectors: Sequence[str] = DEFAULT_PLURALS, labels: str = "", known: Sequence[str] = PLURALS
) -> Callable[[Any], Any]:
    """Options of the metrics that are printed, of the `known` kinds; the demo has other defaults."""
    return options(
        option(
            "--collectors",
            type=Parsed("kinds", functools.partial(parse_collectors, known=known)),
            default=",".join(collectors),
            help=f"Comma-separated kinds to export, of {', '.join(known)}.",
        ),
        option(
            "--metrics",
            type=click.Choice(["all", "nine"]),
            default="all",
            help="Metrics to derive: all, or the nine of the KubeRay operator and the exporter's own.",
        ),
        option(
            "--metric-allowlist",
            type=Parsed("regexps", parse_patterns),
            default="",
            help="Comma-separated regular expressions of metric families to print.  [default: all]",
        ),
        option(
            "--metric-denylist",
            type=Parsed("regexps", parse_patterns),
            default="",
            help="Comma-separated regular expressions of metric families to omit.",
        ),
        option(
            "--metric-labels-allowlist",
            type=Parsed("labels", functools.partial(parse_label_allowlist, known=RAY_PLURALS)),
            default=labels,
            help="Labels of objects to add as metric labels, such as 'rayjobs=[team,cost-center],rayclusters=[*]'.",
        ),
    )


def exporter_options(families: Callable[[Any], Any], retain: str) -> Callable[[Any], Any]:
    """The exporter's own settings, for `serve` and `demo`."""
    return options(
        option(
            "--enable-metrics",
            type=bool,
            default=True,
            # As in Go, the flag alone is true.
            is_flag=False,
            flag_value=True,
            help="False: answer only the probes, and watch nothing; for command lines of the KubeRay operator.",
        ),
        option(
            "--health-probe-bind-address",
            type=Parsed("address", parse_address),
            help="Address of a second listener for /healthz and /readyz only.  [default: none]",
        ),
        option(
            "--watch-namespace",
            type=Parsed("namespaces", parse_namespaces),
            default="",
            help="Comma-separated namespaces to watch.  [default: all]",
        ),
        families,
        option(
            "--histogram-buckets",
            type=Parsed("seconds", parse_buckets),
            default="10,30,60,120,300,600,1800,3600,7200,14400,43200,86400",
            help="Comma-separated upper bounds of the duration histograms, in seconds.",
        ),
        option(
            "--retain-deleted",
            type=Parsed("duration", parse_duration),
            default=retain,
            help="Time for which some series of a finished RayJob are kept after its deletion.",
        ),
        option(
            "--object-series-limit",
            type=click.IntRange(1, 100_000),
            default=MAX_SERIES,
            help="Maximum number of series of one object in one metric family.",
        ),
        option(
            "--kube-page-size",
            type=click.IntRange(1, 10_000),
            default=500,
            help="Maximum number of objects in one page of a list.",
        ),
        option(
            "--web-max-requests",
            type=click.IntRange(1, 10_000),
            default=40,
            help="Maximum number of scrapes answered at once; more are answered 503 with Retry-After.",
        ),
        option(
            "--web-ui/--no-web-ui",
            default=True,
            help="Page with the objects and their findings at /, and its API at /api/v1.",
        ),
        option(
            "--cluster-name",
            default="",
            help="Name of the cluster, for the head and the title of the page.  [default: none]",
        ),
        option(
            "--log-events/--no-log-events",
            default=False,
            help="Log line for each Event with new occurrences; needs the collector events.",
        ),
        option(
            "--web-config-file",
            type=click.Path(path_type=Path),
            help="File with TLS and basic authentication, as of Prometheus' exporter-toolkit.  [default: none]",
        ),
        *link_options(),
    )


def auth_options() -> Callable[[Any], Any]:
    """Authentication by the API server, for `serve` alone: the demo's has no users."""
    return options(
        option(
            "--metrics-auth",
            type=click.Choice(["none", "kubernetes"]),
            default="none",
            help="Check of bearer tokens: none, or by TokenReview and SubjectAccessReview of the API server.",
        ),
        option(
            "--metrics-auth-audiences",
            type=Parsed("audiences", parse_audiences),
            default="",
            help="Comma-separated audiences, of which a token must have one.  [default: those of the API server]",
        ),
        option(
            "--metrics-auth-cache-ttl",
            type=Parsed("duration", parse_cache_time),
            default="1m",
            help="Time for which a decision on a token is used, at most 1h.",
        ),
        option(
            "--metrics-auth-client-certificates",
            is_flag=True,
            help="Accept a client certificate verified by --web-config-file in place of a token.",
        ),
    )


def link_options() -> Iterator[Callable[[Any], Any]]:
    """Links of the page to other programs."""
    link = Parsed("address", parse_link)
    placeholders = "{kind}, {namespace}, {name} and {cluster} are replaced"
    yield option(
        "--web-link-dashboard", type=link, default="", help=f"Address of a cluster's Ray dashboard; {placeholders}."
    )
    yield option("--web-link-grafana", type=link, default="", help=f"Address of an object in Grafana; {placeholders}.")
    yield option("--web-link-alerts", type=link, default="", help=f"Address of an object's alerts; {placeholders}.")
    yield option(
        "--web-link-runbook", type=link, default="", help="Address of docs/runbooks.md, for the links of findings."
    )


def metrics_address_option(default: str) -> Callable[[Any], Any]:
    """Return the option of the listen address; `default` is that of the command."""
    return option(
        "--metrics-addr",
        type=Parsed("address", parse_address),
        default=default,
        help="Listen address; an empty host means all interfaces, port 0 any free port.",
    )


def log_options(level: str, encoder: str) -> Callable[[Any], Any]:
    """Return the options of the log, with the command's defaults."""
    return options(
        option("--log-level", type=click.Choice(list(LEVELS)), default=level, help="Minimum log level."),
        option(
            "--log-stdout-encoder",
            type=Parsed("encoder", parse_encoder),
            default=encoder,
            help="Log encoder of standard output: json or console.",
        ),
        option(
            "--log-file-path",
            help="Log file in addition to standard output, from level info on; rotated at 500 MB.",
        ),
        option(
            "--log-file-encoder",
            type=Parsed("encoder", parse_encoder),
            default="json",
            help="Log encoder of the file: json or console.",
        ),
    )


def build_config(values: dict[str, Any]) -> Config:
    """Return the exporter's settings from the values of `exporter_options` and the address."""
    collectors = build_collectors(values["metrics"], values["collectors"])
    if values["log_events"] and EVENTS.plural not in collectors:
        raise click.UsageError(f"--log-events needs '{EVENTS.plural}' in --collectors")
    return Config(
        metrics_address=values["metrics_addr"],
        probe_address=values["health_probe_bind_address"],
        namespaces=values["watch_namespace"],
        collectors=collectors if values["enable_metrics"] else (),
        family_filter=build_family_filter(values["metrics"], values["metric_allowlist"], values["metric_denylist"]),
        user_labels=values["metric_labels_allowlist"],
        histogram_buckets=values["histogram_buckets"],
        object_series_limit=values["object_series_limit"],
        retain_deleted_seconds=values["retain_deleted"],
        page_size=values["kube_page_size"],
        max_requests=values["web_max_requests"],
        log_events=values["log_events"],
        has_web_ui=values["web_ui"],
        cluster_name=values["cluster_name"],
        links={name: values[f"web_link_{name}"] for name in ("dashboard", "grafana", "alerts", "runbook")},
        web_config_file=values["web_config_file"],
        metrics_auth=_build_auth(values) if "metrics_auth" in values else MetricsAuth(),
    )


def _build_auth(values: dict[str, Any]) -> MetricsAuth:
    auth = MetricsAuth(
        is_on=values["metrics_auth"] == "kubernetes",
        audiences=values["metrics_auth_audiences"],
        cache_seconds=values["metrics_auth_cache_ttl"],
        accepts_certificates=values["metrics_auth_client_certificates"],
    )
    for flag, value in (
        ("--metrics-auth-audiences", auth.audiences),
        ("--metrics-auth-client-certificates", auth.accepts_certificates),
    ):
        # Without the filter they protect nothing: the operator expects a check that does not take place.
        if value and not auth.is_on:
            raise click.UsageError(f"{flag} needs --metrics-auth kubernetes")
    return auth


def start_logging(values: dict[str, Any]) -> None:
    """Set up logging from the values of `log_options`; raises ConfigError."""
    path = values["log_file_path"]
    file = LogFile(path, values["log_file_encoder"]) if path else None
    set_up_logging(values["log_level"], values["log_stdout_encoder"], file)


def build_collectors(metrics: str, collectors: tuple[str, ...]) -> tuple[str, ...]:
    """Return the kinds to export: of the nine, only those that have some of them, else UsageError."""
    chosen = tuple(plural for plural in collectors if metrics == "all" or NINE[plural])
    if not chosen:
        raise click.UsageError("--metrics nine needs rayclusters, rayjobs or rayservices in --collectors")
    return chosen


def build_family_filter(
    metrics: str, allow: tuple[re.Pattern[str], ...], deny: tuple[re.Pattern[str], ...]
) -> FamilyFilter:
    """Return the filter of families; at most one of the settings may select some, else UsageError."""
    if bool(allow) + bool(deny) + (metrics == "nine") > 1:
        raise click.UsageError("--metrics nine, --metric-allowlist and --metric-denylist exclude each other: give one")
    return (
        FamilyFilter((re.compile(nine_pattern()), OWN_METRICS), ()) if metrics == "nine" else FamilyFilter(allow, deny)
    )


def nine_pattern() -> str:
    """Return the value of --metric-allowlist that selects the operator's own metrics."""
    return f"^({'|'.join(chain.from_iterable(NINE.values()))})$"
