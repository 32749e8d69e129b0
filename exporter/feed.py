"""Where objects become lines: what one kind's informers are connected to."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from exporter.collectors.collector import Collector, Resource
from exporter.exposition.book import Book, ObjectLines

T = TypeVar("T", bound=Resource)

log = logging.getLogger(__name__)


class Feed(Generic[T]):
    """Takes in objects, and puts their rendered lines into a book.

    Several informers' threads may call, if each object always comes from the same one.
    """

    def __init__(
        self,
        collector: Collector[T, Any],
        count_failure: Callable[[], object],
        clock: Callable[[], float | None] = time.time,
    ) -> None:
        """`clock` tells when an object is received, in Unix seconds; None where that says nothing of it."""
        self.collector = collector
        self.book = Book(collector.families)
        self._count_failure = count_failure
        self._clock = clock

    def update(self, changed: Sequence[T], removed: Sequence[str]) -> None:
        """Render the changed objects, then swap everything in at once."""
        rendered = {obj.metadata.uid: lines for obj in changed if (lines := self._render(obj)) is not None}
        self.book.update(rendered, removed)
        for uid in removed:
            self.collector.forget(uid)

    def _render(self, obj: T) -> ObjectLines | None:
        try:
            samples = self.collector.observe(obj, self._clock())
            return tuple([family.lines(some) for family, some in zip(self.collector.families, samples, strict=True)])
        except Exception:
            # A fault of ours in one object must not cost the scrape the others; its last lines stay.
            self._count_failure()
            log.exception(
                "couldn't derive the metrics of %r",
                f"{obj.metadata.namespace}/{obj.metadata.name}",
                extra={"resource": self.collector.kind.plural},
            )
            return None
