"""A real Prometheus as a process, and what it says of itself.

PROMETHEUS names the program to run; without it, that of Debian's package.
"""

import json
import os
import re
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.watching import wait_until

START_SECONDS = 60.0


@contextmanager
def prometheus(configuration: Path, folder: Path) -> Iterator[str]:
    """Run Prometheus on a free port of loopback; gives its address."""
    command = [
        os.environ.get("PROMETHEUS", "prometheus"),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--web.listen-address=127.0.0.1:0",
    ]
    log = folder / "log"
    with log.open("w") as output, subprocess.Popen(command, stderr=output, cwd=folder) as process:
        try:
            wait_until(
                lambda: re.search(r"Listening on.*address=(\S+)", log.read_text()),
                "Prometheus listening",
                START_SECONDS,
            )
            match = re.search(r"Listening on.*address=(\S+)", log.read_text())
            assert match
            address = f"http://{match[1]}"
            # It listens before it has opened its storage.
            wait_until(lambda: "Server is ready" in log.read_text(), "Prometheus ready", START_SECONDS)
            yield address
        finally:
            process.terminate()
            process.wait(30)


def ask(address: str, path: str, **parameters: str) -> Any:
    """Return the data of an answer of Prometheus' API; raises HTTPError where it refuses."""
    url = f"{address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)["data"]


def query(address: str, expression: str) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = ask(address, "query", query=expression)["result"]
    return result
