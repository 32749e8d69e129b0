"""Honest clients, in a process of their own: a kubelet that asks for /healthz, and a Prometheus that scrapes.

`python -m tests.attack.probes PORT FOLDER AUTHORIZATION` asks until standard input ends, then prints one line of JSON.
With a folder, which has the CA's certificate, it asks over TLS; both may be empty. It is a process so that the
attackers' threads do not delay what it measures.
"""

import http.client
import json
import ssl
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from subprocess import PIPE, Popen

from tests.attack.judge import Latencies
from tests.attack.victim import honest_connection
from tests.support.certificates import Certificates
from tests.support.web_configs import client_context

TIMEOUT_SECONDS = 10.0
HEALTHZ_EVERY_SECONDS = 0.05
SCRAPE_EVERY_SECONDS = 1.0
PROMETHEUS = {
    "Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
    "Accept-Encoding": "gzip",
}


class Client:
    """Sends the same request again and again. Nothing counts before the first 200: the exporter is starting."""

    def __init__(
        self, port: int, tls: ssl.SSLContext | None, path: str, headers: dict[str, str], *, keeps_alive: bool
    ) -> None:
        self._tls = tls
        self._port = port
        self._path = path
        self._headers = headers
        self._keeps_alive = keeps_alive
        self._connection: http.client.HTTPConnection | None = None
        self.latencies = Latencies()

    def ask(self) -> None:
        started_at = time.perf_counter()
        status, failure = self._request()
        seen = self.latencies
        if status != 200 and not seen.count:
            return
        seen.count += 1
        seen.max_ms = max(seen.max_ms, (time.perf_counter() - started_at) * 1000)
        if status == 503 and failure is None:
            seen.refused += 1
        elif failure or status != 200:
            seen.failures.append(failure or f"status {status}")

    def _request(self) -> tuple[int, str | None]:
        connection = self._connection or honest_connection(self._port, TIMEOUT_SECONDS, self._tls)
        self._connection = None
        try:
            connection.request("GET", self._path, headers=self._headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as exc:
            connection.close()
            return 0, f"{type(exc).__name__} {exc}".strip()
        if self._keeps_alive and not answer.will_close:
            self._connection = connection
        else:
            connection.close()
        return answer.status, None


def repeat(ask: Callable[[], None], every_seconds: float, stopping: threading.Event) -> None:
    """Ask until it is time to stop; the pause begins when the answer has come."""
    while not stopping.wait(every_seconds):
        ask()


def main() -> None:
    port = int(sys.argv[1])
    tls = client_context(Certificates(Path(sys.argv[2]))) if sys.argv[2] else None
    authorization = {"Authorization": sys.argv[3]} if sys.argv[3] else {}
    healthz = Client(port, tls, "/healthz", {}, keeps_alive=False)
    scrapes = Client(port, tls, "/metrics", PROMETHEUS | authorization, keeps_alive=True)
    stopping = threading.Event()
    threads = [
        threading.Thread(target=repeat, args=(healthz.ask, HEALTHZ_EVERY_SECONDS, stopping)),
        threading.Thread(target=repeat, args=(scrapes.ask, SCRAPE_EVERY_SECONDS, stopping)),
    ]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stopping.set()
    for thread in threads:
        thread.join()
    json.dump([asdict(healthz.latencies), asdict(scrapes.latencies)], sys.stdout)


class Probes:
    """The process of the honest clients, seen from the campaign."""

    def __init__(self, port: int, tls_folder: Path | None, authorization: str | None) -> None:
        arguments = [str(port), str(tls_folder or ""), authorization or ""]
        command = [sys.executable, "-m", "tests.attack.probes", *arguments]
        self._process = Popen(command, stdin=PIPE, stdout=PIPE, cwd=Path(__file__).parents[2])

    def finish(self) -> tuple[Latencies, Latencies]:
        """Stop asking; return what was measured of /healthz and of /metrics."""
        output, _ = self._process.communicate(timeout=3 * TIMEOUT_SECONDS)
        healthz, scrapes = json.loads(output)
        return Latencies(**healthz), Latencies(**scrapes)


if __name__ == "__main__":
    main()
