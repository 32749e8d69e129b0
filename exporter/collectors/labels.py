"""Labels that users put on objects, as labels of series.

The rules are kube-state-metrics' (`internal/store/utils.go`), so that joins can be taken over.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

ANY_LABEL = "*"

_INVALID = re.compile(r"[^a-zA-Z0-9_]")
_INNER_CAPITAL = re.compile(r"([a-z0-9])([A-Z])")


def allowed_labels(labels: Mapping[str, str | None] | None, allowed: Iterable[str]) -> dict[str, str]:
    """Return those of an object's labels that are allowed, by the name that each gets in Prometheus.

    `allowed` are keys of labels, or `*` for all there are.
    """
    labels = labels or {}
    keys = labels if ANY_LABEL in allowed else labels.keys() & set(allowed)
    in_order = tuple(sorted(keys))
    return {name: labels[key] or "" for name, key in zip(_label_names(in_order), in_order, strict=True)}


@lru_cache(maxsize=1024)
def _label_names(keys: tuple[str, ...]) -> tuple[str, ...]:
    """Return a name for each key: `label_` and the key in snake case, what is not allowed replaced.

    Of keys that come to the same name each gets `_conflictN`, counted in the order of the keys from 1.
    """
    bases = [_label_name(key) for key in keys]
    taken = set(bases)
    names = []
    for base in bases:
        if bases.count(base) == 1:
            names.append(base)
            continue
        number = 1
        # A user may even have a label that looks like one of ours.
        while (name := f"{base}_conflict{number}") in taken:
            number += 1
        taken.add(name)
        names.append(name)
    return tuple(names)


def _label_name(key: str) -> str:
    return "label_" + _INNER_CAPITAL.sub(r"\1_\2", _INVALID.sub("_", key)).lower()
