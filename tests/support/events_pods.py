"""Recorded lists of Events and pods, and what follows from the recorded lines alone."""

import json
from collections.abc import Iterable
from typing import Any

from tests.support.recordings import TESTDATA, stream

FOLDER = TESTDATA / "events-pods"


def moment(name: str) -> float:
    """Return the time of a capture."""
    lines = map(json.loads, (FOLDER / "index.jsonl").read_text().splitlines())
    return float(next(line["t"] for line in lines if line["name"] == name))


def listed(name: str, what: str) -> list[dict[str, Any]]:
    """Return the objects that were listed at a capture."""
    items: list[dict[str, Any]] = json.loads((FOLDER / f"{name}.{what}.json").read_bytes())["items"]
    return items


def received(what: str) -> list[tuple[float, str, dict[str, Any]]]:
    """Return time, type and object of every event of a recorded stream, without bookmarks."""
    entries = [(entry["t"], json.loads(entry["line"])) for entry in stream(what) if entry["op"] == "event"]
    return [(time, line["type"], line["object"]) for time, line in entries if line["type"] != "BOOKMARK"]


def counts_of(
    first: str | dict[str, Any], then: Iterable[tuple[float, str, dict[str, Any]]] = ()
) -> dict[tuple[str, str, str, str], int]:
    """Return the highest count of each Event in a list and in what followed: by namespace, name, eventTime, reason."""
    items = (json.loads(first) if isinstance(first, str) else first)["items"]
    counts: dict[tuple[str, str, str, str], int] = {}
    for obj in [*items, *(obj for _, _, obj in then)]:
        metadata, series = obj["metadata"], obj.get("series") or {}
        key = metadata["namespace"], metadata["name"], str(obj.get("eventTime")), obj["reason"]
        counts[key] = max(counts.get(key, 0), series.get("count") or obj.get("count") or 1)
    return counts
