"""The exporter under attack, as a process: its memory, its output, its end.

The limit of memory is kept by polling: a thread reads the resident memory every 20 ms and kills the process
above the limit, as a cgroup would. The kernel's own high-water mark (VmHWM) is what is reported, so no peak
between two polls is lost. Unlike a cgroup it does not count buffers of sockets, which are the kernel's.
"""

import fcntl
import http.client
import os
import re
import socket
import ssl
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

from tests.support.commands import COMMAND, environment
from tests.support.processes import write_kubeconfig

POLL_SECONDS = 0.02
SMALL_BUFFER_BYTES = 4096
SMALLEST_PIPE_BYTES = 4096
ROOT = Path(__file__).parents[2]


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def connect(
    port: int, *, small_buffer: bool = False, timeout_seconds: float = 5.0, source: str | None = None
) -> socket.socket:
    """Return a connection; with a small buffer the system reads almost nothing for a client that does not.

    `source` is an address of loopback: another client.
    """
    client = socket.socket()
    if source is not None:
        client.bind((source, 0))
    if small_buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
    client.settimeout(timeout_seconds)
    client.connect(("127.0.0.1", port))
    return client


class Victim:
    """A running `serve`. `log_lines` and `log_traces` are counted as the output is read.

    `descriptors` limits open files; without `reads_output` nobody reads its standard output, and the pipe is
    as small as the system allows.
    """

    def __init__(
        self,
        server: str,
        folder: Path,
        *flags: str,
        memory_mib: float,
        descriptors: int | None = None,
        reads_output: bool = True,
        tls: ssl.SSLContext | None = None,
        authorization: str | None = None,
    ) -> None:
        """With `tls`, the context of its clients, the flags have to switch it on. `authorization` is theirs."""
        self._tls = tls
        self._headers = {"Authorization": authorization} if authorization else {}
        self.port = free_port()
        self.memory_mib = memory_mib
        self.peak_mib = 0.0
        self.death: str | None = None
        self.log_lines = 0
        self.log_traces = 0
        self.first_trace = ""
        self._started_at = time.monotonic()
        self._is_ending = False
        command = serve_command(server, folder, self.port, *flags)
        if descriptors:
            command = ["sh", "-c", f'ulimit -n {descriptors} && exec "$@"', "sh", *command]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(**allocator()), cwd=ROOT
        )
        assert self.process.stdout
        assert self.process.stderr
        self._threads = [self._start(self._guard), self._start(self._read, self.process.stderr)]
        if reads_output:
            self.read_output()
        else:
            fcntl.fcntl(self.process.stdout.fileno(), fcntl.F_SETPIPE_SZ, SMALLEST_PIPE_BYTES)

    def read_output(self) -> None:
        """Read standard output from now on."""
        assert self.process.stdout
        self._threads.append(self._start(self._read, self.process.stdout))

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def resident_mib(self) -> float:
        return self._status("VmRSS") / 1024

    def threads(self) -> int:
        return self._status("Threads")

    def reset_peak(self) -> None:
        """Let the high-water mark begin anew at the memory of now."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")
        self.peak_mib = 0.0

    def get(self, path: str, timeout_seconds: float = 10.0) -> Answer:
        """Send an honest request; raises OSError or HTTPException."""
        connection = honest_connection(self.port, timeout_seconds, self._tls)
        try:
            connection.request("GET", path, headers=self._headers)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def connect(self, *, small_buffer: bool = False, timeout_seconds: float = 5.0) -> socket.socket:
        """Return a connection on which requests can be sent: over TLS, if the exporter speaks it."""
        client = connect(self.port, small_buffer=small_buffer, timeout_seconds=timeout_seconds)
        return self._tls.wrap_socket(client, server_hostname="127.0.0.1") if self._tls else client

    def end(self, number: int, timeout_seconds: float) -> int | None:
        """Send a signal; return the exit code, or None if the process had to be killed."""
        self._is_ending = True
        if self.is_alive:
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None

    def close(self) -> None:
        """Kill what is left, and wait until all output is read."""
        self._is_ending = True
        self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe
            pipe.close()

    def _start(self, target: object, *arguments: object) -> threading.Thread:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        thread.start()
        return thread

    def _guard(self) -> None:
        while self.is_alive:
            # A process that ends has no such line any more.
            with suppress(OSError):
                self.peak_mib = max(self.peak_mib, self._status("VmHWM") / 1024)
            if self.peak_mib > self.memory_mib and not self.death:
                seconds = time.monotonic() - self._started_at
                self.death = f"killed {seconds:.1f} s after its start: memory passed {self.memory_mib:.0f} MiB"
                self.process.kill()
            time.sleep(POLL_SECONDS)
        if not self._is_ending and not self.death:
            self.death = f"ended by itself with code {self.process.returncode}"

    def _status(self, name: str) -> int:
        return int(status_field(self.process.pid, name).split()[0])

    def _read(self, pipe: IO[bytes]) -> None:
        for line in pipe:
            self.log_lines += 1
            self.log_traces += b"Traceback" in line
            if not self.first_trace and b"Traceback" in line:
                # The exception is on the last line of the trace.
                last = line.strip().rsplit(rb"\n", 1)[-1]
                self.first_trace = last[-120:].decode(errors="replace").replace("|", "/")


def honest_connection(port: int, timeout_seconds: float, tls: ssl.SSLContext | None) -> http.client.HTTPConnection:
    if tls is None:
        return http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_seconds)
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=timeout_seconds, context=tls)


def serve_command(server: str, folder: Path, port: int, *flags: str) -> list[str]:
    """Return the command line of an exporter that watches this server."""
    kubeconfig = write_kubeconfig(folder / f"kubeconfig-{port}", server)
    return [*COMMAND, "serve", "--kubeconfig", str(kubeconfig), "--metrics-addr", f"127.0.0.1:{port}", *flags]


def status_field(pid: int, name: str) -> str:
    """Return a line of /proc/PID/status; raises ProcessLookupError if there is none, as of a process that ended."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return line.split(":", 1)[1].strip()
    raise ProcessLookupError(f"/proc/{pid}/status has no {name}")


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def allocator() -> dict[str, str]:
    """Return what the image sets for the C library's memory allocation."""
    return dict(re.findall(r"\b(MALLOC_\w+)=(\d+)", (ROOT / "Dockerfile").read_text()))
