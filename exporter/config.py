"""The settings of one run as one frozen object, and how each is read from its text."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from exporter.errors import ConfigError
from exporter.shard import Shard

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%\w]*\]|[^:\[\]\s]*):(?P<port>\d{1,5})", re.ASCII)
_HIGHEST_PORT = 65535
_LONGEST_CACHE_SECONDS = 3600
_COMMA_OUTSIDE_BRACES = re.compile(r",(?![^{}]*\})")
_ALLOWED_LABELS = re.compile(r"\s*(?P<plural>[a-z]+|\*)\s*=\s*\[(?P<keys>[^\[\]=]*)\]\s*(,|$)")
_WEB_ADDRESS = re.compile(r"https?://[^\s/]+\S*")
_PLACEHOLDER = re.compile(r"\{[^}]*\}?")
_PLACEHOLDERS = ("{kind}", "{namespace}", "{name}", "{cluster}")
_DURATION = re.compile(r"(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m)?(?:(?P<s>\d+(\.\d+)?)s?)?", re.ASCII)


LINKS = ("dashboard", "history", "grafana", "alerts", "runbook")


class Address(NamedTuple):
    """Where to listen: `host` is empty for all interfaces, `port` is 0 for any free one."""

    host: str
    port: int


Patterns = tuple[re.Pattern[str], ...]

FamilyFilter = Callable[[str], bool]
"""Whether a family of this name is printed."""

UserLabels = Callable[[str], tuple[str, ...]]
"""The labels of objects of a kind (its plural) that become labels of series: their keys, `*` for all."""


@dataclass(frozen=True)
class MetricsAuth:
    """Who may see metrics by the API server's decision.

    Attributes:
        is_on: tokens are checked; otherwise only the web configuration protects anything.
        audiences: of one of these a token has to be; empty: of the API server.
        cache_seconds: how long a decision is used without asking again.
        accepts_certificates: a verified client certificate stands in for a token.
    """

    is_on: bool = False
    audiences: tuple[str, ...] = ()
    cache_seconds: float = 60.0
    accepts_certificates: bool = False


@dataclass(frozen=True)
class Config:
    """The settings of one run, of which `options` has the flags; they do not depend on the cluster.

    Attributes:
        probe_address: a second listener for the probes; None: they are on `metrics_address` alone.
        namespaces: which to watch; empty: all, cluster-wide.
        shard: which of them this process watches; None: all.
        collectors: plural names of the kinds to export; none: only the probes are answered.
        histogram_buckets: upper bounds in seconds, ascending.
        links: addresses of other programs for the page, by `LINKS`; "" for none.
        web_config_file: TLS, users and headers; None: plain HTTP for everyone.
    """

    metrics_address: Address
    probe_address: Address | None
    namespaces: tuple[str, ...]
    collectors: tuple[str, ...]
    family_filter: FamilyFilter
    user_labels: UserLabels
    histogram_buckets: tuple[float, ...]
    object_series_limit: int
    retain_deleted_seconds: float
    page_size: int
    max_requests: int
    log_events: bool = False
    log_jobs: bool = False
    has_web_ui: bool = True
    cluster_name: str = ""
    links: Mapping[str, str] = field(default_factory=dict)
    web_config_file: Path | None = None
    metrics_auth: MetricsAuth = MetricsAuth()
    shard: Shard | None = None


def parse_address(text: str) -> Address:
    """Read `host:port`, `:port` or `[v6]:port`; raises ConfigError."""
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match["port"]) > _HIGHEST_PORT:
        raise ConfigError(f"'{text}' is not an address such as ':8080', '127.0.0.1:8080' or '[::1]:8080'")
    return Address(match["host"].strip("[]"), int(match["port"]))


def parse_list(text: str) -> tuple[str, ...]:
    """Return the elements of a comma-separated list, each once, in order."""
    return tuple(dict.fromkeys(element.strip() for element in text.split(",") if element.strip()))


def parse_namespaces(text: str) -> tuple[str, ...]:
    """Read a comma-separated list of namespaces, empty for all; raises ConfigError."""
    namespaces = parse_list(text)
    for namespace in namespaces:
        if not _NAMESPACE.fullmatch(namespace):
            raise ConfigError(f"'{namespace}' is not the name of a namespace")
    return namespaces


def parse_collectors(text: str, known: Iterable[str]) -> tuple[str, ...]:
    """Read a comma-separated list of kinds; raises ConfigError."""
    known, collectors = tuple(known), parse_list(text)
    for collector in collectors:
        if collector not in known:
            raise ConfigError(f"'{collector}' is not one of {', '.join(known)}")
    if not collectors:
        raise ConfigError(f"name at least one of {', '.join(known)}")
    return collectors


def family_filter_of(allow: Patterns = (), deny: Patterns = ()) -> FamilyFilter:
    """Return the filter of the families that `allow` matches or, if it is empty, that `deny` does not match."""
    if allow:
        return lambda name: any(pattern.search(name) for pattern in allow)
    return lambda name: not any(pattern.search(name) for pattern in deny)


def parse_patterns(text: str) -> Patterns:
    """Read comma-separated regular expressions; a comma within braces (`a{1,2}`) belongs to the expression.

    They may match anywhere in a name, as in kube-state-metrics; `^` and `$` anchor them. Raises ConfigError.
    """
    patterns = []
    for element in filter(None, map(str.strip, _COMMA_OUTSIDE_BRACES.split(text))):
        try:
            patterns.append(re.compile(element))
        except re.error as exc:
            raise ConfigError(f"'{element}' is not a regular expression: {exc}") from exc
    return tuple(patterns)


def parse_cache_time(text: str) -> float:
    """Read how long a decision is used: not longer than an hour. Raises ConfigError."""
    seconds = parse_duration(text)
    if seconds > _LONGEST_CACHE_SECONDS:
        raise ConfigError(f"'{text}' is more than an hour")
    return seconds


def parse_buckets(text: str) -> tuple[float, ...]:
    """Read ascending upper bounds in seconds; raises ConfigError."""
    try:
        bounds = tuple(float(bound) for bound in text.split(","))
    except ValueError:
        bounds = ()
    ascending = all(lower < upper for lower, upper in pairwise((0.0, *bounds)))
    if not bounds or not ascending or bounds[-1] == float("inf"):
        raise ConfigError(f"'{text}' is not a list of ascending seconds such as '10,60,600'")
    return bounds


def parse_label_allowlist(text: str, known: Iterable[str]) -> UserLabels:
    """Read `rayjobs=[team,kueue.x-k8s.io/queue-name],rayclusters=[*]`, as in kube-state-metrics; `*` for all kinds.

    Raises:
        ConfigError: it is not written so, or names a kind that is not `known`.
    """
    known, keys, position = tuple(known), dict[str, tuple[str, ...]](), 0
    while position < len(text.rstrip()):
        match = _ALLOWED_LABELS.match(text, position)
        if match is None:
            raise ConfigError(f"'{text[position:]}' is not a list such as 'rayjobs=[team,cost-center],rayclusters=[*]'")
        if match["plural"] not in (*known, "*"):
            raise ConfigError(f"'{match['plural']}' is not one of {', '.join(known)}")
        keys[match["plural"]] = parse_list(match["keys"])
        position = match.end()
    return lambda plural: keys.get(plural, keys.get("*", ()))


def parse_time(text: str) -> datetime:
    """Read a UTC time with whole seconds; raises ConfigError."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as exc:
        raise ConfigError(f"'{text}' is not a UTC time such as '2026-03-05T10:20:00Z'") from exc


def parse_link(text: str) -> str:
    """Read an address with placeholders for the values of an object, empty for none; raises ConfigError."""
    if text and not _WEB_ADDRESS.fullmatch(text):
        raise ConfigError(f"'{text}' is not an address that begins with http:// or https://")
    for placeholder in _PLACEHOLDER.findall(text):
        if placeholder not in _PLACEHOLDERS:
            raise ConfigError(f"'{placeholder}' is not one of {', '.join(_PLACEHOLDERS)}")
    return text


def parse_duration(text: str) -> float:
    """Read a duration as Go writes it (`90s`, `1h30m`), or plain seconds; return seconds. Raises ConfigError."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or not match[0]:
        raise ConfigError(f"'{text}' is not a duration such as '90s', '10m' or '1h30m'")
    return int(match["h"] or 0) * 3600 + int(match["m"] or 0) * 60 + float(match["s"] or 0)
