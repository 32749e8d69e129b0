"""Kubernetes objects in files, in every form that `kubectl get -o json` or `-o yaml` and its users write.

Each form becomes JSON of one object or list, which is then handled like an answer of a server.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import yaml

from exporter.errors import DecodeError, InputError
from exporter.kube import wire


class Document(msgspec.Struct):
    """An object of any kind, or a list of them."""

    kind: str
    api_version: str = msgspec.field(default="", name="apiVersion")
    items: list[msgspec.Raw] | None = None


def decode_document(data: bytes | msgspec.Raw) -> Document:
    """Return the kind of an object, or the items of a list; raises InputError."""
    try:
        return wire.decode(_DOCUMENT, data)
    except DecodeError as exc:
        raise InputError(f"not a Kubernetes object: {exc}") from exc


_DOCUMENT = msgspec.json.Decoder(Document)


def documents(data: bytes) -> Iterator[bytes]:
    """Yield the JSON of each document of a file, JSON or YAML; raises InputError."""
    data = data.removeprefix(b"\xef\xbb\xbf").strip()
    if not data.startswith((b"{", b"[")):
        yield from _encoded(_yaml_values(data))
    elif _is_one_document(data):
        yield data
    else:
        yield from _encoded(_json_values(data))


def _is_one_document(data: bytes) -> bool:
    """Tell whether all of it is one JSON object: the usual case, which need not be encoded again."""
    try:
        wire.decode(_DOCUMENT, data)
    except DecodeError:
        return False
    return True


def _json_values(data: bytes) -> Iterator[Any]:
    """Yield JSON values that follow each other (`cat *.json`), and the elements of arrays (`jq -s`)."""
    decoder, position = json.JSONDecoder(), 0
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
        for value in yaml.load_all(data, _YamlLoader):
            if value is not None:
                yield value
    except (yaml.YAMLError, ValueError, RecursionError, LookupError, TypeError, AttributeError) as exc:
        # The last three are what PyYAML raises for a wrong value of an explicit tag, such as `!!int ""`.
        reason = " ".join(str(exc).split())
        raise InputError(f"neither JSON nor YAML: {reason}") from exc


def _encoded(values: Iterable[Any]) -> Iterator[bytes]:
    try:
        for value in values:
            yield msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as exc:
        raise InputError(f"not a Kubernetes object: {exc}") from exc


class _YamlLoader(yaml.CSafeLoader):
    """Reads times as strings, as they are in JSON."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - it overrides an attribute of the library's
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
