"""What TLS adds to a scrape on a kept-alive connection: `make bench`.

One server process with a plain and a TLS listener; the client is another process, as Prometheus is. The ratios are
of the time that a scrape takes, and of the server's processor time.
"""

import argparse
import asyncio
import http.client
import multiprocessing
import os
import ssl
import statistics
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.scrape import Fleet
from exporter.web.application import Endpoints
from exporter.web.auth.tls import load_tls
from exporter.web.auth.web_config import TlsSettings, read_limited
from exporter.web.listener import Listener, listen
from exporter.web.server import Server, serve
from exporter.web.status import KindStatus
from tests.support.certificates import Certificates, make_certificates

ROUNDS = 30


class Ready:
    """A status of an exporter that is ready."""

    def why_not_ready(self) -> str | None:
        return None

    def incomplete(self) -> list[str]:
        return []

    def why_not_alive(self) -> str | None:
        return None

    def kinds(self) -> list[KindStatus]:
        return []


def run_server(objects: int, certificates: Certificates, ports: Connection) -> None:
    """Serve until killed; the ports are sent first."""
    certificate, key = certificates.pair("server")
    settings = TlsSettings(cert_file=str(certificate), key_file=str(key))
    tls = load_tls(settings, certificates.directory, read_limited)
    application = Endpoints(Fleet(objects).exposition, Ready(), lambda _seconds: None).application(max_requests=40)
    listeners = [Listener(listen("", "127.0.0.1", 0), application, choose) for choose in (lambda: None, lambda: tls)]
    ports.send([listener.socket.getsockname()[1] for listener in listeners])

    async def run() -> None:
        await serve([Server(listener) for listener in listeners])

    asyncio.run(run())


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(pid: int, connection: http.client.HTTPConnection, encoding: str) -> tuple[float, float, int]:
    """Return the median seconds of a scrape, the server's mean processor seconds, and the body's size."""
    times, size = [], 0
    before = processor_seconds(pid)
    for _ in range(ROUNDS):
        started = time.perf_counter()
        connection.request("GET", "/metrics", headers={"Accept-Encoding": encoding})
        size = len(connection.getresponse().read())
        times.append(time.perf_counter() - started)
    return statistics.median(times), (processor_seconds(pid) - before) / ROUNDS, size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=10_000)
    with tempfile.TemporaryDirectory() as folder:
        certificates = make_certificates(Path(folder))
        context = ssl.create_default_context(cafile=certificates.authority)
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        receiver, sender = multiprocessing.Pipe(duplex=False)
        server = multiprocessing.Process(
            target=run_server, args=(parser.parse_args().objects, certificates, sender), daemon=True
        )
        server.start()
        plain_port, tls_port = receiver.recv()
        plain = http.client.HTTPConnection("127.0.0.1", plain_port)
        encrypted = http.client.HTTPSConnection("127.0.0.1", tls_port, context=context)
        pid = server.pid or 0
        for encoding in ("identity", "gzip"):
            for connection in (plain, encrypted):  # connections, caches
                measure(pid, connection, encoding)
            (a, cpu_a, size), (b, cpu_b, _) = (measure(pid, one, encoding) for one in (plain, encrypted))
            sys.stdout.write(
                f"{encoding:8} {size / 1e6:6.1f} MB   plain {a * 1000:6.1f} ms   TLS {b * 1000:6.1f} ms   "
                f"{b / a:.2f} : 1   processor time {cpu_b / max(cpu_a, 1e-9):.2f} : 1\n"
            )
        server.kill()


if __name__ == "__main__":
    main()
