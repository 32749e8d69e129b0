"""A maximum for the lines of objects with very many series: a namespace cannot fill the body of every scrape."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping

FREE_BYTES = 8 * 1024
"""Of each family of an object: about 35 series. Only what is beyond it is counted, so that most objects have none."""

NAMESPACE_BYTES = 4 * 1024 * 1024
"""Maximum beyond FREE_BYTES of all objects of a kind in a namespace."""

ALL_BYTES = 16 * 1024 * 1024
"""The same of all namespaces."""


class LineBudget:
    """How many bytes of lines each family of each object has beyond FREE_BYTES. Any thread may call."""

    def __init__(self, series_dropped: Callable[[int], object]) -> None:
        """`series_dropped` is called with the number of series that are omitted."""
        self._series_dropped = series_dropped
        # Guards all below.
        self._lock = threading.Lock()
        self._of_objects: dict[str, Counter[int]] = {}
        self._of_namespaces = Counter[str]()
        self._total = 0

    def fit(self, namespace: str, uid: str, lines: Mapping[int, bytes]) -> Mapping[int, bytes]:
        """Return the first lines of each family: those that are free or that it had before, others while there is room.

        `lines` are those of some families of an object, by the places of these.
        """
        if uid not in self._of_objects and max(map(len, lines.values()), default=0) <= FREE_BYTES:
            return lines
        return {family: self._fit(namespace, uid, family, some) for family, some in lines.items()}

    def _fit(self, namespace: str, uid: str, family: int, lines: bytes) -> bytes:
        with self._lock:
            own = self._of_objects.setdefault(uid, Counter())
            room = min(NAMESPACE_BYTES - self._of_namespaces[namespace], ALL_BYTES - self._total)
            allowed = FREE_BYTES + own[family] + max(room, 0)
            fitting = lines if len(lines) <= allowed else lines[: lines.rfind(b"\n", 0, allowed) + 1]
            growth = max(len(fitting) - FREE_BYTES, 0) - own[family]
            own[family] += growth
            self._of_namespaces[namespace] += growth
            self._total += growth
        if len(fitting) < len(lines):
            self._series_dropped(lines.count(b"\n", len(fitting)))
        return fitting

    def forget(self, namespace: str, uid: str) -> None:
        """Free what a deleted object had."""
        with self._lock:
            freed = self._of_objects.pop(uid, Counter()).total()
            self._of_namespaces[namespace] -= freed
            self._total -= freed
            if not self._of_namespaces[namespace]:
                del self._of_namespaces[namespace]
