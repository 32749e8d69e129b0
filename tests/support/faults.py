"""The simulated API server with faults that tests queue, and a record of all requests.

A test queues faults; each applies to the next requests, or lines of watches, that match its `verb`
and `plural` (None: any), `times` times (None: always), in the order queued:

    server = FaultServer(store)
    server.answer_next(500, verb="watch", times=2)
    server.cut_after(0, plural="rayjobs")
    ...
    server.wait_for_requests(3, verb="watch")

Bookmarks and errors are lines of a watch as well. `stop` releases every connection that a fault holds.
"""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import msgspec

from exporter.simulator.api_conventions import GROUP_PATH
from exporter.simulator.apiserver.connections import Stream
from exporter.simulator.apiserver.requests import Request
from exporter.simulator.apiserver.responses import ApiResponse, resource_list
from exporter.simulator.apiserver.server import ApiServer
from tests.support.stores import compact

WAIT_SECONDS = 10.0
JSON_TYPE = (("Content-Type", "application/json"),)


def verb_of(request: Request) -> str:
    """Return the verb of a request; a list of one object, which only asks for the version, is a `check`."""
    query = {name: value for name, value in request.query.items() if name not in ("labelSelector", "fieldSelector")}
    return "check" if request.verb == "list" and query == {"limit": "1"} else request.verb


class Fault:
    """A queued fault, and the requests that it applies to; `is_used` is set when it is applied for the first time.

    A test may `release` a fault that holds a connection, and `cancel` one that is no longer needed.
    """

    def __init__(self, action: Callable[..., Any], verb: str | None, plural: str | None, times: int | None):
        self.action = action
        self.verb = verb
        self.plural = plural
        self.times = times
        self.is_used = threading.Event()
        self._released = threading.Event()

    def matches(self, request: Request) -> bool:
        return self.verb in (None, verb_of(request)) and self.plural in (None, request.plural)

    def wait_until_used(self, timeout_seconds: float = WAIT_SECONDS) -> None:
        assert self.is_used.wait(timeout_seconds), f"the fault was applied to no {self.verb} of {self.plural}"

    def hold(self, seconds: float | None = None) -> None:
        """Block the connection until `release`, for `seconds` at most."""
        self._released.wait(seconds)

    def release(self) -> None:
        self._released.set()

    def cancel(self) -> None:
        """Apply the fault no more, and release what it holds."""
        self.times = 0
        self.release()


class FaultServer(ApiServer):
    """An ApiServer whose responses and lines a test can change. All methods may be called from any thread.

    A context manager: started on entry, stopped on exit.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Kinds that discovery does not name, although they are installed.
        self.hidden: set[str] = set()
        # Guards the queues and the requests: written by tests and by connections' threads.
        self._changed = threading.Condition()
        self._requests: list[Request] = []
        self._answer_faults: list[Fault] = []
        self._line_faults: list[Fault] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        self.clear_faults()
        super().stop()

    # The requests so far.

    def open_watches(self) -> list[Request]:
        """Return the requests of the running watches, the oldest first."""
        with self._watches_lock:
            return list(self._watches.values())

    @property
    def requests(self) -> list[Request]:
        """All requests so far, including those of probes, in the order of their arrival."""
        with self._changed:
            return list(self._requests)

    def seen(self, verb: str | None = None, plural: str | None = None) -> list[Request]:
        """The requests so far of a verb and a kind."""
        return [r for r in self.requests if verb in (None, verb_of(r)) and plural in (None, r.plural)]

    def wait_for(
        self, predicate: Callable[[list[Request]], object], timeout_seconds: float = WAIT_SECONDS
    ) -> list[Request]:
        """Wait until the predicate is true of all requests so far, and return them."""
        with self._changed:
            if not self._changed.wait_for(lambda: predicate(self._requests), timeout_seconds):
                seen = ", ".join(f"{r.verb or r.method} {r.plural or r.path}" for r in self._requests)
                raise AssertionError(f"still waiting after {timeout_seconds} s; seen: {seen or 'nothing'}")
            return list(self._requests)

    def wait_for_requests(
        self,
        count: int,
        verb: str | None = None,
        plural: str | None = None,
        timeout_seconds: float = WAIT_SECONDS,
    ) -> list[Request]:
        """Wait for `count` requests of a verb and a kind, and return all of them."""

        def has_enough(requests: list[Request]) -> bool:
            return sum(verb in (None, verb_of(r)) and plural in (None, r.plural) for r in requests) >= count

        self.wait_for(has_enough, timeout_seconds)
        return self.seen(verb, plural)

    def wait_for_watch(self, plural: str | None = None, count: int = 1, timeout_seconds: float = WAIT_SECONDS) -> None:
        """Wait until at least `count` watches of a kind are running."""
        deadline = time.monotonic() + timeout_seconds
        while sum(plural in (None, r.plural) for r in self.open_watches()) < count:
            assert time.monotonic() < deadline, f"no {count} watches of {plural} after {timeout_seconds} s"
            time.sleep(0.005)

    # Faults of whole responses.

    def answer_next(
        self,
        status: int,
        body: bytes | str = b"",
        *,
        headers: tuple[tuple[str, str], ...] = JSON_TYPE,
        verb: str | None = None,
        plural: str | None = None,
        times: int | None = 1,
    ) -> Fault:
        """Send this response instead of the real one."""
        response = ApiResponse(status, body.encode() if isinstance(body, str) else body, headers)
        return self._on_answer(lambda _request, _fault: response, verb, plural, times)

    def answer_recorded(
        self,
        recorded: dict[str, Any],
        *,
        verb: str | None = None,
        plural: str | None = None,
        times: int | None = 1,
    ) -> Fault:
        """Send a recorded response: a dict with `status`, `headers` and `body`."""
        framing = {"content-length", "transfer-encoding", "date", "audit-id", "cache-control"}
        headers = tuple((name, value) for name, value in recorded["headers"] if name.lower() not in framing)
        return self.answer_next(
            recorded["status"], recorded["body"], headers=headers, verb=verb, plural=plural, times=times
        )

    def wrong_content_length(
        self, by: int = 100, *, verb: str = "list", plural: str | None = None, times: int | None = 1
    ) -> Fault:
        """Send a Content-Length that is `by` bytes too large, then close the connection."""

        def enlarge(request: Request, _fault: Fault) -> ApiResponse | None:
            response = self.respond(request)
            return response and msgspec.structs.replace(response, content_length=len(response.body) + by)

        return self._on_answer(enlarge, verb, plural, times)

    def cut_answer(self, after: int, *, verb: str = "list", plural: str | None = None, times: int | None = 1) -> Fault:
        """Close the connection after so many bytes of the body."""

        def cut(request: Request, _fault: Fault) -> ApiResponse | None:
            response = self.respond(request)
            return response and msgspec.structs.replace(response, cut_after=after)

        return self._on_answer(cut, verb, plural, times)

    def slow(
        self, seconds: float, *, verb: str | None = None, plural: str | None = None, times: int | None = 1
    ) -> Fault:
        """Respond after `seconds`."""
        return self._on_answer(lambda _request, fault: fault.hold(seconds), verb, plural, times)

    def stall_answer(self, *, verb: str | None = None, plural: str | None = None, times: int | None = 1) -> Fault:
        """Send nothing, not even headers, until `release`."""
        return self._on_answer(lambda _request, fault: fault.hold(), verb, plural, times)

    def expire_tokens(self) -> None:
        """Refuse all continue tokens and versions up to now as too old."""
        compact(self.store)

    # Faults of a running watch: each is applied when the next line is due.

    def stall(self, *, plural: str | None = None, times: int | None = 1) -> Fault:
        """Hold the line and everything after it until `release`; the connection stays open."""

        def hold(stream: Stream, line: bytes, fault: Fault) -> None:
            stream.flush()
            fault.hold()
            stream.send(line)

        return self._on_line(hold, plural, times)

    def cut_after(self, length: int, *, plural: str | None = None, times: int | None = 1) -> Fault:
        """Close the connection after `length` bytes of the line, without the final chunk."""

        def cut(stream: Stream, line: bytes, _fault: Fault) -> None:
            stream.raw(b"%x\r\n%b" % (len(line), line[:length]))
            stream.cut()

        return self._on_line(cut, plural, times)

    def half_line(self, *, plural: str | None = None, times: int | None = 1) -> Fault:
        """End the stream with the final chunk in the middle of the line."""

        def end(stream: Stream, line: bytes, _fault: Fault) -> None:
            stream.send(line[: len(line) // 2])
            stream.raw(b"0\r\n\r\n")
            stream.cut()

        return self._on_line(end, plural, times)

    def split_line(self, size: int = 7, *, plural: str | None = None, times: int | None = 1) -> Fault:
        """Send the whole line in chunks and packets of `size` bytes."""

        def split(stream: Stream, line: bytes, _fault: Fault) -> None:
            for first in range(0, len(line), size):
                stream.send(line[first : first + size])
                stream.flush()

        return self._on_line(split, plural, times)

    def garbage(
        self, line: bytes = b"\x00\xff not json\n", *, plural: str | None = None, times: int | None = 1
    ) -> Fault:
        """Send `line`, which has its own newline, before the real one."""

        def inject(stream: Stream, real: bytes, _fault: Fault) -> None:
            stream.send(line)
            stream.send(real)

        return self._on_line(inject, plural, times)

    def long_line(self, length: int, *, plural: str | None = None, times: int | None = 1) -> Fault:
        """Send a valid event of an unknown type, `length` bytes long, before the real one."""
        empty = b'{"type":"PADDING","object":{"padding":""}}\n'
        padding = b"x" * (length - len(empty))
        return self.garbage(empty.replace(b'""', b'"%b"' % padding), plural=plural, times=times)

    def clear_faults(self) -> None:
        """Cancel all faults and release what they hold."""
        with self._changed:
            for fault in (*self._answer_faults, *self._line_faults):
                fault.cancel()

    # The hooks of ApiServer.

    def override_response(self, request: Request) -> ApiResponse | None:
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()
        fault = self._take(self._answer_faults, request)
        if fault is None and request.path == GROUP_PATH:
            return resource_list([plural for plural in self.store.installed() if plural not in self.hidden])
        response: ApiResponse | None = fault.action(request, fault) if fault else None
        return response

    def send_line(self, request: Request, stream: Stream, line: bytes) -> None:
        fault = self._take(self._line_faults, request)
        if fault:
            fault.action(stream, line, fault)
        else:
            super().send_line(request, stream, line)

    def _on_answer(
        self,
        action: Callable[[Request, Fault], ApiResponse | None],
        verb: str | None,
        plural: str | None,
        times: int | None,
    ) -> Fault:
        return self._queue(self._answer_faults, Fault(action, verb, plural, times))

    def _on_line(self, action: Callable[[Stream, bytes, Fault], None], plural: str | None, times: int | None) -> Fault:
        return self._queue(self._line_faults, Fault(action, "watch", plural, times))

    def _queue(self, faults: list[Fault], fault: Fault) -> Fault:
        with self._changed:
            faults.append(fault)
        return fault

    def _take(self, faults: list[Fault], request: Request) -> Fault | None:
        """Return the first fault that applies, counted as applied. Used ones stay in the list: `stop` releases them."""
        with self._changed:
            fault = next((f for f in faults if f.times != 0 and f.matches(request)), None)
            if fault:
                fault.times = fault.times and fault.times - 1
                fault.is_used.set()
            return fault
