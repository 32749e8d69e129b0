"""One custom resource as the API server returns it: metadata, managedFields, conditions.

The scenarios decide what changes; this module applies the change to the object: which managedFields entry gets the
new time, when the generation increases, when a condition keeps its time. It promises the fields that a metrics
collector can read; fieldsV1 has the structure of the object, no more.
"""

from __future__ import annotations

from typing import Any, Final

from exporter.simulator.api_conventions import API_VERSION, KIND_NAMES, timestamp

JSON = dict[str, Any]

OPERATOR: Final = "kuberay-operator"


def with_condition(
    conditions: list[JSON], now: float, type_: str, status: str, reason: str, message: str = "", **more: Any
) -> list[JSON]:
    """Return the conditions with this one set, in apimachinery's SetStatusCondition semantics.

    `lastTransitionTime` changes only when the status changes, and the order stays. The argument is not
    changed: earlier manifests may refer to it.
    """
    changed = {"reason": reason, "message": message, "status": status, "type": type_, **more}
    result = []
    found = False
    for condition in conditions:
        if condition["type"] != type_:
            result.append(condition)
            continue
        found = True
        same = condition["status"] == status
        result.append({**changed, "lastTransitionTime": condition["lastTransitionTime"] if same else timestamp(now)})
    if not found:
        result.append({**changed, "lastTransitionTime": timestamp(now)})
    return result


def without_condition(conditions: list[JSON], type_: str) -> list[JSON]:
    """Return the conditions without this one, in their order."""
    return [condition for condition in conditions if condition["type"] != type_]


def fields_of(value: Any) -> JSON:
    """Return fieldsV1 of a status: a leaf is {}, a list of conditions is keyed by type."""
    if isinstance(value, list):
        return {".": {}, **{f'k:{{"type":"{item["type"]}"}}': fields_of(item) for item in value}}
    if not isinstance(value, dict) or not value:
        return {}
    return {".": {}, **{f"f:{key}": fields_of(item) for key, item in value.items()}}


class SimulatedObject:
    """One custom resource, changed by exactly one scenario.

    Status and spec are replaced, never changed in place, so a returned manifest stays as it was.
    `stored` and `resource_version` are set by the world. Not thread-safe: the engine's thread is the only one to call.
    """

    __slots__ = (
        "annotations",
        "created_at",
        "deleted_at",
        "finalizers",
        "generation",
        "labels",
        "manager",
        "name",
        "namespace",
        "operator_spec_at",
        "owner",
        "plural",
        "resource_version",
        "spec",
        "spec_at",
        "spec_fields",
        "status",
        "status_at",
        "status_manager",
        "stored",
        "uid",
    )

    def __init__(
        self,
        plural: str,
        namespace: str,
        name: str,
        uid: str,
        now: float,
        spec: JSON,
        *,
        labels: dict[str, str] | None = None,
        annotations: dict[str, str] | None = None,
        owner: SimulatedObject | None = None,
        manager: str = OPERATOR,
        spec_fields: JSON | None = None,
    ) -> None:
        self.plural = plural
        self.namespace = namespace
        self.name = name
        self.uid = uid
        self.created_at = self.spec_at = now
        self.spec = spec
        self.spec_fields = spec_fields or {}
        self.labels = labels or {}
        self.annotations = annotations or {}
        self.owner = owner
        self.manager = manager
        self.finalizers: list[str] = []
        self.generation = 1
        self.operator_spec_at: float | None = None
        self.deleted_at: float | None = None
        self.status: JSON | None = None
        self.status_at: float | None = None
        self.status_manager = OPERATOR
        self.stored = False
        self.resource_version = ""

    @property
    def kind(self) -> str:
        return KIND_NAMES[self.plural]

    def patch_spec(self, now: float, manager: str | None = None, **changes: Any) -> None:
        """Change the spec as a user, Kueue or the autoscaler does: the generation increases."""
        self.spec = {**self.spec, **changes}
        self.generation += 1
        self.spec_at = now
        self.manager = manager or self.manager

    def adopt(self, now: float, finalizer: str) -> None:
        """Apply the first write of the operator: its finalizer, and the defaults of the spec (hence generation 2)."""
        self.finalizers = [finalizer]
        self.generation += 1
        self.operator_spec_at = now

    def write_status(self, now: float, status: JSON) -> None:
        self.status = status
        self.status_at = now

    def mark_deleted(self, now: float) -> None:
        self.deleted_at = now
        self.generation += 1

    def manifest(self) -> JSON:
        """Return the object as JSON. Later manifests may share its parts: the caller must not change it."""
        obj = {
            "apiVersion": API_VERSION,
            "kind": self.kind,
            "metadata": self._metadata(),
            "spec": self.spec,
        }
        if self.status is not None:
            obj["status"] = self.status
        return obj

    def _metadata(self) -> JSON:
        metadata: JSON = {
            "creationTimestamp": timestamp(self.created_at),
            "generation": self.generation,
            "managedFields": self._managed_fields(),
            "name": self.name,
            "namespace": self.namespace,
            "uid": self.uid,
        }
        if self.labels:
            metadata["labels"] = self.labels
        if self.annotations:
            metadata["annotations"] = self.annotations
        if self.finalizers:
            metadata["finalizers"] = self.finalizers
        if self.owner is not None:
            metadata["ownerReferences"] = [owner_reference(self.owner)]
        if self.deleted_at is not None:
            metadata["deletionTimestamp"] = timestamp(self.deleted_at)
            metadata["deletionGracePeriodSeconds"] = 0
        return metadata

    def _managed_fields(self) -> list[JSON]:
        entries = [_managed(self.manager, self.spec_at, self._owned_spec())]
        if self.operator_spec_at is not None:
            finalizers: JSON = {".": {}, **{f'v:"{name}"': {} for name in self.finalizers}}
            fields = {"f:metadata": {"f:finalizers": finalizers}}
            entries.append(_managed(OPERATOR, self.operator_spec_at, fields))
        if self.status_at is not None:
            entry = _managed(self.status_manager, self.status_at, {"f:status": fields_of(self.status)})
            entries.append({**entry, "subresource": "status"})
        # The order of the API server: by time, then by manager.
        return sorted(entries, key=lambda entry: (entry["time"], entry["manager"]))

    def _owned_spec(self) -> JSON:
        spec = {".": {}, **{f"f:{key}": self.spec_fields.get(key, {}) for key in self.spec}}
        if not self.labels:
            return {"f:spec": spec}
        labels: JSON = {".": {}, **{f"f:{key}": {} for key in self.labels}}
        return {"f:metadata": {"f:labels": labels}, "f:spec": spec}


def _managed(manager: str, at: float, fields: JSON) -> JSON:
    return {
        "apiVersion": API_VERSION,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
        "manager": manager,
        "operation": "Update",
        "time": timestamp(at),
    }


def owner_reference(owner: SimulatedObject) -> JSON:
    """Return the reference to the object that controls another one."""
    return {
        "apiVersion": API_VERSION,
        "blockOwnerDeletion": True,
        "controller": True,
        "kind": owner.kind,
        "name": owner.name,
        "uid": owner.uid,
    }
