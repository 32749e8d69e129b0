"""What a real API server streamed, and what the real operator printed at the same moments."""

import json
from pathlib import Path
from typing import Any, NamedTuple

TESTDATA = Path(__file__).parents[1] / "testdata"
PLURALS = ("rayclusters", "rayjobs", "rayservices")


class Capture(NamedTuple):
    """A moment at which nothing had changed for some seconds."""

    name: str
    time: float

    @property
    def operator_body(self) -> bytes:
        """What the operator printed."""
        return (TESTDATA / "captures" / f"{self.name}.prom").read_bytes()

    @property
    def lists(self) -> dict[str, Any]:
        """The lists of all kinds, by plural."""
        lists: dict[str, Any] = json.loads((TESTDATA / "captures" / f"{self.name}.list.json").read_bytes())
        return lists

    @property
    def kubectl_list(self) -> bytes:
        """The same as `kubectl get rayclusters,rayjobs,rayservices -A -o json` prints it."""
        items = [item for listed in self.lists.values() for item in listed["items"]]
        return json.dumps({"apiVersion": "v1", "kind": "List", "items": items}).encode()


def captures() -> list[Capture]:
    lines = (TESTDATA / "captures" / "index.jsonl").read_text().splitlines()
    return [Capture(line["name"], line["t"]) for line in map(json.loads, lines)]


def stream(plural: str) -> list[dict[str, Any]]:
    """Return everything of one kind that was received, in order: lists, starts and ends of watches, events."""
    return [json.loads(line) for line in (TESTDATA / f"{plural}.jsonl").read_text().splitlines()]


class RecordedAnswer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes


def response(name: str) -> dict[str, Any]:
    """Return a recorded answer of the real API server, and its request."""
    recorded: dict[str, Any] = json.loads((TESTDATA / "responses" / f"{name}.json").read_bytes())
    return recorded


def answer(name: str) -> RecordedAnswer:
    """Return a recorded answer, exact to the byte of its body."""
    recorded = response(name)
    headers = [(key, value) for key, value in recorded["headers"]]
    return RecordedAnswer(recorded["status"], headers, recorded["body"].encode())


def recorded(name: str) -> dict[str, Any]:
    """Return the same as `FaultServer.answer_recorded` takes it."""
    return answer(name)._asdict()
