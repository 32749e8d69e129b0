"""etcd and kube-apiserver on loopback, with RBAC, TLS, and an audit log of lists and watches.

There is no controller, scheduler or kubelet: only the tests change objects.
"""

import json
import random
import secrets
import shutil
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from kubernetes.client import Configuration

from tests.e2e.api import Api, ApiError
from tests.support.certificates import make_certificates
from tests.support.watching import wait_until

START_SECONDS = 120.0
"""An API server needs up to half a minute on a busy machine."""

STOP_SECONDS = 60.0

PORTS = range(20_000, 32_000)
"""Below the ephemeral ports, so that a port stays free while its server is stopped."""

AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "verbs": ["list", "watch"], "resources": [{"group": "ray.io"}]}, {"level": "None"}],
}


class Request(NamedTuple):
    """A list that the API server has answered, or a watch that it has started or refused."""

    verb: str
    uri: str
    code: int


class Program:
    """One process with its log. It can be started and stopped repeatedly."""

    def __init__(self, command: Sequence[str | Path], log: Path) -> None:
        self._command = [str(argument) for argument in command]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            # In a session of its own, so that Ctrl-C reaches only the tests, which stop the processes in order.
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def check(self) -> None:
        """Fail, with the end of its log, if it has ended unexpectedly."""
        assert self._process
        if self._process.poll() is not None:
            tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])
            raise AssertionError(f"{self._command[0]} ended with {self._process.returncode}:\n{tail}")

    def end(self, number: int = signal.SIGTERM) -> None:
        """Send a signal and wait for the end; kill the process if that takes too long."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class ApiServer:
    """One kube-apiserver, whose port stays the same after a restart."""

    def __init__(self, plane: "ControlPlane", name: str, flags: Sequence[str]) -> None:
        port = free_port()
        self.url = f"https://127.0.0.1:{port}"
        self.api = Api(plane.configuration(self.url))
        self.audit_log = plane.directory / f"{name}.audit"
        certificate, key = plane.certificates.pair("server")
        # Any key pair can sign and verify tokens.
        signing_certificate, signing_key = plane.certificates.pair("client")
        self._program = Program(
            [
                plane.programs / "kube-apiserver",
                f"--etcd-servers={plane.etcd_url}",
                "--bind-address=127.0.0.1",
                f"--secure-port={port}",
                "--advertise-address=127.0.0.1",
                "--endpoint-reconciler-type=none",
                f"--tls-cert-file={certificate}",
                f"--tls-private-key-file={key}",
                f"--cert-dir={plane.directory}",
                f"--client-ca-file={plane.certificates.authority}",
                "--authorization-mode=RBAC",
                f"--token-auth-file={plane.tokens}",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-key-file={signing_certificate}",
                f"--service-account-signing-key-file={signing_key}",
                "--service-cluster-ip-range=10.96.0.0/16",
                f"--audit-policy-file={plane.audit_policy}",
                f"--audit-log-path={self.audit_log}",
                # It closes watches when it is stopped; by default it waits one minute for their end.
                "--shutdown-watch-termination-grace-period=5s",
                # Only tests compact etcd.
                "--etcd-compaction-interval=0",
                *flags,
            ],
            plane.directory / f"{name}.log",
        )

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        self._program.start()
        wait_until(self._is_ready, "the API server is ready", START_SECONDS, 0.1)

    def stop(self) -> None:
        self._program.end()

    def kill(self) -> None:
        self._program.end(signal.SIGKILL)

    def requests(self, user: str) -> list[Request]:
        """Return this user's lists and watches so far."""
        events = [json.loads(line) for line in self.audit_log.read_text().splitlines()]
        return [
            Request(event["verb"], event["requestURI"], event["responseStatus"]["code"])
            for event in events
            if event["user"].get("username") == user and not _is_end_of_watch(event)
        ]

    def _is_ready(self) -> bool:
        self._program.check()
        try:
            return self.api.get("/readyz").status == 200
        except ApiError:
            return False


class ControlPlane:
    """etcd and one API server, in a folder of their own.

    Attributes:
        kubeconfig: the administrator's.
    """

    def __init__(self, directory: Path, programs: Path) -> None:
        self.directory = directory
        self.programs = programs
        self.certificates = make_certificates(directory)
        self._token = secrets.token_hex(20)
        self.tokens = _secret_file(directory / "tokens.csv", f"{self._token},admin,admin,system:masters\n")
        self.audit_policy = directory / "audit.yaml"
        self.audit_policy.write_text(yaml.safe_dump(AUDIT_POLICY))
        self.etcd_url = f"http://127.0.0.1:{free_port()}"
        peer_url = f"http://127.0.0.1:{free_port()}"
        self._etcd = Program(
            [
                self.programs / "etcd",
                f"--data-dir={directory / 'etcd'}",
                "--log-level=warn",
                # The disk of a test machine can be slow, and the data need not survive a power failure.
                "--unsafe-no-fsync",
                f"--listen-client-urls={self.etcd_url}",
                f"--advertise-client-urls={self.etcd_url}",
                f"--listen-peer-urls={peer_url}",
                f"--initial-advertise-peer-urls={peer_url}",
                f"--initial-cluster=default={peer_url}",
            ],
            directory / "etcd.log",
        )
        self.api_server = ApiServer(self, "api-server", ())
        cluster = {"server": self.api_server.url, "certificate-authority": str(self.certificates.authority)}
        config = {
            "current-context": "admin",
            "contexts": [{"name": "admin", "context": {"cluster": "e2e", "user": "admin"}}],
            "clusters": [{"name": "e2e", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": self._token}}],
        }
        self.kubeconfig = _secret_file(directory / "kubeconfig", yaml.safe_dump(config))

    def start(self) -> None:
        self._start_etcd()
        self.api_server.start()

    def stop(self) -> None:
        self.api_server.stop()
        self._etcd.end()

    @contextmanager
    def another_api_server(self, *flags: str) -> Iterator[ApiServer]:
        """A second API server with the same etcd and additional flags."""
        server = ApiServer(self, "another-api-server", flags)
        try:
            server.start()
            yield server
        finally:
            server.stop()

    def compact(self) -> None:
        """Compact etcd: only the current versions remain."""
        key = "YQ=="  # Any will do: each answer tells the revision.
        revision = self._call_etcd("kv/range", {"key": key})["header"]["revision"]
        self._call_etcd("kv/compaction", {"revision": revision, "physical": True})

    def back_up(self) -> Path:
        """Copy the data of etcd, which is stopped for a moment; return the folder."""
        copy = self.directory / "backup"
        self._etcd.end()
        shutil.copytree(self.directory / "etcd", copy, dirs_exist_ok=True)
        self._start_etcd()
        return copy

    def restore(self, backup: Path) -> None:
        """Replace the data of etcd; the API server, whose caches are ahead of it, is killed before, and started."""
        self.api_server.kill()
        self._etcd.end()
        shutil.rmtree(self.directory / "etcd")
        shutil.copytree(backup, self.directory / "etcd")
        self.start()

    def configuration(self, url: str) -> Configuration:
        """Return the client's configuration for the administrator."""
        configuration = Configuration(host=url)
        configuration.ssl_ca_cert = str(self.certificates.authority)
        configuration.api_key = {"BearerToken": f"Bearer {self._token}"}
        configuration.proxy = None
        return configuration

    def _start_etcd(self) -> None:
        self._etcd.start()
        wait_until(self._is_etcd_ready, "etcd is ready", START_SECONDS, 0.1)

    def _is_etcd_ready(self) -> bool:
        self._etcd.check()
        try:
            with urllib.request.urlopen(f"{self.etcd_url}/health", timeout=5) as answer:
                return bool(json.load(answer)["health"] == "true")
        except OSError:
            return False

    def _call_etcd(self, method: str, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(f"{self.etcd_url}/v3/{method}", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


def _is_end_of_watch(event: dict[str, Any]) -> bool:
    return bool(
        event["verb"] == "watch" and event["stage"] == "ResponseComplete" and event["responseStatus"]["code"] == 200
    )


def _secret_file(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def free_port() -> int:
    """Return a free port of loopback."""
    # From the system's random numbers, because the seed of a test would give the same ports again.
    for port in random.SystemRandom().sample(PORTS, 100):
        with closing(socket.socket()) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"no free port in {PORTS}")
