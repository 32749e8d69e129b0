"""One Event of core/v1, in the two forms in which controllers write it.

KubeRay 1.7 records through events.k8s.io/v1: such an Event has `eventTime` and, from its second occurrence on,
`series`. Kueue, and KubeRay before 1.7, record through core/v1: `count`, `firstTimestamp` and `lastTimestamp`.
"""

from __future__ import annotations

from typing import Final

from exporter.simulator.api_conventions import API_VERSION, EVENTS, micro_timestamp, timestamp
from exporter.simulator.kuberay.identifiers import derived_uid
from exporter.simulator.kuberay.simulated_object import JSON, OPERATOR, SimulatedObject

NORMAL: Final = "Normal"
WARNING: Final = "Warning"

_OPERATOR_POD: Final = "kuberay-operator-6c9d8f7b54-x7q2m"


class SimulatedEvent:
    """All occurrences of one thing, as far as they are written; `count` is that of the stored Event.

    An Event that was deleted and is written again keeps its name and times, and gets another uid.
    """

    plural: Final = EVENTS

    __slots__ = (
        "_action",
        "_component",
        "_involved",
        "_message",
        "_reason",
        "count",
        "created_at",
        "expires_at",
        "first_at",
        "is_legacy",
        "last_at",
        "name",
        "namespace",
        "resource_version",
        "stored",
        "type",
        "uid",
        "written_at",
    )

    def __init__(
        self,
        obj: SimulatedObject,
        number: int,
        now: float,
        *,
        type_: str,
        reason: str,
        action: str,
        message: str,
        component: str = "",
    ) -> None:
        """`component` is the one that records through core/v1; without it KubeRay records through events.k8s.io/v1."""
        self.namespace = obj.namespace
        # Unique among the Events of one object, as long as there are not a thousand in a microsecond.
        self.name = f"{obj.name}.{int(now * 1e6) * 1000 + number % 1000:x}"
        self.type = type_
        self.is_legacy = bool(component)
        self.first_at = self.last_at = self.written_at = self.created_at = now
        self.expires_at = 0.0
        self.count = 1
        self.stored = False
        self.resource_version = ""
        self.uid = derived_uid(obj.uid, self.name)
        self._reason, self._action, self._message = reason, action, message
        self._component = component or f"{obj.kind.lower()}-controller"
        self._involved = {
            "kind": obj.kind,
            "namespace": obj.namespace,
            "name": obj.name,
            "uid": obj.uid,
            "apiVersion": API_VERSION,
            "resourceVersion": obj.resource_version,
        }

    def recreate(self, now: float) -> None:
        """Become another Event under the same name: the next `put` creates it."""
        self.stored = False
        self.created_at = now
        self.uid = derived_uid(self.uid, "again")

    def manifest(self) -> JSON:
        return {
            "metadata": self._metadata(),
            "involvedObject": self._involved,
            "reason": self._reason,
            "message": self._message,
            **(self._legacy_fields() if self.is_legacy else self._fields()),
        }

    def _fields(self) -> JSON:
        fields: JSON = {
            "source": {},
            "firstTimestamp": None,
            "lastTimestamp": None,
            "type": self.type,
            "eventTime": micro_timestamp(self.first_at),
        }
        if self.count > 1:
            fields["series"] = {"count": self.count, "lastObservedTime": micro_timestamp(self.last_at)}
        reporting = {
            "reportingComponent": self._component,
            "reportingInstance": f"{self._component}-{_OPERATOR_POD}",
        }
        return {**fields, "action": self._action, **reporting}

    def _legacy_fields(self) -> JSON:
        return {
            "source": {"component": self._component},
            "firstTimestamp": timestamp(self.first_at),
            "lastTimestamp": timestamp(self.last_at),
            "count": self.count,
            "type": self.type,
            "eventTime": None,
            "reportingComponent": self._component,
            "reportingInstance": "",
        }

    def _metadata(self) -> JSON:
        manager = self._component if self.is_legacy else OPERATOR
        managed = {
            "manager": manager,
            "operation": "Update",
            "apiVersion": "v1" if self.is_legacy else "events.k8s.io/v1",
            "time": timestamp(self.written_at),
            "fieldsType": "FieldsV1",
            "fieldsV1": _LEGACY_OWNED if self.is_legacy else _OWNED,
        }
        return {
            "name": self.name,
            "namespace": self.namespace,
            "uid": self.uid,
            "creationTimestamp": timestamp(self.created_at),
            "managedFields": [managed],
        }


def _owned(*names: str) -> JSON:
    return {f"f:{name}": {} for name in names}


_OWNED: Final = _owned(
    "action", "eventTime", "note", "reason", "regarding", "reportingController", "reportingInstance", "type"
)
_LEGACY_OWNED: Final = _owned(
    "count", "firstTimestamp", "involvedObject", "lastTimestamp", "message", "reason", "reportingComponent", "type"
)
