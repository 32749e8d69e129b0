"""Credentials from an exec plugin, run as client-go runs it (client.authentication.k8s.io/v1 and v1beta1).

The plugin runs when its last credentials have expired or were refused, one run at a time, for 30 s at most, without
standard input. If it fails nothing is sent: a request without credentials would be answered as an anonymous user's,
and hide what is wrong. The client's own `ExecProvider` runs it when the kubeconfig is read, waits for ever, and goes on
anonymously (docs/upstream.md); it renews tokens, but no certificates (kubernetes-client/python#741).
"""

import atexit
import logging
import os
import re
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from exporter.errors import ConfigError, ConnectError
from exporter.kube.client import headers
from exporter.kube.client.access import Credential, load_client_certificate, unverifying_context
from exporter.kube.client.kubeconfig import Exec

TIMEOUT_SECONDS = 30.0
"""A plugin that waits for a person, or for a network that is not there, would hold the exporter for ever."""

MAX_OUTPUT_BYTES = 1024 * 1024

FAILURE_SECONDS = 1.0
"""How long a failure or a refusal counts for all who ask: many namespaces would run the plugin all the time."""

API_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
INTERACTIVE_MODES = ("Never", "IfAvailable")
_MAX_STDERR_CHARACTERS = 400

log = logging.getLogger(__name__)


class _Status(Struct, rename="camel"):
    token: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None
    expiration_timestamp: Annotated[datetime, Meta(tz=True)] | None = None


class _ExecCredential(Struct, rename="camel"):
    api_version: str = ""
    kind: str = ""
    status: _Status | None = None


class Plugin:
    """A program that prints credentials, and what it printed last. Any thread may call; others wait while it runs."""

    def __init__(
        self, given: Exec, folder: Path, cluster: Mapping[str, Any], timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        """Raises ConfigError for what is wrong or not supported; runs nothing yet."""
        if not given.command:
            raise ConfigError("exec without a command")
        # Version v1beta1 came before the key. Always is not supported: nobody is there to answer.
        mode = given.interactive_mode or ("IfAvailable" if given.api_version.endswith("v1beta1") else "")
        for key, value, supported in (
            ("apiVersion", given.api_version, API_VERSIONS),
            ("interactiveMode", mode, INTERACTIVE_MODES),
        ):
            if value not in supported:
                raise ConfigError(f"exec's {key} '{value}' is not supported (must be {' or '.join(supported)})")
        spec = {"interactive": False} | ({"cluster": cluster} if given.provide_cluster_info else {})
        info = {"kind": "ExecCredential", "apiVersion": given.api_version, "spec": spec}
        self.key = (given, folder, msgspec.json.encode(cluster))
        self._given = given
        # A command with a slash is a path, and starts from the file's folder like all others.
        self._command = str(folder / given.command) if "/" in given.command else given.command
        self._environment = {variable.name: variable.value for variable in given.env}
        self._info = msgspec.json.encode(info).decode()
        self._timeout_seconds = timeout_seconds
        self._pause_seconds = FAILURE_SECONDS
        # Guards all below, and is held while the plugin runs.
        self._lock = threading.Lock()
        self._credential: Credential | None = None
        self._expires_at: datetime | None = None
        self._failure: ConnectError | None = None
        self._failed_at = 0.0
        self._refused: Credential | None = None
        self._refused_at = 0.0
        self._is_stderr_reported = False

    def get(self) -> Credential:
        """Return valid credentials, from the plugin if need be; raises ConnectError if it gives none."""
        with self._lock:
            # Whoever waited for a failing run takes its failure: or each thread would wait 30 s in turn.
            if self._failure and time.monotonic() - self._failed_at < self._pause_seconds:
                raise ConnectError(str(self._failure))
            if self._credential and not (self._expires_at and datetime.now(UTC) >= self._expires_at):
                return self._credential
            return self._renew()

    def refuse(self, refused: Credential) -> None:
        """Forget credentials that the server has refused, unless there are other ones already."""
        with self._lock:
            # It printed the same again after the last refusal: no run for each of many namespaces.
            is_known = refused == self._refused and time.monotonic() - self._refused_at < self._pause_seconds
            if self._credential == refused and not is_known:
                self._credential = None
                self._refused, self._refused_at = refused, time.monotonic()

    def _renew(self) -> Credential:
        self._credential = None
        stdout = stderr = b""
        try:
            code, stdout, stderr = self._run()
            if code:
                raise self._error(f"failed with {f'exit code {code}' if code > 0 else f'signal {-code}'}")
            credential, self._expires_at = self._decode(stdout)
        except ConnectError as exc:
            self._failure, self._failed_at = exc, time.monotonic()
            self._report_stderr(stderr, stdout)
            raise
        self._failure, self._is_stderr_reported, self._credential = None, False, credential
        return credential

    def _run(self) -> tuple[int, bytes, bytes]:
        """Run the program, and kill it, and what it has started, after its time or with the exporter."""
        try:
            # In a group of its own.
            process = subprocess.Popen(  # noqa: S603 - what the user's kubeconfig says
                [self._command, *self._given.args],
                env={**os.environ, **self._environment, "KUBERNETES_EXEC_INFO": self._info},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "a null character in its arguments or environment"
            hint = f" ({' '.join(self._given.install_hint.split())})" if self._given.install_hint else ""
            raise self._error(f"couldn't be run: {reason}{hint}") from exc

        def kill() -> None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)

        with process:
            atexit.register(kill)
            try:
                return self._wait(process, time.monotonic() + self._timeout_seconds)
            except ConnectError:
                kill()
                raise
            finally:
                atexit.unregister(kill)

    def _wait(self, process: "subprocess.Popen[bytes]", deadline: float) -> tuple[int, bytes, bytes]:
        """Return exit code and outputs; raises ConnectError if they are not there in time, or too long."""
        outputs: dict[Any, bytes] = {process.stdout: b"", process.stderr: b""}
        with selectors.DefaultSelector() as selector:
            for pipe in outputs:
                selector.register(pipe, selectors.EVENT_READ)
            while selector.get_map() and time.monotonic() < deadline:
                for key, _ in selector.select(deadline - time.monotonic()):
                    data = os.read(key.fd, MAX_OUTPUT_BYTES)
                    outputs[key.fileobj] += data
                    if not data:
                        selector.unregister(key.fileobj)
                if any(len(output) > MAX_OUTPUT_BYTES for output in outputs.values()):
                    raise self._error(f"printed more than {MAX_OUTPUT_BYTES} bytes and was killed")
        stdout, stderr = outputs.values()
        try:
            return process.wait(max(0.0, deadline - time.monotonic())), stdout, stderr
        except subprocess.TimeoutExpired as exc:
            raise self._error(f"did not end within {self._timeout_seconds:g} s and was killed") from exc

    def _decode(self, stdout: bytes) -> tuple[Credential, datetime | None]:
        try:
            printed = msgspec.json.decode(stdout, type=_ExecCredential)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            # No reason: it might quote what was printed.
            raise self._error("didn't print an ExecCredential as JSON") from exc
        if (printed.api_version, printed.kind) != (self._given.api_version, "ExecCredential"):
            raise self._error(f"didn't print an ExecCredential of {self._given.api_version}")
        status, authorization, pem = printed.status or _Status(), "", b""
        certificate, key = status.client_certificate_data, status.client_key_data
        if not (status.token or certificate or key):
            raise self._error("printed neither a token nor a client certificate")
        if bool(certificate) != bool(key):
            raise self._error("printed a client certificate or its key, but not both")
        what = f"exec plugin '{self._command}'"
        try:
            if certificate:
                pem = f"{certificate}\n{key}".encode()
                load_client_certificate(unverifying_context(), pem, what)
            if status.token:
                authorization = headers.bearer(status.token, f"the token of {what}")
        except ConfigError as exc:
            raise ConnectError(f"couldn't get credentials: {exc}") from exc
        return Credential(authorization, pem), status.expiration_timestamp

    def _error(self, reason: str) -> ConnectError:
        return ConnectError(f"couldn't get credentials: exec plugin '{self._command}' {reason}")

    def _report_stderr(self, stderr: bytes, stdout: bytes) -> None:
        """Log what a failed plugin wrote, once until it succeeds: it may have a time in it, and is never the same."""
        text = " ".join(stderr.decode("utf-8", "replace").split())
        if not text or self._is_stderr_reported:
            return
        self._is_stderr_reported = True
        # Whatever is long on standard output may be a token, and a wrapper may repeat it.
        secrets = re.findall(r"[^\s\"',:{}]{16,}", stdout.decode("utf-8", "replace"))
        text = headers.redact(text, [*secrets, *self._environment.values()])
        shown = text if len(text) <= _MAX_STDERR_CHARACTERS else f"…{text[-_MAX_STDERR_CHARACTERS:]}"
        log.warning("exec plugin '%s' wrote on standard error: %s", self._command, shown)
