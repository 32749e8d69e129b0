"""Informers on a fault server: what happens to any kind, to the server and to requests, in any order."""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from exporter.families.table import AnyKind
from exporter.kube.backoff import SharedByInformers
from exporter.kube.client.access import anonymous
from exporter.kube.client.api_transport import ApiTransport
from exporter.kube.informer import Informer
from exporter.kube.store import EventHandler, Store
from exporter.pipeline.watched_kind import informer_settings
from exporter.simulator.api_conventions import KUEUE_VERSIONS
from exporter.simulator.apiserver.store import ObjectStore
from tests.support.clocks import FakeClock
from tests.support.faults import FaultServer
from tests.support.recordings import answer
from tests.support.replaying import config
from tests.support.watching import DEADLINE_SECONDS, Counts, wait_until

NAMES = st.sampled_from(["a", "b", "c", "d"])
PAGE_SIZE = 2
BOOKMARK_SECONDS = 0.02
IDLE_TIMEOUT_SECONDS = 0.25
"""Twelve bookmarks: shorter than anybody's patience, long enough for a busy machine."""


def answers(status: int, verb: str, times: int) -> Callable[[FaultServer], object]:
    return lambda server: server.answer_next(status, b"{}", verb=verb, times=times)


def lists(body: bytes) -> Callable[[FaultServer], object]:
    return lambda server: server.answer_next(200, body, verb="list")


def recorded(name: str, verb: str) -> Callable[[FaultServer], object]:
    status, headers, body = answer(name)
    return lambda server: server.answer_recorded({"status": status, "headers": headers, "body": body}, verb=verb)


def events(line: bytes) -> Callable[[FaultServer], object]:
    return lambda server: server.garbage(line + b"\n")


FAULTS: dict[str, Callable[[FaultServer], object]] = {
    "watch cut before a line": lambda server: server.cut_after(0),
    "watch cut in a line": lambda server: server.cut_after(40),
    "watch cut after a line": lambda server: server.cut_after(400),
    "watch ended in a line": lambda server: server.half_line(),
    "watch silent": lambda server: server.stall(),
    "watch in pieces": lambda server: server.split_line(3),
    "event: garbage": events(b"\x00\xff"),
    "event: {}": events(b"{}"),
    "event: empty line": events(b""),
    "event: unknown type": events(b'{"type":"NEW","object":{}}'),
    "event: DELETED of nothing": events(b'{"type":"DELETED","object":1}'),
    "event: ERROR 410": events(b'{"type":"ERROR","object":{"code":410,"message":"m"}}'),
    "event: ERROR 429": events(b'{"type":"ERROR","object":{"code":429,"message":"m"}}'),
    "event: ERROR 500": events(b'{"type":"ERROR","object":{"code":500,"message":"m"}}'),
    "watch: recorded 410": recorded("410-watch-too-old", "watch"),
    "watch: recorded 429": recorded("429-watch-initializing", "watch"),
    "watch: 401": answers(401, "watch", 2),
    "watch: 403 for long": answers(403, "watch", 5),
    "watch: 410": answers(410, "watch", 1),
    "watch: 500 for long": answers(500, "watch", 5),
    "watch: 503": answers(503, "watch", 2),
    "version: 503": answers(503, "check", 1),
    "version: {}": lambda server: server.answer_next(200, b"{}", verb="check"),
    "watch: empty answer": answers(200, "watch", 2),
    "list: recorded 410": recorded("410-expired-continue", "list"),
    "list: 401": answers(401, "list", 2),
    "list: 403 for long": answers(403, "list", 5),
    "list: 429": answers(429, "list", 2),
    "list: 500": answers(500, "list", 2),
    "list cut": lambda server: server.cut_answer(100),
    "list cut at once": lambda server: server.cut_answer(0),
    "list of a wrong length": lambda server: server.wrong_content_length(7),
    "list: {}": lists(b"{}"),
    "list: HTML": lists(b"<html>"),
    "list: 404 of a proxy": lambda server: server.answer_next(404, b"<html>not found</html>", verb="list"),
    "list: no metadata": lists(b'{"items":[]}'),
    "list: no version": lists(b'{"metadata":{},"items":[]}'),
}


class InformersAndServer(RuleBasedStateMachine):
    """A server, a network that breaks, and informers that must not end.

    A subclass fills the store, calls `serve` and `watch` when it starts, and says what has to hold when all is quiet.
    """

    def __init__(self) -> None:
        super().__init__()
        self.store, self.counts, self.clock = ObjectStore(), Counts(), FakeClock()
        self.informers: list[Informer[Any]] = []
        self.held: list[Store[Any]] = []
        self.port = 0

    def serve(self, kueue_versions: tuple[str, ...] = KUEUE_VERSIONS) -> None:
        self.server = FaultServer(self.store, port=self.port, bookmark_seconds=BOOKMARK_SECONDS)
        self.server.kueue_versions = kueue_versions
        self.server.start()
        self.port = int(self.server.url.rsplit(":", 1)[1])

    def watch(self, kind: AnyKind, handler: EventHandler[Any], **settings: Any) -> None:
        """Start an informer for each selection of the kind, and wait for the first watches."""
        url, shared = self.server.url, SharedByInformers(self.clock, random.Random(1))
        for selection in kind.selections:
            own = replace(
                informer_settings(kind, "", selection, config(page_size=PAGE_SIZE), kind.object_type), **settings
            )
            self.held.append(Store())
            transport = ApiTransport(lambda: anonymous(url), connections=2)
            self.informers.append(Informer(transport, own, self.held[-1], handler, self.counts, shared=shared))
        for informer in self.informers:
            informer.start()
        wait_until(lambda: all(informer.state().is_connected for informer in self.informers), "the first watches")

    def stop_server(self) -> None:
        """Begin an outage that is noticed."""
        self.server.stop()
        waits = len(self.clock.waits)
        wait_until(lambda: len(self.clock.waits) > waits + 2, "the outage is noticed")

    @rule()
    def compact(self) -> None:
        self.server.expire_tokens()

    @rule()
    def restart(self) -> None:
        self.stop_server()
        self.serve()

    @rule(name=st.sampled_from(sorted(FAULTS)))
    def break_something(self, name: str) -> None:
        hypothesis.event(name)
        FAULTS[name](self.server)

    @rule()
    def settle(self) -> None:
        """Without faults, what is held and counted is soon what is there, and stays so."""
        self.server.clear_faults()
        expected = self.expected_versions()
        wait_until(
            lambda: (
                [{uid: one.metadata.resource_version for uid, one in held.by_uid.items()} for held in self.held]
                == expected
            ),
            f"{expected} is held",
        )
        self.check_counts()

    def expected_versions(self) -> list[dict[str, str]]:
        """Return the versions by uid that each informer has to hold."""
        raise NotImplementedError

    def check_counts(self) -> None:
        raise NotImplementedError

    def versions(self, plural: str, is_selected: Callable[[str], bool] = lambda _name: True) -> dict[str, str]:
        """Return the versions of the present objects with selected names by uid."""
        items = [json.loads(item.body)["metadata"] for item in self.store.page(plural).items]
        return {item["uid"]: item["resourceVersion"] for item in items if is_selected(item["name"])}

    @invariant()
    def the_threads_live(self) -> None:
        assert all(informer.state().is_alive for informer in self.informers)
        assert self.counts["crashed"] == 0

    def teardown(self) -> None:
        if self.informers:
            try:
                self.settle()
            finally:
                for informer in self.informers:
                    informer.stop()
                self.server.stop()
                for informer in self.informers:
                    informer.join(DEADLINE_SECONDS)
        super().teardown()


def settings(max_examples: int, soaked: int = 1000) -> hypothesis.settings:
    """Return settings without shrinking: a failure waits for its deadline, and shrinking it for a hundred of them."""
    return hypothesis.settings(
        phases=[hypothesis.Phase.reuse, hypothesis.Phase.generate],
        max_examples=max_examples if hypothesis.settings().derandomize else soaked,
        stateful_step_count=40,
    )
