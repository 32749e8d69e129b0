"""What has no public name in the interpreter still does what it is used for."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

from tests.support.certificates import make_certificates
from tests.support.commands import environment
from tests.support.watching import wait_until
from tests.support.web_application import Application
from tests.support.web_server import web_server


def test_exit_functions_run_when_asked() -> None:
    """In the order of the interpreter's own end, and not a second time at it."""
    program = (
        "import atexit; from exporter.system.cpython import run_exit_functions\n"
        "atexit.register(print, 1); atexit.register(print, 2); run_exit_functions(); print(3)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stdout.split() == ["2", "1", "3"]


def test_a_tls_connection_has_no_large_buffer(tmp_path: Path) -> None:
    """Without the limit it has one of 256 KiB before it has sent anything."""
    certificates = make_certificates(tmp_path)
    with web_server(Application().app, tls=certificates.server_context()) as web:
        tracemalloc.start()
        try:
            clients = [web.connect() for _ in range(16)]
            wait_until(lambda: len(web.connections) == 16)
            allocated, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        for client in clients:
            client.close()
    assert allocated / 16 < 64 * 1024
