"""The recorded streams replayed over HTTP to a whole exporter, up to any recorded moment."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from exporter.app import Exporter
from exporter.collectors.pod import SUBMITTERS
from exporter.config import Address, Config, family_filter_of
from exporter.exposition.text import Format
from exporter.kube.client.access import anonymous
from exporter.kube.client.api_transport import ApiTransport
from exporter.simulator.apiserver.connections import Stream
from exporter.simulator.apiserver.requests import Request
from exporter.simulator.apiserver.responses import ApiResponse
from exporter.simulator.apiserver.store import ObjectStore
from tests.support.bodies import parse
from tests.support.faults import FaultServer
from tests.support.recordings import PLURALS, stream
from tests.support.stores import install
from tests.support.watching import wait_until

SUBMITTER_PODS = "submitter-pods"
MAX_WATCH_ENDS = 1
RAY_FILES = {plural: plural for plural in PLURALS}


class ReplayServer(FaultServer):
    """Answers the first list and watches of each kind with what was recorded, up to a moment that is moved on.

    The pods of submitters have a recording of their own, under a name that no request has.
    """

    def __init__(self, files: Mapping[str, str] = RAY_FILES) -> None:
        """`files` are names of recordings by plural, or by SUBMITTER_PODS."""
        super().__init__(ObjectStore())
        self._recorded = {name: stream(file) for name, file in files.items()}
        self._lines = {name: list(lines_and_ends(entries)) for name, entries in self._recorded.items()}
        for name in files:
            install(self.store, name)
            (first, *_) = self._recorded[name]
            self.answer_next(first["status"], first["body"], verb="list", plural=name)
        # The recorded versions are not those of the empty store behind this server.
        self.answer_next(200, b'{"metadata":{"resourceVersion":"999999999"},"items":[]}', verb="check", times=None)
        # Guards the two below: moved on by the test, read by the watches' connections.
        self._moved = threading.Condition()
        self._until = 0.0
        self._sent: dict[str, int] = dict.fromkeys(files, 0)

    def override_response(self, request: Request) -> ApiResponse | None:
        return super().override_response(msgspec.structs.replace(request, plural=recording_of(request)))

    def replay_until(self, time: float) -> None:
        with self._moved:
            self._until = time
            self._moved.notify_all()

    def last_version(self, plural: str) -> str:
        """Return the version of the newest event that may have been sent."""
        lines = [entry["line"] for entry in self._due(plural)]
        return str(json.loads(lines[-1])["object"]["metadata"]["resourceVersion"]) if lines else ""

    def stream_watch(self, request: Request, stream: Stream) -> None:
        """Send events as they were; where a watch ended, end it, so that the next one goes on."""
        plural = recording_of(request)
        while not self.is_stopping.is_set():
            with self._moved:
                self._moved.wait_for(lambda: self._next(plural) is not None or self.is_stopping.is_set(), 0.1)
                entry = self._next(plural)
                if entry is None:
                    continue
                self._sent[plural] += 1
            if entry["op"] == "watch_end":
                break
            self.send_line(request, stream, entry["line"].encode() + b"\n")
            stream.flush()
        stream.end()

    def _next(self, plural: str) -> dict[str, Any] | None:
        entries, sent = self._lines[plural], self._sent[plural]
        return entries[sent] if sent < len(entries) and entries[sent]["t"] < self._until else None

    def _due(self, plural: str) -> list[dict[str, Any]]:
        return [e for e in self._recorded[plural] if e["op"] == "event" and e["t"] < self._until]


def config(**settings: Any) -> Config:
    """Return the defaults, changed by `settings`."""
    defaults: dict[str, Any] = {
        "metrics_address": Address("127.0.0.1", 0), "probe_address": None, "namespaces": (), "collectors": PLURALS,
        "family_filter": family_filter_of(), "user_labels": lambda _: (), "histogram_buckets": (10.0, 60.0),
        "object_series_limit": 1000, "retain_deleted_seconds": 0.0, "page_size": 500, "max_requests": 40,
    }  # fmt: skip
    return Config(**(defaults | settings))


def lines_and_ends(entries: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield events and the first end of a watch: the exporter waits for a second after each that was as short."""
    has_lines, ends = False, 0
    for entry in entries:
        if entry["op"] == "event":
            has_lines = True
            yield entry
        elif entry["op"] == "watch_end" and has_lines and ends < MAX_WATCH_ENDS:
            has_lines, ends = False, ends + 1
            yield entry


def recording_of(request: Request) -> str:
    """Return the name of the recording that a request is answered with."""
    is_of_submitters = "ray.io/originated-from-crd" in request.query.get("labelSelector", "")
    return SUBMITTER_PODS if is_of_submitters else request.plural


@contextmanager
def replaying(
    files: Mapping[str, str] = RAY_FILES, **settings: Any
) -> Iterator[tuple[ReplayServer, Exporter, Callable[[float], bytes]]]:
    """A server, an exporter that watches it, and a function that moves both to a time and returns the body."""
    with ReplayServer(files) as server:
        exporter = Exporter(config(**settings), ApiTransport(lambda: anonymous(server.url), connections=6))
        exporter.start()

        def body_at(time: float) -> bytes:
            server.replay_until(time)
            for informer in exporter.informers:
                is_of_submitters = informer.settings.selection == SUBMITTERS.name
                expected = server.last_version(SUBMITTER_PODS if is_of_submitters else informer.settings.plural)
                wait_until(lambda i=informer, v=expected: not v or i._reflector.state.version == v)  # type: ignore[misc]
            body = bytes(exporter.exposition.body(Format.TEXT))
            parse(bytes(exporter.exposition.body(Format.OPENMETRICS)), openmetrics=True)
            return body

        try:
            yield server, exporter, body_at
        finally:
            exporter.stop()
