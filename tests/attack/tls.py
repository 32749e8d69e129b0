"""Attacks on the handshake of TLS; with `--tls` all others go over it."""

import contextlib
import time
from contextlib import ExitStack

from tests.attack.connections import Resets, count_open
from tests.attack.judge import TLS_AFTER_RATIO, Limits
from tests.attack.scene import Attack, Scene
from tests.attack.victim import connect

HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200)
"""The first part of a ClientHello of 512 bytes."""


class StalledHandshakes(Attack):
    """300 connections that send nothing, half a ClientHello, or one byte a second of it.

    The handshake has to end within 5 s; the exporter must close what is later.
    """

    name = "stalled-handshakes"
    is_short = True
    uses_tls = True
    limits = Limits(log_lines=60, after_ratio=TLS_AFTER_RATIO)
    most_seconds = 12

    def strike(self, scene: Scene) -> None:
        with ExitStack() as stack:
            clients = [stack.enter_context(connect(scene.victim.port)) for _ in range(300)]
            for client, start in zip(clients, [b"", HELLO, HELLO[:3]] * 100, strict=True):
                client.sendall(start)
            for second in range(self.most_seconds):
                for client in clients[2::3]:
                    with contextlib.suppress(OSError):
                        client.send(HELLO[3 + second : 4 + second])
                scene.hold(1)
            if left := count_open(clients):
                scene.complain(f"{left} of 300 connections are open {self.most_seconds} s after half a handshake")


class ManyStalledHandshakes(Attack):
    """3,000 connections on which nothing is sent, and 300 more in each further second.

    Each costs what the handshake needs until another one takes its place, and nothing after that.
    """

    name = "many-stalled"
    uses_tls = True
    # 512 handshakes at once need some 35 MiB, most of which the allocator keeps.
    limits = Limits(peak_ratio=2.5, after_ratio=2.0)
    seconds = 6

    def strike(self, scene: Scene) -> None:
        with ExitStack() as stack:
            self.connect(scene, stack, 3000)
            end = time.monotonic() + self.seconds
            while time.monotonic() < end:
                self.connect(scene, stack, 30)
                scene.hold(0.1)

    def connect(self, scene: Scene, stack: ExitStack, count: int) -> None:
        scene.check_alive()
        for _ in range(count):
            with contextlib.suppress(OSError):
                stack.enter_context(connect(scene.victim.port, timeout_seconds=0.5))


class TlsResets(Resets):
    """2,500 times a handshake, a request, its answer, and a reset of the connection."""

    name = "resets-tls"
    uses_tls = True
    count = 2500
    limits = Limits(peak_ratio=1.3, after_ratio=TLS_AFTER_RATIO)


class PlainHttp(Attack):
    """Two thousand times plain HTTP to the port of TLS: neither a series, nor a log line for each."""

    name = "plain-http"
    is_short = True
    uses_tls = True
    limits = Limits(log_lines=60)
    requests = 2000

    def strike(self, scene: Scene) -> None:
        received = bytearray()
        for _ in range(self.requests):
            scene.check_alive()
            with contextlib.suppress(OSError), connect(scene.victim.port) as client:
                client.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
                received += client.recv(4096)
        if b"HTTP/1.1 200" in received or b"kuberay_" in received:
            scene.complain("plain HTTP was answered")


class AbandonedHandshakes(Attack):
    """500 clients that complete the handshake and then send nothing, and never close."""

    name = "abandoned-tls"
    uses_tls = True
    limits = Limits(peak_ratio=2.0, after_ratio=TLS_AFTER_RATIO)

    def strike(self, scene: Scene) -> None:
        with ExitStack() as stack:
            for _ in range(500):
                scene.check_alive()
                with contextlib.suppress(OSError):
                    stack.enter_context(scene.victim.connect(timeout_seconds=2))
            scene.hold(3)


TLS: tuple[type[Attack], ...] = (StalledHandshakes, ManyStalledHandshakes, TlsResets, PlainHttp, AbandonedHandshakes)
