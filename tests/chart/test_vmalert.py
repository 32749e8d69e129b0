"""The rules in vmalert, which evaluates templates of annotations in its own way."""

import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import pytest

from tests.support.watching import wait_until
from tools.rules import NINE, RENDERED, rules_by_name

START_SECONDS = 60.0

SERIES = {"namespace": "ml", "name": "a", "uid": "1", "kind": "RayJob", "reason": "Lost", "status": "Pending"}
"""What every query returns: without the label `cluster`, which no Prometheus of a single cluster adds."""


@contextmanager
def datasource() -> Iterator[tuple[str, list[str]]]:
    """A Prometheus for which every expression has one series; gives its address and the queries."""
    queries: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            # Recorded series are written as a compressed protobuf.
            self._answer(b"" if self.path.startswith("/api/v1/write") else self._series(body.decode()))

        def _series(self, body: str) -> bytes:
            asked = parse_qs(urlsplit(self.path).query) | parse_qs(body)
            queries.extend(asked["query"])
            sample = {"metric": SERIES, "value": [time.time(), "90"]}
            return json.dumps({"status": "success", "data": {"resultType": "vector", "result": [sample]}}).encode()

        def _answer(self, answer: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_arguments: Any) -> None:
            """Nothing: vmalert asks for each rule every second."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", queries
        server.shutdown()


@contextmanager
def vmalert(rules: Path, address: str, log: Path) -> Iterator[str]:
    """A vmalert with these rules, which evaluates them every second; gives its address."""
    flags = ["-evaluationInterval=1s", "-notifier.blackhole", "-httpListenAddr=127.0.0.1:0", "-loggerFormat=json"]
    addresses = [f"-datasource.url={address}", f"-remoteWrite.url={address}"]
    command = [os.environ["VMALERT"], f"-rule={rules}", *addresses, *flags]
    with log.open("w") as output, subprocess.Popen(command, stderr=output) as process:
        try:
            wait_until(lambda: listening(log), "vmalert listening", START_SECONDS)
            yield listening(log)
        finally:
            process.terminate()
            process.wait(30)


def listening(log: Path) -> str:
    """Return the address in the log, or nothing if there is none yet."""
    match = re.search(r"(http://127\.0\.0\.1:\d+)/", log.read_text())
    return match[1] if match else ""


def alerts(address: str) -> list[dict[str, Any]]:
    with urlopen(f"{address}/api/v1/alerts", timeout=10) as response:
        found: list[dict[str, Any]] = json.load(response)["data"]["alerts"]
    return found


@pytest.mark.parametrize("rules", [RENDERED, NINE], ids=["all", "nine"])
def test_every_alert_is_described_in_vmalert_without_a_label_for_the_cluster(rules: Path, tmp_path: Path) -> None:
    """No text and no query of a template has Go's words for a missing value."""
    copy, log = tmp_path / "rules.yaml", tmp_path / "log"
    # At once, instead of after the time that a state has to last.
    copy.write_text(re.sub(r"^ +(keep_firing_)?for: .*\n", "", rules.read_text(), flags=re.MULTILINE))
    expected = {name for name, rule in rules_by_name(rules).items() if "alert" in rule}
    with datasource() as (address, queries), vmalert(copy, address, log) as own:
        wait_until(lambda: {alert["name"] for alert in alerts(own)} == expected, "all alerts", START_SECONDS)
        found, failures = alerts(own), [line for line in log.read_text().splitlines() if '"level":"error"' in line]
    texts = [*queries, *(text for alert in found for text in alert["annotations"].values())]
    assert [text for text in texts if "<nil>" in text or "<no value>" in text or "%!" in text] == []
    assert failures == []
