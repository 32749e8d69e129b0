"""The flags of `explain`, where its objects come from, and its exit code: 0 healthy, 1 findings, 2 wrong use."""

import functools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO

import click
import msgspec

from exporter.commands.documents import items_of_files
from exporter.commands.explain import remote, report
from exporter.commands.explain.inputs import fleet_of_items, read_fleet
from exporter.config import parse_namespaces, parse_time
from exporter.diagnosis.phrases import count
from exporter.errors import ApiError, ConfigError, CredentialsError
from exporter.kinds import DIAGNOSED
from exporter.options import Parsed
from exporter.views.views import ObjectView, worst_first

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
    url: str | None
    namespace: str
    at: datetime | None

    @property
    def where(self) -> str:
        if self.namespace:
            return f"namespace '{self.namespace}'"
        return self.url or ("the input" if self.files else "the cluster")


@click.command("explain")
@click.argument("names", nargs=-1, metavar="[KIND/NAME... | KIND [NAME...]]")
@click.option("--namespace", "-n", default="", help="Namespace to read.  [default: all]")
@click.option("--all-namespaces", "-A", is_flag=True, help="All namespaces; this is the default.")
@click.option("--file", "-f", "files", type=click.File("rb"), multiple=True, help="File of `kubectl get -o json|yaml`.")
@click.option("--output", "-o", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "--at",
    type=Parsed("time", parse_time),
    help="UTC time at which the files were written.  [default: now]",
)
@click.option("--watch", is_flag=True, help="Live table of all objects, the worst first, until Ctrl-C; needs rich.")
@click.option("--url", help="Address of a running exporter to read from, in place of a cluster.")
@click.option("--kubeconfig", help="Path of a kubeconfig; without it $KUBECONFIG, then ~/.kube/config.")
@click.option("--context", help="Context of the kubeconfig.  [default: its current one]")
@click.option("--server", help="Address of an API server that needs no credentials, such as the demo's.")
def explain_command(names: tuple[str, ...], output: str, watch: bool, all_namespaces: bool, **place: Any) -> None:
    """Explain why objects are not healthy.

    Without a name: one line for each object that is not healthy, the worst first.

    \b
      kuberay-exporter explain rayjob train-llm -n ml
      kubectl get rayclusters,rayjobs,pods,events -A -o json | kuberay-exporter explain -f -

    The exit code is 0 if all of them are healthy, 1 if there are findings, 2 if nothing could be read.
    """
    source = Source(**place)
    _check(source, all_namespaces=all_namespaces, watch=watch, has_names=bool(names))
    wanted, read = parse_names(names), _reader(source)
    if watch:
        if not sys.stdout.isatty():
            raise click.UsageError("--watch needs a terminal; without it, the objects are printed once")
        report.watch(read, URL_SECONDS if source.url else CLUSTER_SECONDS)
    try:
        reading = read()
    except ApiError as exc:
        raise ConfigError(str(exc)) from exc
    if reading.warning:
        click.echo(f"kuberay-exporter: {report.printable(reading.warning)}", err=True)
    views = _select(reading.views, wanted, source.where)
    if wanted and wanted[0][1]:
        _print_chains(views, reading, output)
    else:
        _print_table(views, reading, output)
    if any(not view.healthy for view in views):
        raise click.exceptions.Exit(FINDINGS)


def _check(source: Source, *, all_namespaces: bool, watch: bool, has_names: bool) -> None:
    if source.namespace and all_namespaces:
        raise click.UsageError("-n and -A exclude each other: give one")
    if len(parse_namespaces(source.namespace)) > 1:
        raise click.UsageError(f"-n: '{source.namespace}' is not one namespace")
    if source.url is not None and source.files:
        raise click.UsageError("--url and -f exclude each other: give one")
    if source.at and not source.files:
        raise click.UsageError("--at needs -f: a cluster is read as it is now")
    if watch and (has_names or source.files):
        raise click.UsageError("--watch shows all objects of a cluster or an exporter: give no name and no file")
    if watch:
        report.check_rich()


def parse_names(words: Sequence[str]) -> list[tuple[str, str]]:
    """Read `KIND/NAME…`, `KIND NAME…` or `KIND`, as kubectl does; return kinds with names, "" for all objects.

    Raises UsageError.
    """
    if not words or "/" in words[0]:
        return [(parse_kind(kind, word), name) for word in words for kind, _, name in [word.partition("/")]]
    kinds, names = [parse_kind(kind, kind) for kind in words[0].split(",")], words[1:] or [""]
    for name in names:
        if "/" in name:
            raise click.UsageError(f"'{name}' has a kind, which is given before: {', '.join(kinds)}")
    return [(kind, name) for kind in kinds for name in names]


def parse_kind(text: str, word: str) -> str:
    """Read a kind: singular or plural, in any case, with or without its group; `word` is named in the UsageError."""
    singular = text.lower().removesuffix(".ray.io").removesuffix(".v1").removesuffix("s")
    kind = next((kind for kind in DIAGNOSED if kind.lower() == singular), None)
    if kind is None or word.endswith("/"):
        raise click.UsageError(f"'{word}' is not KIND/NAME or KIND NAME with a KIND of {', '.join(DIAGNOSED)}")
    return kind


def _reader(source: Source) -> Callable[[], report.Reading]:
    """Return what reads the objects; what cannot be seen is said once, on standard error."""
    said: set[str] = set()

    def say(line: str) -> None:
        if line not in said:
            said.add(line)
            click.echo(f"kuberay-exporter: {report.printable(line)}", err=True)

    if source.url is not None:
        address = remote.check_url(source.url)
        return lambda: _of_url(address, source.namespace, say)
    if source.files:
        return lambda: report.Reading.of(fleet_of_items(items_of_files(source.files), source.namespace, say), source.at)
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
    return lambda: report.Reading.of(read_fleet(transport, source.namespace, say), None)


def _of_url(address: str, namespace: str, say: Callable[[str], None]) -> report.Reading:
    views, known, is_fresh = remote.read_views(address, {"namespace": namespace} if namespace else {})
    if missing := report.unread(known):
        say(f"{address} does not know of {missing}: add them to its --collectors, or see its log")
    if known.shard:
        say(f"{address} is {known.shard}: objects of other namespaces are in the other shards")
    warning = "" if is_fresh else f"{address} has no connection to the API server: the objects are old"
    return report.Reading(views, known, datetime.now(UTC), warning=warning)


def _select(views: Sequence[ObjectView], wanted: Sequence[tuple[str, str]], where: str) -> Sequence[ObjectView]:
    """Return the views that are wanted; raises ConfigError if there is none of a name."""
    if not views:
        raise ConfigError(f"no {' or '.join(DIAGNOSED)} in {where}")
    found: list[ObjectView] = []
    for kind, name in wanted:
        matching = [view for view in views if view.kind == kind and name in ("", view.name)]
        if not matching:
            raise ConfigError(f"couldn't find {kind} {repr(name) if name else 'objects'} in {where}")
        found += matching
    return found if wanted else views


def _print_chains(views: Sequence[ObjectView], reading: report.Reading, output: str) -> None:
    if output == "json":
        _print_json(list(map(reading.page, views)), reading.time)
    else:
        chains = (report.chain(view, reading.known, reading.fleet, reading.time) for view in views)
        click.echo("\n\n".join("\n".join(lines) for lines in chains))


def _print_table(views: Sequence[ObjectView], reading: report.Reading, output: str) -> None:
    unhealthy = sorted((view for view in views if not view.healthy), key=worst_first)
    if output == "json":
        _print_json(unhealthy, reading.time)
    elif unhealthy:
        click.echo("\n".join(report.table(unhealthy)))
    else:
        click.echo(f"No findings in {count(len(views), 'object')}.")


def _print_json(items: Sequence[object], now: datetime) -> None:
    body = msgspec.json.encode({"apiVersion": "v1", "time": now.replace(microsecond=0), "items": items})
    click.echo(msgspec.json.format(body, indent=2))
