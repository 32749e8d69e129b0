"""Attacks by what stands in the place of the API server, and by files and flags that are not what they should be.

Each is on an exporter of its own; the usual one beside it serves the honest clients.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer

from tests.attack.judge import HEALTHZ_MS, MARGIN, MEMORY_MIB
from tests.attack.scene import END_SECONDS, Attack, Scene
from tests.attack.victim import ROOT, Victim, cpu_seconds, free_port, serve_command
from tests.attack.world import HONEST_NAMESPACE
from tests.support.commands import environment
from tests.support.web_configs import write_web_config

CPU_SHARE = 0.4
"""Of a core, for an exporter that gets nothing of use; its start alone takes a second."""

REFUSAL_SECONDS = 20.0
REFUSAL_MIB = 200
"""The kubernetes client alone has 60."""


class HostileServer(Attack):
    """An API server whose answers do not end. Subclasses say what it sends, and for how long it is looked at."""

    seconds: float
    least_requests: int

    def send(self, connection: socket.socket, is_over: threading.Event) -> None:
        """Answer one request, until it is over or the exporter has closed; may raise OSError."""
        raise NotImplementedError

    def strike(self, scene: Scene) -> None:
        with self._server() as (url, requests), tempfile.TemporaryDirectory() as folder:
            victim = Victim(url, Path(folder), memory_mib=MEMORY_MIB)
            try:
                scene.wait(lambda: victim.get("/healthz").status == 200, 20)
                used, started_at = cpu_seconds(victim.process.pid), time.monotonic()
                slowest = 0.0
                while time.monotonic() - started_at < self.seconds:
                    asked_at = time.monotonic()
                    victim.get("/healthz")
                    slowest = max(slowest, time.monotonic() - asked_at)
                    scene.hold(0.2)
                share = (cpu_seconds(victim.process.pid) - used) / (time.monotonic() - started_at)
                if share > CPU_SHARE:
                    scene.complain(f"used {share:.2f} of a core")
                if slowest * 1000 > HEALTHZ_MS * MARGIN:
                    scene.complain(f"its /healthz took {slowest * 1000:.0f} ms")
                if len(requests) < self.least_requests:
                    scene.complain(f"{len(requests)} requests in {self.seconds:.0f} s: the kinds hang")
                if victim.death:
                    scene.complain(victim.death)
                if (code := victim.end(signal.SIGTERM, END_SECONDS)) != 0:
                    scene.complain(f"SIGTERM ended it with {code}")
            finally:
                victim.close()

    @contextmanager
    def _server(self) -> Iterator[tuple[str, list[float]]]:
        requests: list[float] = []
        is_over = threading.Event()

        class Handler(StreamRequestHandler):
            def handle(handler) -> None:  # noqa: N805 - `self` is the attack
                handler.rfile.readline()
                requests.append(time.monotonic())
                with suppress(OSError):
                    self.send(handler.connection, is_over)

        with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            try:
                yield f"http://127.0.0.1:{server.server_address[1]}", requests
            finally:
                is_over.set()
                server.shutdown()


class EndlessContinue(HostileServer):
    """Every request is answered `100 Continue`, as fast as it is read, without end."""

    name = "endless-continue"
    is_short = True
    seconds = 12
    least_requests = 6

    def send(self, connection: socket.socket, is_over: threading.Event) -> None:
        while not is_over.is_set():
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 400)


class TricklingError(HostileServer):
    """Every request is answered 500 with a body of which a byte comes now and then."""

    name = "trickling-500"
    seconds = 40
    # Three kinds, each a second time after half a minute.
    least_requests = 6

    def send(self, connection: socket.socket, is_over: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 1000000\r\n\r\n")
        while not is_over.wait(0.05):
            connection.sendall(b" ")


class HostileFiles(Attack):
    """Kubeconfigs of 1 GB, of aliases, of millions of values, a pipe; a web configuration that becomes a pipe."""

    name = "hostile-files"
    is_short = True

    def strike(self, scene: Scene) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for what, write in (("1 GB", huge), ("aliases", aliases), ("values", values), ("a pipe", os.mkfifo)):
                path = folder / what
                write(path)
                arguments = ("--kubeconfig", str(path), "--metrics-addr", f"127.0.0.1:{free_port()}")
                if reason := refusal(folder, *arguments):
                    scene.complain(f"a kubeconfig, {what}: {reason}")
            self._replace_web_config(scene, folder)

    def _replace_web_config(self, scene: Scene, folder: Path) -> None:
        path = write_web_config(folder / "web.yaml", http_server_config={"headers": {"X-Frame-Options": "deny"}})
        content = path.read_bytes()
        victim = Victim(scene.server.url, folder, "--web-config-file", str(path), memory_mib=MEMORY_MIB)
        metric = b"kuberay_exporter_web_config_last_reload_successful %d"
        try:
            for is_pipe in (False, True, False):
                if is_pipe:
                    path.unlink()
                    os.mkfifo(path)
                elif not path.is_file():
                    path.unlink()
                    path.write_bytes(content + b"\n")
                wanted = metric % (not is_pipe)
                if not scene.wait(lambda wanted=wanted: wanted in victim.get("/metrics").body, 25):  # type: ignore[misc]
                    scene.complain(f"{wanted.decode()} is not printed")
            if (code := victim.end(signal.SIGTERM, END_SECONDS)) != 0:
                scene.complain(f"SIGTERM ended it with {code}")
        finally:
            victim.close()


class ManyNamespaces(Attack):
    """350 namespaces are watched, 1,050 watches; and a start with 20,000 names is refused."""

    name = "namespaces-max"
    flags = ("--watch-namespace=" + ",".join([HONEST_NAMESPACE, *(f"ns-{number}" for number in range(349))]),)
    starts_ready = False

    def strike(self, scene: Scene) -> None:
        scene.wait_until_ready(60)
        with tempfile.TemporaryDirectory() as folder:
            command = serve_command(scene.server.url, Path(folder), free_port())
            names = ",".join(f"{number:x}" for number in range(20_000))
            if reason := refusal(Path(folder), *command[command.index("serve") + 1 :], "--watch-namespace", names):
                scene.complain(f"20,000 namespaces: {reason}")


# In a process of its own, because a child's peak begins with the memory of the process that starts it.
MEASURE_CHILD = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
sys.exit(code)
"""


def refusal(folder: Path, *arguments: str) -> str:
    """Start an exporter that has to refuse its configuration; return what is wrong with its end, or ""."""
    command = serve_command("http://127.0.0.1:1", folder, free_port())
    command = [sys.executable, "-c", MEASURE_CHILD, *command[: command.index("serve") + 1], *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), cwd=ROOT, process_group=0
    ) as process:
        killer = threading.Timer(REFUSAL_SECONDS, os.killpg, (process.pid, signal.SIGKILL))
        killer.start()
        mebibytes, errors = process.communicate()
        killer.cancel()
    if process.returncode != 2 or len(errors.splitlines()) != 1:
        return f"code {process.returncode}, {errors[-200:].decode(errors='replace')!r}"
    return f"{int(mebibytes)} MiB" if int(mebibytes) > REFUSAL_MIB else ""


def huge(path: Path) -> None:
    """Write 1 GB of nothing, which takes no place on the disk."""
    path.touch()
    os.truncate(path, 1_000_000_000)


def aliases(path: Path) -> None:
    """Write YAML of which each line has the one before it ten times."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 10)}]" for number in range(1, 10)]
    path.write_text("\n".join(lines))


def values(path: Path) -> None:
    """Write YAML of millions of values, in a file that is not too large."""
    path.write_bytes(b"users: [" + b"a," * 4_000_000 + b"]")


HOSTILE: tuple[type[Attack], ...] = (EndlessContinue, TricklingError, HostileFiles, ManyNamespaces)
