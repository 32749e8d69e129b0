"""The campaign itself: what does not hold is reported, and nothing else is."""

import socket
from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.attack import exposition, scene
from tests.attack.__main__ import ATTACKS, campaign
from tests.attack.clients import is_held
from tests.attack.judge import Latencies, Limits, Measured, row, verdict
from tests.attack.scene import Attack, Scene
from tests.attack.simulated import AttackStore
from tests.attack.victim import connect
from tests.support.watching import wait_until


def held() -> Measured:
    """Return the measurements of an attack that was withstood."""
    return Measured(
        "quiet",
        before_mib=60,
        peak_mib=70,
        after_mib=61,
        healthz=Latencies(100, 20.0),
        scrapes=Latencies(5, 80.0),
        log_lines=10,
    )


def test_says_held_of_an_exporter_that_withstood() -> None:
    assert verdict(held(), Limits(peak_ratio=1.2)) == []
    assert row(held(), []) == "| quiet | 0 | 60 | 70 | 61 | 20 | 80 | 10 | held |"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda m: m.__dict__.update(before_mib=500, peak_mib=513), "memory reached 513 MiB, 512 are allowed"),
        (lambda m: setattr(m, "peak_mib", 90), "memory rose to 1.50 times that before, 1.2 is allowed"),
        (lambda m: setattr(m, "after_mib", 75), "memory after is 1.25 times that before, 1.2 is allowed"),
        (lambda m: setattr(m.healthz, "max_ms", 501), "/healthz took 501 ms, 500 are allowed"),
        (lambda m: setattr(m.scrapes, "max_ms", 2501), "/metrics took 2501 ms, 2500 are allowed"),
        (lambda m: m.healthz.failures.append("timed out"), "1 of 100 /healthz failed: timed out"),
        (lambda m: setattr(m.scrapes, "refused", 2), "2 of 5 /metrics were answered 503"),
        (lambda m: setattr(m, "log_lines", 101), "101 log lines, 100 are allowed"),
        (lambda m: setattr(m, "log_traces", 1), "1 stack traces in the log, the first: "),
        (lambda m: m.complaints.append("a ghost is shown"), "a ghost is shown"),
        (lambda m: setattr(m, "death", "ended by itself with code 1"), "ended by itself with code 1"),
    ],
)
def test_reports_what_does_not_hold(spoil: Callable[[Measured], None], reason: str) -> None:
    measured = held()
    spoil(measured)
    assert verdict(measured, Limits(peak_ratio=1.2, peak_mib=512)) == [reason]


class Nothing(Attack):
    """Not an attack: the exporter needs more memory than this for itself."""

    name = "nothing"
    memory_mib = 20
    starts_ready = False

    def strike(self, scene: Scene) -> None:
        scene.hold(30)


def test_kills_and_reports_an_exporter_above_its_memory(capsys: pytest.CaptureFixture[str]) -> None:
    assert not campaign([Nothing()])
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("| nothing |")
    assert "NOT HELD: killed" in line
    assert "memory passed 20 MiB" in line


class Ghosts(Attack):
    """Not an attack: the server loses an object without an event, which no exporter can know of."""

    name = "ghosts"

    def strike(self, scene: Scene) -> None:
        del scene.store._kinds["rayjobs"].chains["honest/honest-00000"]
        scene.store._kinds["rayjobs"].keys.remove("honest/honest-00000")


def test_reports_an_exposition_that_differs_from_the_server(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The object stays away however long the campaign waits for it.
    monkeypatch.setattr(scene, "SHOWN_SECONDS", 1.0)
    monkeypatch.setattr(scene, "SETTLE_SECONDS", 1.0)
    assert not campaign([Ghosts()])
    assert "rayjobs: 0 objects are not shown, 1 are shown that do not exist" in capsys.readouterr().out


def test_refuses_numbers_that_prometheus_refuses() -> None:
    head = b"# HELP x A number.\n# TYPE x gauge\n"
    assert exposition.fault(head + b"x 1.0\n") is None
    assert exposition.fault(head + b"x +Inf\n") is None
    assert exposition.fault(head + b"x %b\n" % (b"1" * 400)) == "a value of 400 characters is out of range"
    assert "the strict parser refuses" in (exposition.fault(head + b"x 1.0\nx 2.0\n") or "")


def test_sends_any_bytes_as_members_of_an_object() -> None:
    store = AttackStore()
    store.put("rayjobs", "ns/a", b'"spec":{"entrypoint":"\x01\xff"}', version=b"latest")
    (event,) = store.page("rayjobs").items
    assert b'"resourceVersion":"latest"' in event.body
    assert event.body.endswith(b',"spec":{"entrypoint":"\x01\xff"}}')
    assert store.keys("rayjobs") == {"ns/a"}
    store.remove("rayjobs", "ns/a")
    assert store.keys("rayjobs") == set()


def test_sees_that_an_end_is_closed_behind_unread_bytes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with connect(port, small_buffer=True) as client:
            own_port = client.getsockname()[1]
            server, _ = listener.accept()
            server.setblocking(False)
            with suppress(BlockingIOError):
                while True:
                    server.send(bytes(1 << 20))
            assert is_held(port, own_port)
            server.close()
            wait_until(lambda: not is_held(port, own_port), "closed")


def test_every_attack_has_a_name_and_says_what_it_is() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
    assert all(attack.__doc__ for attack in ATTACKS)
