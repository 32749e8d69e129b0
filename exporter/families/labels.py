"""Labels that users put on objects, as labels of series.

The rules are kube-state-metrics' (`internal/store/utils.go`), so that joins can be taken over.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from exporter.families.limits import NO_REPORT, Limits

ANY_LABEL = "*"

MAX_USER_LABELS = 256
"""Maximum number of users' labels of one series: the first in the order of their keys."""

_INVALID = re.compile(r"[^a-zA-Z0-9_]")
_INNER_CAPITAL = re.compile(r"([a-z0-9])([A-Z])")


def allowed_labels(
    labels: Mapping[str, str | None] | None, allowed: Iterable[str], limits: Limits = NO_REPORT
) -> dict[str, str]:
    """Return the object's labels that are allowed, by the name that each gets in Prometheus.

    `allowed` are keys of labels, or `*` for all there are. `limits` counts what is omitted.
    """
    labels = labels or {}
    keys = sorted(labels if ANY_LABEL in allowed else labels.keys() & set(allowed))
    kept = keys[:MAX_USER_LABELS]
    if len(keys) > len(kept):
        limits.labels_cut(len(keys) - len(kept))
    return {name: labels[key] or "" for name, key in zip(_label_names(kept), kept, strict=True)}


def _label_names(keys: list[str]) -> list[str]:
    """Return a name for each key: `label_` and the key in snake case, invalid characters replaced.

    Keys that lead to the same name get `_conflictN` each, counted in the order of the keys from 1.
    """
    names = [_label_name(key) for key in keys]
    uses = Counter(names)
    taken, numbers = set(names), Counter[str]()
    for place, name in enumerate(names):
        if uses[name] > 1:
            names[place] = _next_free(name, numbers, taken)
    return names


def _next_free(name: str, numbers: Counter[str], taken: set[str]) -> str:
    """Return the next `name_conflictN` that no key has by itself."""
    while True:
        numbers[name] += 1
        candidate = f"{name}_conflict{numbers[name]}"
        if candidate not in taken:
            taken.add(candidate)
            return candidate


def _label_name(key: str) -> str:
    return "label_" + _INNER_CAPITAL.sub(r"\1_\2", _INVALID.sub("_", key)).lower()
