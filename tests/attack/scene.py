"""One attack, from a quiet exporter to the verdict: what is the same for all of them."""

import http.client
import signal
import ssl
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from tests.attack import exposition
from tests.attack.judge import AFTER_RATIO, MEMORY_MIB, Limits, Measured
from tests.attack.probes import Probes
from tests.attack.simulated import AttackServer, AttackStore
from tests.attack.victim import Victim
from tests.attack.world import HONEST, INFO_FAMILIES, populate
from tests.support.certificates import make_certificates
from tests.support.web_configs import client_context, server_section, write_web_config

READY_SECONDS = 30.0
SHOWN_SECONDS = 12.0
"""How soon after an attack the exporter must show what the server has."""

REPEATED_SECONDS = 2.0
"""The same, once something has been found wrong."""

SETTLE_SECONDS = 8.0
END_SECONDS = 12.0
"""The exporter promises to end within 10 s of SIGTERM."""

ALL_KINDS = f"--collectors={','.join(HONEST)}"


class VictimDied(Exception):
    """The exporter has ended: nothing more can be attacked."""


class Attack:
    """One row of the campaign. Subclasses say in their docstring what they attack, and override what differs.

    Attributes:
        name: of the row, for `--only`.
        is_short: whether it is a part of the short form.
        history: how many events the server keeps per kind.
        memory_mib: the exporter is killed above this resident memory; `limits` may ask for less.
        descriptors: the limit of open files of the exporter; None: that of this process.
        reads_output: the exporter's standard output is read while it runs.
        uses_tls: the exporter speaks TLS, whatever the form of the campaign.
        authorization: what honest clients send in the header Authorization.
        sections: of the web configuration, beside those of TLS.
        starts_ready: the exporter is ready, and its memory known, before `strike`.
        hidden: keys of objects that need not be shown, because they cannot be decoded.
    """

    name: str
    is_short = False
    flags: tuple[str, ...] = ()
    limits = Limits()
    history = 20_000
    memory_mib: float = MEMORY_MIB
    descriptors: int | None = None
    reads_output = True
    uses_tls = False
    authorization: str | None = None
    sections: ClassVar[Mapping[str, object]] = {}
    starts_ready = True
    hidden: frozenset[str] = frozenset()

    def prepare(self, store: AttackStore) -> None:
        """Add what the server has before the exporter starts."""

    def warm_up(self, scene: "Scene") -> None:
        """Do what is to be part of the memory before the attack."""

    def strike(self, scene: "Scene") -> None:
        """Attack. Raise VictimDied, or tell `scene.complain` what does not hold."""
        raise NotImplementedError


class Scene:
    """A server, an exporter that watches it, and what was found wrong so far. For one thread."""

    def __init__(self, attack: Attack, store: AttackStore, server: AttackServer, victim: Victim) -> None:
        self.attack = attack
        self.store = store
        self.server = server
        self.victim = victim
        self.complaints: list[str] = []

    def complain(self, reason: str) -> None:
        self.complaints.append(reason)

    def check_alive(self) -> None:
        """Raises VictimDied."""
        if not self.victim.is_alive:
            raise VictimDied

    def wait(self, condition: Callable[[], object], seconds: float) -> bool:
        """Return whether the condition came true in time; a request that fails is not true."""
        deadline = time.monotonic() + seconds
        while True:
            self.check_alive()
            try:
                if condition():
                    return True
            except (OSError, http.client.HTTPException):
                pass
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)

    def hold(self, seconds: float) -> None:
        """Let the attack go on for so long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.check_alive()
            time.sleep(0.05)

    def wait_until_ready(self, seconds: float = READY_SECONDS) -> bool:
        """Complain unless the exporter is ready in time; return whether it is."""
        is_ready = self.wait(lambda: self.victim.get("/readyz").status == 200, seconds)
        if not is_ready:
            reason = self.victim.get("/readyz").body.decode().strip()
            self.complain(f"not ready after {seconds:.0f} s: {reason}")
        return is_ready

    def differences(self, plural: str) -> str | None:
        """Return how the exposition differs from what the server has, or None."""
        answer = self.victim.get(f"/metrics?name[]={INFO_FAMILIES[plural]}")
        if answer.status != 200:
            return f"/metrics is answered {answer.status}"
        shown, present = exposition.objects(answer.body, plural), self.store.keys(plural)
        missing, ghosts = present - shown - self.attack.hidden, shown - present
        if missing or ghosts:
            return f"{plural}: {len(missing)} objects are not shown, {len(ghosts)} are shown that do not exist"
        return None

    def wait_until_shown(self, plural: str, seconds: float) -> bool:
        """Return whether the exposition was equal to what the server has in time."""
        return self.wait(lambda: not self.differences(plural), seconds)

    def check_truth(self) -> None:
        """Complain unless the exporter soon shows exactly the server's objects, in a body that is valid."""
        # Once something was found wrong, what follows from it is not worth the time and the words.
        if not self.complaints:
            self._check_objects()
        answer = self.victim.get("/metrics", timeout_seconds=30)
        if answer.status == 200 and (reason := exposition.fault(answer.body)):
            self.complain(reason)

    def _check_objects(self) -> None:
        # They are new: an exporter that shows an old state for good does not show them.
        for plural in self.kinds():
            self.store.put(plural, "honest/marker", HONEST[plural])
        deadline = time.monotonic() + SHOWN_SECONDS
        for plural in self.kinds():
            if not self.wait_until_shown(plural, deadline - time.monotonic()):
                self.complain(f"{self.last_difference(plural)} after {SHOWN_SECONDS:.0f} s")

    def last_difference(self, plural: str) -> str:
        try:
            return self.differences(plural) or f"{plural}: shown late"
        except (OSError, http.client.HTTPException) as exc:
            return f"/metrics failed: {type(exc).__name__}"

    def kinds(self) -> list[str]:
        """Return the plurals that this exporter exports."""
        return [plural for plural in HONEST if plural != "raycronjobs" or ALL_KINDS in self.attack.flags]

    def delete_all_but(self, kept: dict[str, set[str]]) -> None:
        """Delete the objects of the attack, and wait until they are not shown any more."""
        seconds = REPEATED_SECONDS if self.complaints else SHOWN_SECONDS
        for plural in self.kinds():
            for key in self.store.keys(plural) - kept[plural]:
                self.store.remove(plural, key)
        self.wait(lambda: not any(map(self.differences, self.kinds())), seconds)

    def settled_mib(self, before_mib: float | None, ratio: float = AFTER_RATIO) -> float:
        """Return the resident memory, once it is down to what is allowed or has had time to be."""
        if before_mib is not None:
            self.wait(lambda: self.victim.resident_mib() <= before_mib * ratio, SETTLE_SECONDS)
        return self.victim.resident_mib()

    def quiet_mib(self) -> float:
        """Return the resident memory of an exporter that has been scraped in both forms."""
        for _ in range(3):
            self.victim.get("/metrics")
        # The honest scraper's own first bodies count too.
        self.hold(2.5)
        return self.victim.resident_mib()


def run(attack: Attack, *, over_tls: bool = False) -> Measured:
    """Run one attack on a new exporter, which is ended in any case."""
    store = AttackStore(history=attack.history)
    populate(store)
    attack.prepare(store)
    measured = Measured(attack.name)
    started_at = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, AttackServer(store) as server:
        tls_folder = Path(folder) if over_tls or attack.uses_tls else None
        flags, context = _set_up_web(Path(folder), tls_folder, attack.sections)
        victim = Victim(
            server.url,
            Path(folder),
            *attack.flags,
            *flags,
            memory_mib=attack.memory_mib,
            descriptors=attack.descriptors,
            reads_output=attack.reads_output,
            tls=context,
            authorization=attack.authorization,
        )
        probes = Probes(victim.port, tls_folder, attack.authorization)
        scene = Scene(attack, store, server, victim)
        try:
            _play(scene, measured)
        except VictimDied:
            pass
        except (OSError, http.client.HTTPException) as exc:
            if victim.is_alive:
                scene.complain(f"a request failed: {type(exc).__name__} {exc}")
        finally:
            measured.healthz, measured.scrapes = probes.finish()
            _end(scene)
    measured.seconds = time.monotonic() - started_at
    measured.peak_mib, measured.death = victim.peak_mib, victim.death
    measured.log_lines, measured.log_traces = victim.log_lines, victim.log_traces
    measured.first_trace = victim.first_trace
    measured.complaints = scene.complaints
    return measured


def _set_up_web(
    folder: Path, tls_folder: Path | None, sections: Mapping[str, object]
) -> tuple[tuple[str, ...], ssl.SSLContext | None]:
    """Return the exporter's flags and its clients' context."""
    certificates = make_certificates(tls_folder) if tls_folder else None
    tls = {"tls_server_config": server_section(certificates)} if certificates else {}
    if not (tls or sections):
        return (), None
    web_config = write_web_config(folder / "web.yaml", **tls, **sections)
    return ("--web-config-file", str(web_config)), client_context(certificates) if certificates else None


def _play(scene: Scene, measured: Measured) -> None:
    attack = scene.attack
    if attack.starts_ready:
        scene.wait_until_ready()
        attack.warm_up(scene)
        measured.before_mib = scene.quiet_mib()
        scene.victim.reset_peak()
    kept = {plural: scene.store.keys(plural) for plural in scene.kinds()}
    attack.strike(scene)
    scene.check_alive()
    if attack.reads_output:
        scene.check_truth()
        scene.delete_all_but(kept)
        measured.after_mib = scene.settled_mib(measured.before_mib, attack.limits.after_ratio)


def _end(scene: Scene) -> None:
    """End the exporter with SIGTERM, unless the attack has ended it, and read the rest of its output."""
    victim = scene.victim
    # The guard needs a moment to say why the process is gone.
    if victim.is_alive and not victim.death:
        code = victim.end(signal.SIGTERM, END_SECONDS)
        if code != 0:
            scene.complain("SIGTERM did not end it within 12 s" if code is None else f"SIGTERM ended it with {code}")
    if not scene.attack.reads_output:
        victim.read_output()
    victim.close()
