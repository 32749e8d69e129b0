"""The simulated API server as a process of its own, with TLS, faults of its answers, and objects that change.

`python -m tests.chaos.server FOLDER SEED NAMES` reads calls from standard input, one JSON line each, and answers each
with one. FOLDER has what the exporter reads: `ca.crt` and `token`.
"""

import json
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from exporter.simulator.api_conventions import CORE_KIND_NAMES, EVENTS, KIND_NAMES, PODS
from exporter.simulator.apiserver import responses
from exporter.simulator.apiserver.requests import Request
from exporter.simulator.apiserver.responses import ApiResponse
from exporter.simulator.apiserver.store import ObjectStore
from tests.attack.world import HONEST
from tests.support.certificates import issue
from tests.support.events import event
from tests.support.faults import Fault, FaultServer
from tests.support.recordings import recorded
from tests.support.stores import compact, install, restore, save, uninstall

PLURALS = (*KIND_NAMES, *CORE_KIND_NAMES)
NAMESPACES = ["a", "b", "c", "d"]
STATES = ("Initializing", "Running", "Complete", "Failed", "Retrying")
CHANGE_SECONDS = 0.03
DELETIONS = 0.25
"""The probability that a change of an object is its deletion: about four of five names exist at any time."""

JSON = dict[str, Any]
MakeFault = Callable[["ChaosServer", Random], Fault]


def _status(code: int) -> MakeFault:
    def apply(server: FaultServer, rng: Random) -> Fault:
        retry = (("Retry-After", str(rng.randint(1, 3))),) if code in (429, 503) else ()
        _, body, headers, *_ = msgspec.structs.astuple(responses.status(code, "Chaos", "a fault", headers=retry))
        verb, plural = rng.choice(("list", "watch", "check", None)), rng.choice((None, *PLURALS))
        return server.answer_next(code, body, headers=headers, verb=verb, plural=plural, times=rng.randint(1, 3))

    return apply


def _later_pages(server: FaultServer, rng: Random) -> Fault:
    """Refuse the pages of lists after their first."""

    def refuse(request: Request, _fault: Fault) -> ApiResponse | None:
        return responses.status(503, "Chaos", "a fault") if "continue" in request.query else None

    return server._on_answer(refuse, "list", None, rng.randint(4, 12))


def _line(line: bytes) -> MakeFault:
    return lambda server, rng: server.garbage(line + b"\n", plural=rng.choice((None, *PLURALS)))


def _list(status: int, body: bytes) -> MakeFault:
    return lambda server, _rng: server.answer_next(status, body, verb="list")


ANSWERS: dict[str, MakeFault] = {
    **{f"status {code}": _status(code) for code in (401, 403, 404, 409, 429, 500, 503, 504)},
    "410 of a continue token": lambda server, _: server.answer_recorded(recorded("410-expired-continue"), verb="list"),
    "410 in a watch": _line(b'{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}'),
    "410 of a watch": lambda server, _: server.answer_next(410, b"{}", verb="watch"),
    "error 500 in a watch": _line(b'{"type":"ERROR","object":{"kind":"Status","code":500,"message":"m"}}'),
    "503 of later pages": _later_pages,
    "list cut": lambda server, rng: server.cut_answer(rng.randrange(5000)),
    "list of truncated JSON": lambda server, rng: server.truncate(rng.randrange(1, 3000)),
    "list of a wrong length": lambda server, rng: server.wrong_content_length(rng.randint(1, 500)),
    "list of HTML": _list(200, b"<html>sign in</html>"),
    "list of {}": _list(200, b"{}"),
    "list without a version": _list(200, b'{"metadata":{},"items":[]}'),
    "404 of a proxy": _list(404, b"<html>no</html>"),
    "slow answer": lambda server, rng: server.slow(rng.uniform(0.2, 3), times=rng.randint(1, 4)),
    "no answer": lambda server, rng: server.stall_answer(verb=rng.choice(("list", "watch", None))),
    "watch stalled": lambda server, _: server.stall(),
    "watch cut in a line": lambda server, rng: server.cut_after(rng.randrange(600)),
    "watch ended in a line": lambda server, _: server.half_line(),
    "watch in pieces": lambda server, rng: server.split_line(rng.randint(1, 9)),
    "watch with garbage": lambda server, rng: server.garbage(rng.randbytes(rng.randint(1, 99)) + b"\n"),
    "watch with truncated JSON": _line(b'{"type":"MODIFIED","object":{"metadata":{"uid":"1",'),
    "watch with {}": _line(b"{}"),
    "watch with a long line": lambda server, rng: server.long_line(rng.randint(10_000, 1_000_000)),
}
"""Faults of the next matching answer or line: they take effect when there is one."""


class ChaosServer(FaultServer):
    """A FaultServer whose objects change. `main` calls its methods while it holds `writing`.

    Attributes:
        gone: the uids that were deleted, or lost by a restore, since the last `settled`.
        occurrences: those of Events so far.
    """

    def __init__(self, folder: Path, seed: int, names: int) -> None:
        """`names` is the number of different names of each kind in a namespace."""
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        super().__init__(ObjectStore(), bookmark_seconds=2.0, ssl_context=self._context)
        self.writing = threading.Lock()
        self.gone: set[str] = set()
        self.occurrences = 0
        self._folder, self._rng, self._names = folder, Random(seed), names
        self._namespaces = NAMESPACES
        self._is_changing = self._deletes_events = False
        self._queued: list[tuple[str, Fault]] = []
        self._outage_status, self._in_outage = 0, Counter[str]()
        self._backup = save(self.store)
        self.rotate_authority()
        self.rotate_token()
        self.start()
        threading.Thread(target=self._run, daemon=True).start()

    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    # Objects.

    def _run(self) -> None:
        while True:
            time.sleep(CHANGE_SECONDS)
            with self.writing:
                if self._is_changing:
                    self.change(1)

    def set_changing(self, is_changing: bool) -> None:
        self._is_changing = is_changing

    def change(self, count: int) -> None:
        """Create, update or delete so many objects."""
        for _ in range(count):
            plural, namespace = self._rng.choice(PLURALS), self._rng.choice(self._namespaces)
            name = f"{plural[:-1]}-{self._rng.randrange(self._names)}"
            if not self.store.is_installed(plural):
                continue
            if not self.store.exists(plural, namespace, name):
                uid = str(uuid.UUID(int=self._rng.getrandbits(128)))
                metadata = {"namespace": namespace, "name": name, "uid": uid}
                self.store.create(plural, self._next(plural, {"metadata": metadata}))
                continue
            old = msgspec.json.decode(self.store.get(plural, namespace, name))
            # An Event that is deleted before the exporter has seen it would be missing in what is counted.
            if self._rng.random() < DELETIONS and (plural != EVENTS or self._deletes_events):
                self._delete(plural, old)
            else:
                self.store.update(plural, self._next(plural, old))

    def _next(self, plural: str, old: JSON) -> JSON:
        """Return the next version of an object, or its first one."""
        rng, metadata = self._rng, old["metadata"]
        if plural == EVENTS:
            # With a count of 1, there is no series.
            new = rng.randint(2, 4)
            self.occurrences += new
            count = new + (old["series"]["count"] if "series" in old else 0)
            at = old.get("eventTime") or f"2026-11-23T10:00:00.{self.occurrences % 10**6:06}Z"
            reason = rng.choice(("CreatedHeadPod", "CreatedWorkerPod"))
            return event(count=count, at=at, type_="Normal", reason=reason) | {"metadata": metadata}
        if plural == PODS:
            restarts = old["status"]["containerStatuses"][0]["restartCount"] + 1 if "status" in old else 0
            container: JSON = {"name": "ray", "restartCount": restarts, "ready": True, "state": {"running": {}}}
            labels = {"ray.io/node-type": "worker", "ray.io/cluster": "x", "ray.io/group": "g"}
            status = {"phase": "Running", "containerStatuses": [container]}
            return {"metadata": metadata | {"labels": labels}, "status": status}
        obj: JSON = msgspec.json.decode(b"{%b}" % HONEST[plural]) | {"metadata": metadata}
        number = rng.randrange(9)
        if plural == "raycronjobs":
            obj["spec"]["schedule"] = f"{number} 0 * * *"
        else:
            obj["status"] |= {"jobDeploymentStatus": rng.choice(STATES), "failed": number}
            obj["status"] |= {"desiredWorkerReplicas": number, "numServeEndpoints": number}
        return obj

    def _delete(self, plural: str, obj: JSON) -> None:
        self.gone.add(obj["metadata"]["uid"])
        self.store.delete(plural, obj["metadata"]["namespace"], obj["metadata"]["name"])

    def _present(self, plural: str, namespace: str | None = None) -> list[JSON]:
        items = self.store.page(plural, namespace).items if self.store.is_installed(plural) else []
        return [msgspec.json.decode(one.body) for one in items]

    def state(self) -> JSON:
        present = {plural: self._present(plural) for plural in PLURALS}
        return {"present": present, "gone": sorted(self.gone), "occurrences": self.occurrences}

    def settled(self, is_restored: bool) -> None:
        """Begin anew: all is shown. Events of a backup end: the exporter does not count again what it has counted."""
        self.gone.clear()
        for obj in self._present(EVENTS):
            if is_restored or self._rng.random() < DELETIONS:
                self._delete(EVENTS, obj)

    def endure(self, count: int, namespace: str) -> None:
        """Make so many changes in a new namespace and the last few, not faster than they are read."""
        left, *others = self._namespaces
        self._namespaces, self._deletes_events = [*others, namespace], True
        for plural in PLURALS:
            for obj in self._present(plural, left):
                self._delete(plural, obj)
        self.change(count)
        self.gone.clear()
        while self._is_behind():
            time.sleep(0.001)

    def _is_behind(self) -> bool:
        with self._watches_lock:
            return any(w._number < w._history.forgotten + len(w._history.log) for w in self._watches)

    # Faults.

    def fault(self, name: str, seed: int) -> None:
        self._queued.append((name, ANSWERS[name](self, Random(seed))))

    def heal(self) -> dict[str, int]:
        """End all faults; return how many of each kind took effect."""
        self.clear_faults()
        used = Counter(name for name, fault in self._queued if fault.is_used.is_set())
        for kept in (self._queued, self._answer_faults, self._line_faults, self._requests):
            kept.clear()
        self.install()
        self.write_files()
        return used

    def truncate(self, size: int) -> Fault:
        """Let the JSON of a list end so many bytes too early, with the right length of what is sent."""

        def cut(request: Request, _fault: Fault) -> ApiResponse | None:
            whole = self.respond(request)
            return whole and msgspec.structs.replace(whole, body=whole.body[: max(1, len(whole.body) - size)])

        return self._on_answer(cut, "list", None, 1)

    def override_response(self, request: Request) -> ApiResponse | None:
        if not self._outage_status:
            return super().override_response(request)
        self._in_outage[request.plural] += 1
        return responses.status(self._outage_status, "Chaos", "an outage")

    def start_outage(self, status: int) -> None:
        """Answer everything with this status, and end all watches."""
        self._outage_status, self._in_outage = status, Counter()
        self.end_watches()

    def end_outage(self) -> dict[str, int]:
        """Return the requests of the outage, by kind."""
        self._outage_status = 0
        return self._in_outage

    def end_watches(self) -> None:
        with self._watches_lock:
            for watch in self._watches:
                watch.close()

    def compact(self) -> None:
        compact(self.store)

    def back_up(self) -> None:
        # With all kinds: installing one after a restore would be a write that hides it.
        self.install()
        self._backup = save(self.store)

    def restore(self) -> None:
        self.gone |= {obj["metadata"]["uid"] for plural in PLURALS for obj in self._present(plural)}
        restore(self.store, self._backup)

    def uninstall(self) -> None:
        plural = self._rng.choice(list(KIND_NAMES))
        self.gone |= {obj["metadata"]["uid"] for obj in self._present(plural)}
        if self.store.is_installed(plural):
            uninstall(self.store, plural)

    def install(self) -> None:
        for plural in KIND_NAMES:
            install(self.store, plural)

    def rotate_token(self, is_written: bool = True) -> None:
        """Accept only a new token, which is in the file at once or not until `write_files`."""
        self.required_token = f"token-{self._rng.getrandbits(64):x}"
        if is_written:
            self.write_files()

    def rotate_authority(self, is_written: bool = True) -> None:
        """Show a certificate of a new CA, which is in the file at once or not until `write_files`."""
        self._authority = issue("ca", is_authority=True)
        self.renew_certificate()
        if is_written:
            self.write_files()

    def renew_certificate(self) -> None:
        """Show another certificate in new connections."""
        pair = issue("server", self._authority)
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(pair.certificate_pem + pair.key_pem)
            file.flush()
            self._context.load_cert_chain(file.name)

    def write_files(self) -> None:
        """Replace the files of the exporter by what the server accepts now."""
        for name, text in (("ca.crt", self._authority.certificate_pem), ("token", self.required_token or "")):
            unfinished = self._folder / f"{name}.new"
            unfinished.write_text(text)
            unfinished.replace(self._folder / name)


class ServerProcess:
    """The process, seen from the campaign: its attributes are the methods of `ChaosServer`. For one thread."""

    def __init__(self, folder: Path, seed: int, names: int) -> None:
        command = [sys.executable, "-m", "tests.chaos.server", str(folder), str(seed), str(names)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: object) -> Any:
            assert self._process.stdin
            assert self._process.stdout
            self._process.stdin.write(f"{json.dumps([name, arguments])}\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

        return call

    def end(self) -> None:
        self._process.communicate(timeout=10)


def main() -> None:
    server = ChaosServer(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    for line in sys.stdin:
        name, arguments = json.loads(line)
        with server.writing:
            result = getattr(server, name)(*arguments)
        sys.stdout.write(f"{json.dumps(result)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
