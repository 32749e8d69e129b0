"""Conditions, as every kind has them that has any."""

from collections.abc import Iterable
from typing import Any

from exporter.collectors.table import Row
from exporter.collectors.values import of_status
from exporter.resources.meta import Condition, HasConditions, find_condition


def condition_truth(status: HasConditions | None, type_: str) -> str:
    """Return `true` only for the status True; False, Unknown and absent are all `false` (the operator's)."""
    condition = find_condition(status, type_)
    return "true" if condition is not None and condition.is_true else "false"


def condition_rows(prefix: str) -> tuple[Row[Any, Any], ...]:
    """Return the families of all conditions, of whatever type: a type that is new to us is shown too."""
    return (
        Row(
            name=f"{prefix}_status_condition",
            help="Status of each condition (status.conditions): true, false or unknown. One series a condition.",
            labels=("condition", "status"),
            source="status.conditions[].status",
            series="1 a condition",
            values=of_status(lambda status: [((c.type, _status(c)), 1) for c in _distinct(status)]),
        ),
        Row(
            name=f"{prefix}_status_condition_reason",
            help="Reason of each condition's present status (status.conditions[].reason).",
            labels=("condition", "reason"),
            source="status.conditions[].reason",
            series="1 a condition",
            values=of_status(lambda status: [((c.type, c.reason or ""), 1) for c in _distinct(status)]),
        ),
        Row(
            name=f"{prefix}_status_condition_transition_timestamp_seconds",
            help="When each condition's status last changed (status.conditions[].lastTransitionTime).",
            labels=("condition", "status"),
            source="status.conditions[].lastTransitionTime",
            series="1 a condition",
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
    """Return the conditions, of each type the first: a second one would say two things at once."""
    distinct: dict[str, Condition] = {}
    for condition in status.conditions or ():
        distinct.setdefault(condition.type, condition)
    return distinct.values()


def _status(condition: Condition) -> str:
    """Kubernetes knows three; whatever else is there is not known to us."""
    return {"True": "true", "False": "false"}.get(condition.status or "", "unknown")
