"""Label and field selectors: which objects a list or watch is about.

It hides the syntax of selectors, the fields that can be selected for each kind, and the messages of the real server.

Not promised: fields of pods that the simulation never sets.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from exporter.simulator.api_conventions import EVENTS, PODS
from exporter.simulator.apiserver.history import StoredEvent
from exporter.simulator.apiserver.requests import BadRequestError, Request

_METADATA = ("metadata.name", "metadata.namespace")
_INVOLVED = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_FIELDS = {
    EVENTS: frozenset(
        (*_METADATA, *(f"involvedObject.{key}" for key in _INVOLVED), "reason", "reportingComponent", "source", "type")
    ),
    PODS: frozenset((*_METADATA, "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "status.phase")),
}
# Custom resources without selectableFields in their CRD.
_FIELDS_OF_CUSTOM_RESOURCES = frozenset(_METADATA)

_REQUIREMENT = re.compile(
    r"\s*(?:(?P<absent>!)\s*(?P<absent_key>[^\s!=,()]+)"
    r"|(?P<set_key>[^\s!=,()]+)\s+(?P<operator>in|notin)\s*\((?P<values>[^)]*)\)"
    r"|(?P<key>[^\s!=,()]+)\s*(?:(?P<equals>==|=|!=)\s*(?P<value>[^\s,]*))?)\s*(?:,|$)"
)
_TERM = re.compile(r"([^=!]*)(==|=|!=)(.*)", re.DOTALL)

Labels = dict[str, str]
Predicate = Callable[[Labels], bool]


class _Metadata(msgspec.Struct):
    labels: Labels = {}


class _Labelled(msgspec.Struct):
    metadata: _Metadata


_decode_labels = msgspec.json.Decoder(_Labelled).decode


class Selector:
    """The selectors of one request; `matches` may be called from any thread."""

    def __init__(self, plural: str, labels: str, fields: str) -> None:
        """Raise BadRequestError for a selector that the server does not understand."""
        self._labels = _label_requirements(labels)
        self._fields = _field_requirements(plural, fields)

    def matches(self, event: StoredEvent) -> bool:
        """Return whether the object is selected in the version that the event shows."""
        if self._labels:
            labels = _decode_labels(event.body).metadata.labels
            if not all(requirement(labels) for requirement in self._labels):
                return False
        if self._fields:
            obj = msgspec.json.decode(event.body)
            return all((_value(obj, path) == value) is wanted for path, value, wanted in self._fields)
        return True


def selector_of(request: Request) -> Selector | None:
    """Return the selector of a request, None if it is for all objects; raise BadRequestError."""
    labels, fields = request.query.get("labelSelector", ""), request.query.get("fieldSelector", "")
    return Selector(request.plural, labels, fields) if labels or fields else None


def _label_requirements(text: str) -> list[Predicate]:
    requirements: list[Predicate] = []
    end = 0
    while end < len(text):
        found = _REQUIREMENT.match(text, end)
        if found is None:
            raise BadRequestError(f"unable to parse requirement: found {text[end:]!r}")
        requirements.append(_requirement(found))
        end = found.end()
    return requirements


def _requirement(found: re.Match[str]) -> Predicate:
    if found["absent"]:
        return lambda labels: found["absent_key"] not in labels
    if found["set_key"]:
        values = {value.strip() for value in found["values"].split(",")}
        # As on a real server, `notin` and `!=` select objects without the label, too.
        return lambda labels: (labels.get(found["set_key"]) in values) is (found["operator"] == "in")
    if found["equals"]:
        return lambda labels: (labels.get(found["key"]) == found["value"]) is (found["equals"] != "!=")
    return lambda labels: found["key"] in labels


def _field_requirements(plural: str, text: str) -> list[tuple[str, str, bool]]:
    requirements = []
    for term in filter(None, text.split(",")):
        parts = _TERM.fullmatch(term)
        if parts is None:
            raise BadRequestError(f"invalid selector: '{text}'; can't understand '{term}'")
        path, operator, value = parts.groups()
        if path not in _FIELDS.get(plural, _FIELDS_OF_CUSTOM_RESOURCES):
            raise BadRequestError(f"field label not supported: {path}")
        requirements.append((path, value, operator != "!="))
    return requirements


def _value(obj: dict[str, Any], path: str) -> str:
    if path == "source":
        return str(obj.get("source", {}).get("component") or obj.get("reportingComponent") or "")
    value: Any = obj
    for key in path.split("."):
        value = value.get(key) or {}
    return str(value or "")
