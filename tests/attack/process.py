"""Attacks on the process itself: an output that nobody reads, and signals at any time."""

import signal
import subprocess
import tempfile
import time
from pathlib import Path

from tests.attack.connections import BROKEN_CHUNKS, exchange
from tests.attack.judge import Limits
from tests.attack.scene import Attack, Scene
from tests.attack.victim import ROOT, cpu_seconds, free_port, serve_command
from tests.support.commands import environment


class UnreadOutput(Attack):
    """Nobody reads standard output, whose pipe is full after some lines.

    Objects that cannot be decoded and requests that are no HTTP are logged. Neither probes nor SIGTERM may wait.
    """

    name = "unread-output"
    is_short = True
    reads_output = False
    limits = Limits(log_lines=400)

    def strike(self, scene: Scene) -> None:
        for number in range(200):
            scene.store.put("rayjobs", f"tenant/undecodable-{number}", b'"status":"none"')
        for _ in range(30):
            scene.check_alive()
            if exchange(scene, BROKEN_CHUNKS) == "nothing":
                # The event loop waits for the log: each further request would only take the time-out.
                break
        scene.hold(3)
        scene.store.put("rayjobs", "honest/marker", b'"spec":{},"status":{"jobDeploymentStatus":"Running"}')
        if not scene.wait(lambda: b'"marker"' in scene.victim.get("/metrics?name[]=kuberay_job_info").body, 5):
            scene.complain("an object is not shown while nobody reads the output")


class Signals(Attack):
    """SIGTERM and SIGINT at many moments of a start, and SIGHUP while it runs.

    A start must end with 0 (or 130 after SIGINT) and without a traceback; SIGHUP must end nothing.
    """

    name = "signals"
    # In seconds of processor time. Before the first, Python itself starts: a signal can only have its default effect.
    moments = (0.1, 0.2, 0.3, 0.45, 0.6, 0.8)

    def strike(self, scene: Scene) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for number in (signal.SIGTERM, signal.SIGINT):
                wrong = [self.end_at(scene, Path(folder), number, moment) for moment in self.moments]
                if reasons := [reason for reason in wrong if reason]:
                    scene.complain(f"{number.name}: {', '.join(reasons)}")
        scene.victim.process.send_signal(signal.SIGHUP)
        scene.hold(1)

    def end_at(self, scene: Scene, folder: Path, number: signal.Signals, moment: float) -> str | None:
        """Send a signal when a start has used so much processor time; return what is wrong with its end."""
        command = serve_command(scene.server.url, folder, free_port())
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment(), cwd=ROOT
        ) as process:
            try:
                used = self.wait_for_cpu(process, moment)
                process.send_signal(number)
                _, errors = process.communicate(timeout=12)
            except subprocess.TimeoutExpired:
                process.kill()
                return f"no end within 12 s of {moment} s"
        codes = (0, 128 + number) if number == signal.SIGINT else (0,)
        if b"Traceback" in errors:
            return f"a traceback at {used:.2f} s"
        return None if process.returncode in codes else f"code {process.returncode} at {used:.2f} s"

    def wait_for_cpu(self, process: "subprocess.Popen[bytes]", moment: float) -> float:
        """Wait until the process has used so much processor time, or none any more because it is ready."""
        deadline = time.monotonic() + 2 + 2 * moment
        while (used := cpu_seconds(process.pid)) < moment and time.monotonic() < deadline:
            time.sleep(0.002)
        return used


PROCESS: tuple[type[Attack], ...] = (UnreadOutput, Signals)
