"""Access to `--metrics-addr`: by the web configuration, or by decisions of the API server.

The start fails if a file cannot be read, or if one setting would make another one ineffective.
"""

import logging
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from starlette.types import ASGIApp

from exporter.config import Config
from exporter.errors import ConfigError
from exporter.kube.client.api_transport import ApiTransport
from exporter.kube.client.reviews import ApiReviewer
from exporter.telemetry import ComputedMetrics
from exporter.web.answers import with_headers
from exporter.web.application import with_authentication
from exporter.web.auth.basic_auth import BasicAuth
from exporter.web.auth.tls import ServerTls
from exporter.web.auth.token_auth import TokenAuth
from exporter.web.auth.web_config_file import WebConfig, WebConfigFile

log = logging.getLogger(__name__)


class Protection:
    """The protection of one listener. `protect` before the start; the rest is for the event loop's thread."""

    def __init__(self, config: Config, transport: ApiTransport) -> None:
        """Read the web configuration; raises ConfigError."""
        self._file = WebConfigFile(config.web_config_file) if config.web_config_file is not None else None
        self._authenticate = self._authentication(config, transport)
        if self._authenticate is not None and self.tls() is None:
            log.warning("passwords and tokens of clients are sent without encryption: set tls_server_config")

    @property
    def is_restricted(self) -> bool:
        """Clients need a password, a token or a certificate."""
        tls = self.tls()
        return self._authenticate is not None or (tls is not None and tls.verifies_clients)

    def tls(self) -> ServerTls | None:
        """Return what new connections use at the moment, None for plain HTTP."""
        return self._config.tls

    def protect(self, application: ASGIApp) -> ASGIApp:
        """Return the application behind the filter, with the headers of all answers."""
        if self._authenticate is not None:
            application = with_authentication(application, self._authenticate)
        return with_headers(application, lambda: self._config.headers)

    def register_metrics(self, registry: CollectorRegistry) -> None:
        if (file := self._file) is not None:
            registry.register(ComputedMetrics(lambda: reload_metrics(file.is_current, file.loaded_at)))
        if (authentication := self._authenticate) is not None:
            registry.register(ComputedMetrics(lambda: authentication_metrics(authentication.turns.refused)))

    async def watch(self, on_tls_changed: Callable[[], object]) -> None:
        """Use changed files until cancelled."""
        if self._file is not None:
            await self._file.watch(on_tls_changed)

    @property
    def _config(self) -> WebConfig:
        return self._file.current if self._file is not None else WebConfig()

    def _authentication(self, config: Config, transport: ApiTransport) -> TokenAuth | BasicAuth | None:
        auth, users, tls = config.metrics_auth, self._config.users, self.tls()
        if auth.is_on and users is not None:
            raise ConfigError("--metrics-auth kubernetes and basic_auth_users exclude each other: use one")
        if auth.accepts_certificates and not (tls and tls.verifies_clients):
            raise ConfigError(
                "--metrics-auth-client-certificates needs a client_auth_type that verifies certificates "
                "in the file of --web-config-file"
            )
        if auth.is_on:
            return TokenAuth(
                ApiReviewer(transport, auth.audiences),
                cache_seconds=auth.cache_seconds,
                accepts_certificates=auth.accepts_certificates,
            )
        return BasicAuth(lambda: self._config.users or {}) if users is not None else None


def reload_metrics(is_current: bool, loaded_at: float) -> Iterator[Metric]:
    """Yield whether the web configuration in use is the one in the files, and when it was read (Unix seconds)."""
    yield GaugeMetricFamily(
        "kuberay_exporter_web_config_last_reload_successful",
        "Whether the last reload of the web configuration succeeded: 1 if it did, otherwise 0.",
        is_current,
    )
    yield GaugeMetricFamily(
        "kuberay_exporter_web_config_last_reload_success_timestamp_seconds",
        "Time at which the web configuration in use was read, in Unix seconds.",
        loaded_at,
    )


def authentication_metrics(refused: int) -> Iterator[Metric]:
    """Yield how many requests were refused before their credentials were checked."""
    yield CounterMetricFamily(
        "kuberay_exporter_authentications_refused",
        "Number of requests that were answered 503 because too many passwords or tokens were waiting to be checked.",
        refused,
    )
