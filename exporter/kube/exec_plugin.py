"""Credentials from an exec plugin, run as client-go runs it (client.authentication.k8s.io/v1 and v1beta1).

The plugin runs when its last credentials have expired or were refused, one run at a time, for 30 s at most, without
standard input. If it fails nothing is sent: a request without credentials would be answered as an anonymous user's,
and hide what is wrong.
"""

import logging
import os
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from exporter.errors import ConfigError, ConnectError
from exporter.kube import headers, programs, tls
from exporter.kube.credentials import Credential

TIMEOUT_SECONDS = 30.0
"""A plugin that waits for a person, or for a network that is not there, would hold the exporter for ever."""

FAILURE_SECONDS = 1.0
"""How long a failure or a refusal counts for all who ask: many namespaces would run the plugin all the time."""

API_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_MAX_STDERR_CHARACTERS = 400

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plugin:
    """A program that prints credentials, and how to run it. `info` is what KUBERNETES_EXEC_INFO says."""

    command: str
    arguments: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = field(repr=False)
    api_version: str
    install_hint: str
    info: str = field(repr=False)


class _Status(Struct, rename="camel"):
    token: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None
    expiration_timestamp: Annotated[datetime, Meta(tz=True)] | None = None


class _ExecCredential(Struct, rename="camel"):
    api_version: str = ""
    kind: str = ""
    status: _Status | None = None


class PluginCredentials:
    """What a plugin printed last. Any thread may call; the others wait while one runs the plugin."""

    def __init__(
        self, plugin: Plugin, timeout_seconds: float = TIMEOUT_SECONDS, failure_seconds: float = FAILURE_SECONDS
    ) -> None:
        self._plugin = plugin
        self._timeout_seconds = timeout_seconds
        self._failure_seconds = failure_seconds
        # Guards all below, and is held while the plugin runs.
        self._lock = threading.Lock()
        self._runs = 0
        self._credential: Credential | None = None
        self._expires_at: datetime | None = None
        self._failure: ConnectError | None = None
        self._failed_at = 0.0
        self._refused: Credential | None = None
        self._refused_at = 0.0
        self._is_stderr_reported = False

    def get(self) -> Credential:
        """Return valid credentials, from the plugin if need be.

        Raises:
            ConnectError: the plugin gave none.
        """
        runs = self._runs
        with self._lock:
            # Whoever waited for a run takes its result, be it a failure: or each thread would wait 30 s in turn.
            is_recent = time.monotonic() - self._failed_at < self._failure_seconds
            if self._failure and (is_recent or self._runs != runs):
                raise ConnectError(str(self._failure))
            if self._credential and (self._expires_at is None or datetime.now(UTC) < self._expires_at):
                return self._credential
            return self._renew()

    def refuse(self, refused: Credential) -> None:
        """Forget credentials that the server has refused, unless there are other ones already."""
        with self._lock:
            # It printed the same again after the last refusal: no run for each of many namespaces.
            is_known = refused == self._refused and time.monotonic() - self._refused_at < self._failure_seconds
            if self._credential == refused and not is_known:
                self._credential = None
                self._refused, self._refused_at = refused, time.monotonic()

    def _renew(self) -> Credential:
        self._credential = None
        try:
            outcome = self._run()
            self._credential, self._expires_at = self._decode_outcome(outcome)
        except ConnectError as exc:
            self._failure, self._failed_at = exc, time.monotonic()
            raise
        else:
            self._failure = None
            self._is_stderr_reported = False
            return self._credential
        finally:
            self._runs += 1

    def _run(self) -> programs.Outcome:
        plugin = self._plugin
        environment = {**os.environ, **dict(plugin.environment), "KUBERNETES_EXEC_INFO": plugin.info}
        try:
            return programs.run([plugin.command, *plugin.arguments], environment, self._timeout_seconds)
        except (OSError, ValueError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "a null character in its arguments or environment"
            hint = f" ({' '.join(plugin.install_hint.split())})" if plugin.install_hint else ""
            raise self._error(f"couldn't be run: {reason}{hint}") from exc

    def _decode_outcome(self, outcome: programs.Outcome) -> tuple[Credential, datetime | None]:
        try:
            self._check_end(outcome)
            return self._decode(outcome.stdout)
        except ConnectError:
            self._report_stderr(outcome)
            raise

    def _check_end(self, outcome: programs.Outcome) -> None:
        if not outcome.has_ended and max(len(outcome.stdout), len(outcome.stderr)) >= programs.MAX_OUTPUT_BYTES:
            raise self._error(f"printed more than {programs.MAX_OUTPUT_BYTES} bytes and was killed")
        if not outcome.has_ended:
            raise self._error(f"did not end within {self._timeout_seconds:g} s and was killed")
        if outcome.code:
            ended = f"exit code {outcome.code}" if outcome.code > 0 else f"signal {-outcome.code}"
            raise self._error(f"failed with {ended}")

    def _decode(self, stdout: bytes) -> tuple[Credential, datetime | None]:
        try:
            printed = msgspec.json.decode(stdout, type=_ExecCredential)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            # No reason: it might quote what was printed.
            raise self._error("didn't print an ExecCredential as JSON") from exc
        if (printed.api_version, printed.kind) != (self._plugin.api_version, "ExecCredential"):
            raise self._error(f"didn't print an ExecCredential of {self._plugin.api_version}")
        status = printed.status or _Status()
        certificate, key = status.client_certificate_data or "", status.client_key_data or ""
        if not (status.token or certificate or key):
            raise self._error("printed neither a token nor a client certificate")
        if bool(certificate) != bool(key):
            raise self._error("printed a client certificate or its key, but not both")
        return self._checked(status.token or "", f"{certificate}\n{key}" if certificate else ""), (
            status.expiration_timestamp
        )

    def _checked(self, token: str, certificate: str) -> Credential:
        what = f"exec plugin '{self._plugin.command}'"
        pem = certificate.encode()
        try:
            if pem:
                tls.load_client_certificate(tls.unverifying_context(), pem, what)
            authorization = headers.bearer(token, f"the token of {what}") if token else ""
        except ConfigError as exc:
            raise ConnectError(f"couldn't get credentials: {exc}") from exc
        return Credential(authorization, pem)

    def _error(self, reason: str) -> ConnectError:
        return ConnectError(f"couldn't get credentials: exec plugin '{self._plugin.command}' {reason}")

    def _report_stderr(self, outcome: programs.Outcome) -> None:
        """Log what a failed plugin wrote, once until it succeeds: it may have a time in it, and is never the same."""
        text = " ".join(outcome.stderr.decode("utf-8", "replace").split())
        if not text or self._is_stderr_reported:
            return
        self._is_stderr_reported = True
        # Whatever is long on standard output may be a token, and a wrapper may repeat it.
        secrets = re.findall(r"[^\s\"',:{}]{16,}", outcome.stdout.decode("utf-8", "replace"))
        secrets += [value for _, value in self._plugin.environment]
        text = headers.redact(text, secrets)
        shown = text if len(text) <= _MAX_STDERR_CHARACTERS else f"…{text[-_MAX_STDERR_CHARACTERS:]}"
        log.warning("exec plugin '%s' wrote on standard error: %s", self._plugin.command, shown)


def exec_info(api_version: str, cluster: Mapping[str, Any] | None) -> str:
    """Return the value of KUBERNETES_EXEC_INFO; with a cluster if the plugin asked for it."""
    spec: dict[str, Any] = {"interactive": False} | ({"cluster": cluster} if cluster is not None else {})
    return msgspec.json.encode({"kind": "ExecCredential", "apiVersion": api_version, "spec": spec}).decode()
