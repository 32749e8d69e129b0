"""The flags of `explain`, where its objects come from, and its exit code: 0 healthy, 1 findings, 2 wrong use."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

import click
import msgspec

from exporter.config import parse_namespaces
from exporter.diagnosis.fleet import Fleet, kind_of
from exporter.diagnosis.views import ObjectView, page_of, view_of, worst_first
from exporter.errors import ConfigError, CredentialsError, InputError
from exporter.explain import live, remote, report
from exporter.explain.cluster import read_fleet
from exporter.explain.inputs import RAY_TYPES, fleet_of_files
from exporter.resources.detailed import DetailedObject

FINDINGS = 1
CLUSTER_SECONDS = 10.0
"""Between two readings of a cluster with --watch: each lists all objects."""

URL_SECONDS = 2.0


@dataclass(frozen=True)
class Source:
    """Where the objects come from; an empty or absent value is not given."""

    files: tuple[BinaryIO, ...]
    kubeconfig: str | None
    context: str | None
    server: str | None
    namespace: str


@click.command("explain")
@click.argument("names", nargs=-1, metavar="[KIND/NAME...]")
@click.option("--namespace", "-n", default="", help="Namespace to read.  [default: all]")
@click.option("--all-namespaces", "-A", is_flag=True, help="All namespaces; this is the default.")
@click.option("--file", "-f", "files", type=click.File("rb"), multiple=True, help="File of `kubectl get -o json|yaml`.")
@click.option("--output", "-o", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]),
    help="UTC time at which the files were written.  [default: now]",
)
@click.option("--watch", is_flag=True, help="Live table of all objects, the worst first, until Ctrl-C; needs rich.")
@click.option("--url", help="Address of a running exporter to read from, with --watch.")
@click.option("--kubeconfig", help="Path of a kubeconfig; without it $KUBECONFIG, then ~/.kube/config.")
@click.option("--context", help="Context of the kubeconfig.  [default: its current one]")
@click.option("--server", help="Address of an API server that needs no credentials, such as the demo's.")
def explain_command(
    names: tuple[str, ...],
    namespace: str,
    all_namespaces: bool,
    files: tuple[BinaryIO, ...],
    output: str,
    at: datetime | None,
    watch: bool,
    url: str | None,
    kubeconfig: str | None,
    context: str | None,
    server: str | None,
) -> None:
    r"""Explain why objects are not healthy.

    Without a name: one line for each object that is not healthy, the worst first.

    \b
      kuberay-exporter explain rayjob/train-llm -n ml
      kubectl get rayclusters,rayjobs,pods,events -A -o json | kuberay-exporter explain -f -

    The exit code is 0 if all of them are healthy, 1 if there are findings, 2 if nothing could be read.
    """
    _check(names, namespace, all_namespaces=all_namespaces, watch=watch, url=url, files=files)
    source = Source(files, kubeconfig, context, server, namespace)
    if watch:
        _watch(source, url)
        return
    if at and not files:
        raise click.UsageError("--at needs -f: a cluster is read as it is now")
    fleet, now = _reader(source)(), at.replace(tzinfo=UTC) if at else datetime.now(UTC)
    has_findings = _explain_names(fleet, names, output, now) if names else _explain_all(fleet, output, now)
    if has_findings:
        raise click.exceptions.Exit(FINDINGS)


def _check(
    names: Sequence[str],
    namespace: str,
    *,
    all_namespaces: bool,
    watch: bool,
    url: str | None,
    files: Sequence[BinaryIO],
) -> None:
    if namespace and all_namespaces:
        raise click.UsageError("-n and -A exclude each other: give one")
    if len(parse_namespaces(namespace)) > 1:
        raise click.UsageError(f"-n: '{namespace}' is not one namespace")
    if url and not watch:
        raise click.UsageError("--url needs --watch")
    if watch and (names or files):
        raise click.UsageError("--watch shows all objects of a cluster or an exporter: give no name and no file")
    for name in names:
        parse_name(name)


def parse_name(text: str) -> tuple[str, str]:
    """Read `KIND/NAME`, where the kind may be a plural, in any case, with or without `.ray.io`.

    Raises:
        UsageError: it is not written so, or the kind is not one of KubeRay's.
    """
    plural, separator, name = text.partition("/")
    word = plural.lower().removesuffix(".ray.io").removesuffix("s")
    kind = next((kind for kind in RAY_TYPES if kind.lower() == word), None)
    if not separator or not name or kind is None:
        raise click.UsageError(f"'{text}' is not KIND/NAME with a KIND of {', '.join(RAY_TYPES)}")
    return kind, name


def _reader(source: Source) -> Callable[[], Fleet]:
    """Return what reads the fleet; what is not read is said once, on standard error."""
    said: set[str] = set()

    def say(line: str) -> None:
        if line not in said:
            said.add(line)
            click.echo(f"kuberay-exporter: {report.printable(line)}", err=True)

    if source.files:
        return lambda: _of_files(source, say)
    # Imported here, since files need none of it: the kubernetes client takes as long to import as the rest.
    from exporter.kube.client.access import anonymous
    from exporter.kube.client.access_loader import AccessLoader
    from exporter.kube.client.api_transport import ApiTransport, LoadAccess

    if source.server:
        load: LoadAccess = functools.partial(anonymous, source.server.rstrip("/"))
    else:
        load = AccessLoader(source.kubeconfig, source.context)
    try:
        transport = ApiTransport(load, connections=1)
    except CredentialsError as exc:
        raise ConfigError(str(exc)) from exc
    return lambda: read_fleet(transport, source.namespace, say)


def _of_files(source: Source, say: Callable[[str], None]) -> Fleet:
    try:
        fleet = fleet_of_files([file.read() for file in source.files], say)
    except (InputError, OSError) as exc:
        raise ConfigError(f"couldn't read '{', '.join(file.name for file in source.files)}': {exc}") from exc
    return fleet


def _explain_names(fleet: Fleet, names: Sequence[str], output: str, now: datetime) -> bool:
    """Print what is known of each named object; return whether there are findings."""
    found = [obj for name in names for obj in _find(fleet, name)]
    if output == "json":
        _print_json([page_of(obj, fleet, now) for obj in found], now)
    else:
        for index, obj in enumerate(found):
            for line in ([""] if index else []) + list(report.chain(obj, fleet, now)):
                click.echo(line)
    return any(not view_of(obj, fleet, now).healthy for obj in found)


def _find(fleet: Fleet, text: str) -> list[DetailedObject]:
    kind, name = parse_name(text)
    found = [obj for obj in fleet if kind_of(obj) == kind and obj.metadata.name == name]
    if not found:
        raise ConfigError(f"couldn't find {kind} '{name}' in what was read")
    return found


def _explain_all(fleet: Fleet, output: str, now: datetime) -> bool:
    views = views_of(fleet, now)
    unhealthy = [view for view in views if not view.healthy]
    if output == "json":
        _print_json(unhealthy, now)
    else:
        for line in report.table(unhealthy):
            click.echo(line)
        if not unhealthy:
            click.echo(f"No findings in {len(views)} objects.")
    return bool(unhealthy)


def views_of(fleet: Fleet, now: datetime) -> list[ObjectView]:
    """Return all objects of a fleet, the worst first."""
    return sorted((view_of(obj, fleet, now) for obj in fleet), key=worst_first)


def _print_json(items: Sequence[object], now: datetime) -> None:
    body = msgspec.json.encode({"apiVersion": "v1", "time": now.replace(microsecond=0), "items": items})
    click.echo(msgspec.json.format(body, indent=2))


def _watch(source: Source, url: str | None) -> None:
    live.check_rich()
    if url is not None:
        query = {"namespace": source.namespace} if source.namespace else {}
        address = remote.check_url(url)
        live.watch(lambda: remote.read_views(address, query), URL_SECONDS)
    else:
        read = _reader(source)
        live.watch(lambda: views_of(read(), datetime.now(UTC)), CLUSTER_SECONDS)
