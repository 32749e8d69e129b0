"""The flags: their names, environment variables, defaults and help, and the settings that they become."""

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import fields
from itertools import chain
from pathlib import Path
from typing import Any

import click

from exporter.collectors.event import EVENTS
from exporter.collectors.rayjob import RAYJOBS
from exporter.collectors.workload import WORKLOADS
from exporter.config import (
    LINKS,
    Config,
    FamilyFilter,
    MetricsAuth,
    Patterns,
    family_filter_of,
    parse_address,
    parse_buckets,
    parse_cache_time,
    parse_collectors,
    parse_duration,
    parse_label_allowlist,
    parse_link,
    parse_list,
    parse_namespaces,
    parse_patterns,
)
from exporter.errors import ConfigError
from exporter.families.limits import MAX_SERIES
from exporter.kinds import KINDS
from exporter.logs.configuration import ENCODERS, LEVELS, set_up_logging
from exporter.shard import Shard

PLURALS = tuple(kind.plural for kind in KINDS)
RAY_PLURALS = tuple(kind.plural for kind in KINDS if kind.is_custom_resource)
DEMO_PLURALS = tuple(plural for plural in PLURALS if plural != WORKLOADS.plural)
"""Kueue is simulated on request."""
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


def option(flag: str, *setting: str, **attributes: Any) -> Callable[[Any], Any]:
    """An option with its environment variable, KUBERAY_EXPORTER_<FLAG>, shown in the help.

    Its value is named after the flag, or is the `setting` of `Config` that is given.
    """
    # Of `--web-ui/--no-web-ui`, the name without `no` counts.
    name = flag.partition("/")[0].removeprefix("--")
    variable = f"KUBERAY_EXPORTER_{name.replace('-', '_').upper()}"
    return click.option(flag, *setting, envvar=variable, show_envvar=True, show_default=True, **attributes)


def options(*decorators: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Several options as one decorator; the help lists them in this order."""
    return lambda command: functools.reduce(lambda decorated, one: one(decorated), reversed(decorators), command)


# What a flag is called, what it becomes, and its help stand together.
# fmt: off
def family_options(
    collectors: Sequence[str] = DEFAULT_PLURALS, labels: str = "", known: Sequence[str] = PLURALS
) -> Callable[[Any], Any]:
    """Options of the metrics that are printed, of the `known` kinds; the demo has other defaults."""
    kinds = Parsed("kinds", functools.partial(parse_collectors, known=known))
    user_labels = Parsed("labels", functools.partial(parse_label_allowlist, known=RAY_PLURALS))
    regexps = Parsed("regexps", parse_patterns)
    return options(
        option("--collectors", type=kinds, default=",".join(collectors),
            help=f"Comma-separated kinds to export, of {', '.join(known)}."),
        option("--metrics", type=click.Choice(["all", "nine"]), default="all",
            help="Metrics to derive: all, or the nine of the KubeRay operator and the exporter's own."),
        option("--metric-allowlist", type=regexps, default="",
            help="Comma-separated regular expressions of metric families to print.  [default: all]"),
        option("--metric-denylist", type=regexps, default="",
            help="Comma-separated regular expressions of metric families to omit."),
        option("--metric-labels-allowlist", "user_labels", type=user_labels, default=labels,
            help="Labels of objects to add as metric labels, such as 'rayjobs=[team,cost-center],rayclusters=[*]'."),
    )


def exporter_options(families: Callable[[Any], Any], address: str, retain: str) -> Callable[[Any], Any]:
    """The exporter's own settings, for `serve` and `demo`, with the command's defaults."""
    link = Parsed("address", parse_link)
    placeholders = "{kind}, {namespace}, {name} and {cluster} are replaced"
    return options(
        option("--metrics-addr", "metrics_address", type=Parsed("address", parse_address), default=address,
            help="Listen address; an empty host means all interfaces, port 0 any free port."),
        # As in Go, the flag alone is true.
        option("--enable-metrics", type=bool, default=True, is_flag=False, flag_value=True,
            help="False: answer only the probes, and watch nothing; for command lines of the KubeRay operator."),
        option("--health-probe-bind-address", "probe_address", type=Parsed("address", parse_address),
            help="Address of a second listener for /healthz and /readyz only.  [default: none]"),
        option("--watch-namespace", "namespaces", type=Parsed("namespaces", parse_namespaces), default="",
            help="Comma-separated namespaces to watch.  [default: all]"),
        option("--shard", type=click.IntRange(min=0),
            help="Ordinal of this exporter, from 0, of those that share the namespaces.  [default: none]"),
        option("--total-shards", type=click.IntRange(1, 1000),
            help="Number of exporters that share the namespaces, each of which has its own.  [default: 1]"),
        families,
        option("--histogram-buckets", type=Parsed("seconds", parse_buckets),
            default="10,30,60,120,300,600,1800,3600,7200,14400,43200,86400",
            help="Comma-separated upper bounds of the duration histograms, in seconds."),
        option("--retain-deleted", "retain_deleted_seconds", type=Parsed("duration", parse_duration), default=retain,
            help="Time for which some series of a finished RayJob are kept after its deletion."),
        option("--object-series-limit", type=click.IntRange(1, 100_000), default=MAX_SERIES,
            help="Maximum number of series of one object in one metric family."),
        option("--kube-page-size", "page_size", type=click.IntRange(1, 10_000), default=500,
            help="Maximum number of objects in one page of a list."),
        option("--web-max-requests", "max_requests", type=click.IntRange(1, 10_000), default=40,
            help="Maximum number of scrapes answered at once; more are answered 503 with Retry-After."),
        option("--web-ui/--no-web-ui", "has_web_ui", default=True,
            help="Page with the objects and their findings at /, and its API at /api/v1."),
        option("--cluster-name", default="",
            help="Name of the cluster, for the head and the title of the page.  [default: none]"),
        option("--log-events/--no-log-events", "log_events", default=False,
            help="Log line for each Event with new occurrences; needs the collector events."),
        option("--log-jobs/--no-log-jobs", "log_jobs", default=False,
            help="Log line for each RayJob that ends, and each attempt that is retried; needs the collector rayjobs."),
        option("--web-config-file", type=click.Path(path_type=Path),
            help="File with TLS and basic authentication, as of Prometheus' exporter-toolkit.  [default: none]"),
        option("--web-link-dashboard", type=link, default="",
            help=f"Address of a cluster's Ray dashboard; {placeholders}."),
        option("--web-link-history", type=link, default="",
            help=f"Address of what remains of a cluster, such as its logs; {placeholders}."),
        option("--web-link-grafana", type=link, default="", help=f"Address of an object in Grafana; {placeholders}."),
        option("--web-link-alerts", type=link, default="", help=f"Address of an object's alerts; {placeholders}."),
        option("--web-link-runbook", type=link, default="",
            help="Address of docs/runbooks.md, for the links of findings."),
    )


def auth_options() -> Callable[[Any], Any]:
    """Authentication by the API server, for `serve` alone: the demo's has no users."""
    return options(
        option("--metrics-auth", type=click.Choice(["none", "kubernetes"]), default="none",
            help="Check of bearer tokens: none, or by TokenReview and SubjectAccessReview of the API server."),
        option("--metrics-auth-audiences", type=Parsed("audiences", parse_list), default="",
            help="Comma-separated audiences, of which a token must have one.  [default: those of the API server]"),
        option("--metrics-auth-cache-ttl", type=Parsed("duration", parse_cache_time), default="1m",
            help="Time for which a decision on a token is used, at most 1h."),
        option("--metrics-auth-client-certificates", is_flag=True,
            help="Accept a client certificate verified by --web-config-file in place of a token."),
    )


def log_options(level: str, encoder: str) -> Callable[[Any], Any]:
    """Options of the log, with the command's defaults."""
    return options(
        option("--log-level", type=click.Choice(list(LEVELS)), default=level, help="Minimum log level."),
        option("--log-stdout-encoder", type=Parsed("encoder", parse_encoder), default=encoder,
            help="Log encoder of standard output: json or console."),
        option("--log-file-path",
            help="Log file in addition to standard output, from level info on; rotated at 500 MB."),
        option("--log-file-encoder", type=Parsed("encoder", parse_encoder), default="json",
            help="Log encoder of the file: json or console."),
    )
# fmt: on


def build_config(values: dict[str, Any]) -> Config:
    """Return the exporter's settings from the values of `exporter_options`."""
    collectors = build_collectors(values["metrics"], values["collectors"])
    if values["log_events"] and EVENTS.plural not in collectors:
        raise click.UsageError(f"--log-events needs '{EVENTS.plural}' in --collectors")
    if values["log_jobs"] and RAYJOBS.plural not in collectors:
        raise click.UsageError(f"--log-jobs needs '{RAYJOBS.plural}' in --collectors")
    return Config(
        **{setting.name: values[setting.name] for setting in fields(Config) if setting.name in values}
        | {
            "collectors": collectors if values["enable_metrics"] else (),
            "family_filter": build_family_filter(
                values["metrics"], values["metric_allowlist"], values["metric_denylist"]
            ),
            "shard": build_shard(values["shard"], values["total_shards"]),
            "links": {name: values[f"web_link_{name}"] for name in LINKS},
            "metrics_auth": _build_auth(values) if "metrics_auth" in values else MetricsAuth(),
        }
    )


def build_shard(ordinal: int | None, total: int | None) -> Shard | None:
    """Return which namespaces to watch, None for all; UsageError if a flag is missing or there is no such shard."""
    if ordinal is None and total is None:
        return None
    if ordinal is None or total is None:
        raise click.UsageError("--shard and --total-shards need each other: give both")
    if ordinal >= total:
        raise click.UsageError(f"--shard {ordinal} is not below --total-shards {total}: shards count from 0")
    return Shard(ordinal, total) if total > 1 else None


def _build_auth(values: dict[str, Any]) -> MetricsAuth:
    auth = MetricsAuth(
        is_on=values["metrics_auth"] == "kubernetes",
        audiences=values["metrics_auth_audiences"],
        cache_seconds=values["metrics_auth_cache_ttl"],
        accepts_certificates=values["metrics_auth_client_certificates"],
    )
    for flag in ("--metrics-auth-audiences", "--metrics-auth-client-certificates"):
        # Without the filter they protect nothing: the operator expects a check that does not take place.
        if values[flag.removeprefix("--").replace("-", "_")] and not auth.is_on:
            raise click.UsageError(f"{flag} needs --metrics-auth kubernetes")
    return auth


def start_logging(values: dict[str, Any]) -> None:
    """Set up logging from the values of `log_options`; raises ConfigError."""
    set_up_logging(*(values[f"log_{name}"] for name in ("level", "stdout_encoder", "file_path", "file_encoder")))


def build_collectors(metrics: str, collectors: tuple[str, ...]) -> tuple[str, ...]:
    """Return the kinds to export: of the nine, only those that have some of them, else UsageError."""
    chosen = tuple(plural for plural in collectors if metrics == "all" or NINE[plural])
    if not chosen:
        raise click.UsageError("--metrics nine needs rayclusters, rayjobs or rayservices in --collectors")
    return chosen


def build_family_filter(metrics: str, allow: Patterns, deny: Patterns) -> FamilyFilter:
    """Return the filter of families; at most one of the settings may select some, else UsageError."""
    if bool(allow) + bool(deny) + (metrics == "nine") > 1:
        raise click.UsageError("--metrics nine, --metric-allowlist and --metric-denylist exclude each other: give one")
    return family_filter_of((re.compile(nine_pattern()), OWN_METRICS) if metrics == "nine" else allow, deny)


def nine_pattern() -> str:
    """Return the value of --metric-allowlist that selects the operator's own metrics."""
    return f"^({'|'.join(chain.from_iterable(NINE.values()))})$"
