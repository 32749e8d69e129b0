"""Conditions: the rows of every kind that has them."""

from collections.abc import Callable, Iterable
from typing import Any

from exporter.families.table import Row
from exporter.families.values import of_status
from exporter.resources.meta import Condition, HasConditions, find_condition


def condition_truth(status: HasConditions | None, type_: str) -> str:
    """Return `true` only for the status True; False, Unknown and absent are all `false`, as the operator does."""
    condition = find_condition(status, type_)
    return "true" if condition is not None and condition.is_true else "false"


# Rows in a few lines each.
# fmt: off
def condition_rows(
    prefix: str, bounded: Callable[[Condition], Condition] | None = None
) -> tuple[Row[Any, Any], ...]:
    """Return the families of all conditions, of any type: types that KubeRay adds later are printed too.

    `bounded` returns a condition whose type and reason may be labels; None: all may.
    """
    return (
        Row(f"{prefix}_status_condition",
            "Status of each condition, as a label: true, false or unknown; the value is 1",
            "status.conditions[].status",
            of_status(lambda status: [((c.type, _status(c)), 1) for c in _distinct(status, bounded)]),
            labels=("condition", "status"), series="1 per condition"),
        Row(f"{prefix}_status_condition_reason",
            "Reason of the current status of each condition, as a label; the value is 1", "status.conditions[].reason",
            of_status(lambda status: [((c.type, c.reason or ""), 1) for c in _distinct(status, bounded)]),
            labels=("condition", "reason"), series="1 per condition"),
        Row(f"{prefix}_status_condition_transition_timestamp_seconds",
            "Time at which the status of each condition last changed, in Unix seconds",
            "status.conditions[].lastTransitionTime",
            of_status(lambda status: [((c.type, _status(c)), c.last_transition_time.timestamp())
                for c in _distinct(status, bounded) if c.last_transition_time is not None]),
            labels=("condition", "status"), series="1 per condition"),
    )
# fmt: on


def _distinct(status: HasConditions, bounded: Callable[[Condition], Condition] | None) -> Iterable[Condition]:
    """Return the first condition of each type: a second one would contradict it."""
    distinct: dict[str, Condition] = {}
    conditions = status.conditions or ()
    for condition in map(bounded, conditions) if bounded else conditions:
        distinct.setdefault(condition.type, condition)
    return distinct.values()


def _status(condition: Condition) -> str:
    """Kubernetes has three statuses; any other value counts as unknown."""
    return {"True": "true", "False": "false"}.get(condition.status or "", "unknown")
