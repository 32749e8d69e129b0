"""The exporter under chaos, as a process that is killed and started again."""

import mmap
import resource
import signal
import subprocess
from pathlib import Path
from typing import NamedTuple

import yaml

from tests.attack.victim import status_field
from tests.chaos.clock import SECONDS
from tests.support.commands import COMMAND, environment
from tests.support.processes import HttpAnswer, Process
from tests.support.watching import wait_until

START_SECONDS = 120.0
"""On a busy machine; usually, a start takes less than two."""


class Usage(NamedTuple):
    """What the process holds at one moment."""

    mib: float
    threads: float
    descriptors: float

    def __str__(self) -> str:
        return f"{self.mib:.0f} MiB, {self.threads} threads, {self.descriptors} descriptors"


class Exporter:
    """Runs `serve` on loopback. Any thread may `get`; one thread starts and ends it.

    Attributes:
        generation: the number of its ends.
        is_up: it has answered a scrape since its start.
        log_file: what --log-file-path names.
    """

    def __init__(self, folder: Path, server: str, *flags: str) -> None:
        """FOLDER has the files of `tests.chaos.server`."""
        self._clock, self._errors, self.log_file = folder / "clock", folder / "stderr", folder / "log"
        self._clock.write_bytes(SECONDS.pack(0.0))
        config = {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": server, "certificate-authority": "ca.crt"}}],
            "users": [{"name": "u", "user": {"tokenFile": "token"}}],
        }
        (folder / "kubeconfig").write_text(yaml.safe_dump(config))
        self._flags = ("--kubeconfig", f"{folder}/kubeconfig", "--metrics-addr", "127.0.0.1:0", *flags)
        self.generation = 0
        self.is_up = False

    def start(self) -> None:
        flags = (*self._flags, "--log-file-path", str(self.log_file))
        command = [COMMAND[0], "-m", "tests.chaos.clock", str(self._clock), "serve", *flags]
        with self._errors.open("ab") as errors:
            popen = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment())
        self.process = process = Process(popen)
        wait_until(lambda: process.addresses() or popen.poll() is not None, "listening", START_SECONDS)

    def end(self, number: int = signal.SIGKILL) -> int:
        """End it by a signal; return the exit code."""
        self.generation += 1
        self.is_up = False
        return self.process.end(number)

    def errors(self) -> list[str]:
        """Return what was written to standard error, but for logs that could not be written."""
        return [line for line in self._errors.read_text().splitlines() if not line.startswith("couldn't write the log")]

    def get(self, path: str) -> HttpAnswer:
        """Send a request; raises OSError or HTTPException, also while it is starting."""
        if not self.process.addresses():
            raise ConnectionRefusedError("it is starting")
        return self.process.get(path)

    def signal(self, number: int) -> None:
        self.process.process.send_signal(number)

    def move_clock(self, seconds: float) -> None:
        """Let its wall clock differ by so many seconds from now on."""
        with self._clock.open("r+b") as file, mmap.mmap(file.fileno(), SECONDS.size) as memory:
            SECONDS.pack_into(memory, 0, seconds)

    def limit_files(self, more_bytes: int | None) -> None:
        """Let no file grow beyond the log's size and so many bytes; None: no limit."""
        size = resource.RLIM_INFINITY if more_bytes is None else self.log_file.stat().st_size + more_bytes
        resource.prlimit(self.process.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def usage(self) -> Usage:
        pid = self.process.process.pid
        descriptors = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
        return Usage(int(status_field(pid, "VmRSS").split()[0]) / 1024, int(status_field(pid, "Threads")), descriptors)
