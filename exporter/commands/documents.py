"""Kubernetes objects in files, in every form that `kubectl get -o json` or `-o yaml` and its users write.

Each form becomes JSON of one object or list, which is then handled like an answer of a server.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

import msgspec
import yaml

from exporter.errors import DecodeError, InputError
from exporter.kube import wire
from exporter.system.files import check_yaml

NO_UID = "it has no uid, as it is not from a cluster: print objects with `kubectl get -o yaml` or `-o json`"

MAX_NAMED_KINDS = 5
MAX_KIND_LENGTH = 63


class Document(msgspec.Struct):
    """An object of any kind, a list of them, or an event of a watch, which has an `object`."""

    kind: str = ""
    api_version: str = msgspec.field(default="", name="apiVersion")
    items: list[msgspec.Raw] | None = None
    type: Any = None
    object: msgspec.Raw = msgspec.Raw()


class Item(NamedTuple):
    """One object as JSON, or a list without an object.

    Attributes:
        kind, api_version: the object's own or, if it has none, those that the kind of its list implies.
        is_deleted: it is the last version of an object that a watch reported as deleted.
    """

    kind: str
    api_version: str
    data: bytes | msgspec.Raw
    is_deleted: bool = False


def nothing_of(wanted: Iterable[str], found: Counter[str], where: str = "") -> InputError:
    """Return the error of an input without a wanted kind, which names what was found instead: see `description`."""
    words = ", ".join(f"{what} ({count})" for what, count in found.most_common(MAX_NAMED_KINDS))
    return InputError(f"no {' or '.join(wanted)}{where} in the input{words and f', only {words}'}")


def description(item: Item) -> str:
    """Return what an input holds in place of an object that is read."""
    kind, api_version = item.kind[:MAX_KIND_LENGTH], item.api_version[:MAX_KIND_LENGTH]
    if kind == "Status":
        return f"a Status of the API server, {wire.error_of_event(msgspec.Raw(item.data))}"
    if kind == "Table":
        return "a Table, which `kubectl get -o json` or `-o yaml` avoids"
    if kind.endswith("List"):
        return f"an empty {kind}"
    if not kind:
        return "an object without a kind"
    return f"{kind} of {api_version}" if api_version else f"{kind} without an apiVersion"


def why_not(data: bytes | msgspec.Raw, error: DecodeError) -> str:
    """Return why an object is skipped that cannot be decoded: what a manifest lacks is only its uid."""
    return str(error) if wire.identify(data).uid or "missing required" not in str(error) else NO_UID


def items_of_files(files: Iterable[BinaryIO]) -> Iterator[Item]:
    """Yield the items of files; raises InputError, which names the file."""
    for file in files:
        try:
            yield from items(file.read())
        except (InputError, OSError) as exc:
            raise InputError(f"couldn't read '{file.name}': {exc}") from exc


def items(data: bytes) -> Iterator[Item]:
    """Yield the objects of a file, also those in lists, and lists without an object; raises InputError."""
    if not (found := list(documents(data))):
        raise InputError("no objects in it")
    for document in found:
        yield from _items(document, Document())


def _items(data: bytes | msgspec.Raw, parent: Document) -> Iterator[Item]:
    document = decode_document(data)
    # The items of a typed list, such as a PodList, need not repeat what its kind implies.
    implied = parent.kind.removesuffix("List")
    kind, api_version = document.kind or implied, document.api_version or (implied and parent.api_version)
    if document.items:
        for item in document.items:
            yield from _items(item, document)
    elif document.items is not None or document.kind.endswith("List"):
        # An empty list of client-go has `items: null`.
        yield Item(document.kind or "List", api_version, data)
    elif kind == "Event" and api_version.startswith("events.k8s.io/"):
        yield Item(kind, "v1", _core_event(data))
    elif not isinstance(document.type, str) or not bytes(document.object):
        yield Item(kind, api_version, data)
    elif document.type != "BOOKMARK":
        for watched in _items(document.object, Document()):
            yield watched._replace(is_deleted=document.type == "DELETED")


_CORE_NAMES = {
    "regarding": "involvedObject",
    "note": "message",
    "deprecatedCount": "count",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
}
"""What fields of an Event of events.k8s.io are called in core/v1: the API server has the same objects in both."""


def _core_event(data: bytes | msgspec.Raw) -> bytes:
    fields = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    return msgspec.json.encode({_CORE_NAMES.get(name, name): value for name, value in fields.items()})


def decode_document(data: bytes | msgspec.Raw) -> Document:
    """Return the fields that tell what a document is; raises InputError."""
    try:
        return wire.decode(_DOCUMENT, data)
    except DecodeError as exc:
        raise InputError(f"not a Kubernetes object: {exc}") from exc


_DOCUMENT = msgspec.json.Decoder(Document)


def documents(data: bytes) -> Iterator[bytes]:
    """Yield the JSON of each document of a file, JSON or YAML; raises InputError."""
    data = data.removeprefix(b"\xef\xbb\xbf").strip()
    if data.startswith(b"<") and not data.startswith(b"<<"):
        raise InputError("HTML or XML, such as the answer of a proxy, in place of JSON or YAML")
    if not data.startswith((b"{", b"[")):
        yield from _encoded(_yaml_values(data))
        return
    try:
        # All of it is one object: the usual case, which need not be encoded again.
        wire.decode(_DOCUMENT, data)
        yield data
    except DecodeError:
        yield from _encoded(_json_values(data))


def _json_values(data: bytes) -> Iterator[Any]:
    """Yield JSON values that follow each other (`cat *.json`), and the elements of arrays (`jq -s`)."""
    # NaN stays a word, which is no number.
    decoder, position = json.JSONDecoder(parse_constant=str), 0
    try:
        text = data.decode()
        while position < len(text):
            if text[position].isspace():
                position += 1
                continue
            value, position = decoder.raw_decode(text, position)
            yield from value if isinstance(value, list) else [value]
    except (ValueError, RecursionError) as exc:
        raise InputError(f"not JSON: {exc}") from exc


def _yaml_values(data: bytes) -> Iterator[Any]:
    try:
        check_yaml(data)
        for value in yaml.load_all(data, _YamlLoader):
            if value is not None:
                yield from value if isinstance(value, list) else [value]
    except (yaml.YAMLError, UnicodeError, RecursionError) as exc:
        reason = " ".join(str(exc).split())
        raise InputError(f"neither JSON nor YAML: {reason}") from exc
    except (ValueError, LookupError, TypeError, AttributeError) as exc:
        # PyYAML raises all of these for values of explicit tags, such as `!!int ""`.
        raise InputError("neither JSON nor YAML: a value is not of the type that its tag names") from exc


def _encoded(values: Iterable[Any]) -> Iterator[bytes]:
    try:
        for value in values:
            try:
                yield msgspec.json.encode(value)
            except UnicodeEncodeError:
                # Half of a surrogate pair, in place of which the API server stores U+FFFD.
                text = json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass")
                yield text.decode("utf-16", "replace").encode()
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as exc:
        raise InputError(f"not a Kubernetes object: {exc}") from exc


class _YamlLoader(yaml.CSafeLoader):
    """Reads times as strings, as they are in JSON, and also `.nan` and `.inf`, which JSON does not have."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - it overrides an attribute of the library's
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_finite(self, node: yaml.ScalarNode) -> float | str:
        number = self.construct_yaml_float(node)
        return number if math.isfinite(number) else str(node.value)


_YamlLoader.add_constructor("tag:yaml.org,2002:float", _YamlLoader.construct_finite)
