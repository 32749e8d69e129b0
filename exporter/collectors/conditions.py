"""Conditions: the rows of every kind that has them."""

from collections.abc import Iterable
from typing import Any

from exporter.families.table import Row
from exporter.families.values import of_status
from exporter.resources.meta import Condition, HasConditions, find_condition


def condition_truth(status: HasConditions | None, type_: str) -> str:
    """Return `true` only for the status True; False, Unknown and absent are all `false`, as the operator does."""
    condition = find_condition(status, type_)
    return "true" if condition is not None and condition.is_true else "false"


def condition_rows(prefix: str) -> tuple[Row[Any, Any], ...]:
    """Return the families of all conditions, of any type: types that KubeRay adds later are printed too."""
    return (
        Row(
            name=f"{prefix}_status_condition",
            text="Status of each condition, as a label: true, false or unknown; the value is 1",
            labels=("condition", "status"),
            source="status.conditions[].status",
            series="1 per condition",
            values=of_status(lambda status: [((c.type, _status(c)), 1) for c in _distinct(status)]),
        ),
        Row(
            name=f"{prefix}_status_condition_reason",
            text="Reason of the current status of each condition, as a label; the value is 1",
            labels=("condition", "reason"),
            source="status.conditions[].reason",
            series="1 per condition",
            values=of_status(lambda status: [((c.type, c.reason or ""), 1) for c in _distinct(status)]),
        ),
        Row(
            name=f"{prefix}_status_condition_transition_timestamp_seconds",
            text="Time at which the status of each condition last changed, in Unix seconds",
            labels=("condition", "status"),
            source="status.conditions[].lastTransitionTime",
            series="1 per condition",
            values=of_status(
                lambda status: [
                    ((c.type, _status(c)), c.last_transition_time.timestamp())
                    for c in _distinct(status)
                    if c.last_transition_time is not None
                ]
            ),
        ),
    )


def _distinct(status: HasConditions) -> Iterable[Condition]:
    """Return the first condition of each type: a second one would contradict it."""
    distinct: dict[str, Condition] = {}
    for condition in status.conditions or ():
        distinct.setdefault(condition.type, condition)
    return distinct.values()


def _status(condition: Condition) -> str:
    """Kubernetes has three statuses; any other value counts as unknown."""
    return {"True": "true", "False": "false"}.get(condition.status or "", "unknown")
