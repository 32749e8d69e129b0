"""The web configuration in use: read at the start, and again when it or a file that it names has changed.

A new version that cannot be used, or that would protect less than the one in use, leaves everything as it is.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from anyio import to_thread

from exporter.errors import ConfigError
from exporter.web.auth.tls import ServerTls, load_tls
from exporter.web.auth.web_config import parse_web_config, read_limited

CHECK_SECONDS = 5.0
"""How often the files are compared with what was read of them."""

_ATTEMPTS = 3
"""A certificate and its key may be read while they are replaced: what fails is read again if it has changed since."""

_FLAG = "--web-config-file"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WebConfig:
    """What the file says, ready to be used. Without a file: no TLS, no users, no headers."""

    tls: ServerTls | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] | None = field(default=None, repr=False)


class WebConfigFile:
    """The file and its present meaning. `current` may be read by any thread, `check` is for one at a time.

    Attributes:
        is_current: what the files say now is in use; False after a failed reload.
        loaded_at: when what is in use was read, in Unix seconds.
    """

    def __init__(self, path: Path) -> None:
        """Read the file; raises ConfigError if it is not usable."""
        self._path = path
        self._reading = _Reading()
        try:
            self.current = self._load(self._reading)
        except ConfigError as exc:
            raise ConfigError(f"{_FLAG} '{path}': {exc}") from exc
        self.is_current = True
        self.loaded_at = time.time()

    async def watch(self, on_tls_changed: Callable[[], object]) -> None:
        """Check for changes until cancelled; `on_tls_changed` is called on the event loop."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            if await to_thread.run_sync(self.check):
                on_tls_changed()

    def check(self) -> bool:
        """Read the files again if one of them has changed; tell whether TLS is another now."""
        if not self._reading.is_outdated():
            return False
        for _ in range(_ATTEMPTS):
            if self._reload():
                return self.current.tls is not None
            if not self._reading.is_outdated():
                break
        log.error("couldn't reload the web configuration, keeping the last one: %s", self._failure)
        return False

    def _reload(self) -> bool:
        self._reading = _Reading()
        try:
            config = self._load(self._reading)
            _check_protection(self.current, config)
        except ConfigError as exc:
            self.is_current = False
            self._failure = str(exc)
            return False
        self.current = config
        self.is_current = True
        self.loaded_at = time.time()
        log.info("reloaded the web configuration")
        return True

    def _load(self, reading: "_Reading") -> WebConfig:
        settings = parse_web_config(reading.read(self._path, "the file"))
        tls = load_tls(settings.tls, self._path.parent, reading.read) if settings.tls else None
        return WebConfig(tls, settings.headers, settings.users)


class _Reading:
    """Files as they were read together: by their content, as a time of change may be too coarse."""

    def __init__(self) -> None:
        self._digests: dict[Path, bytes | None] = {}

    def read(self, path: Path, what: str) -> bytes:
        """Return a file's content; raises ConfigError."""
        self._digests[path] = None
        content = read_limited(path, what)
        self._digests[path] = _digest(content)
        return content

    def is_outdated(self) -> bool:
        return any(_present(path) != digest for path, digest in self._digests.items())


def _present(path: Path) -> bytes | None:
    try:
        return _digest(read_limited(path, ""))
    except ConfigError:
        return None


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _check_protection(old: WebConfig, new: WebConfig) -> None:
    """Raise ConfigError if a reload would do what only a restart may, as clients and probes have to know of it."""
    if (old.tls is None) != (new.tls is None):
        raise ConfigError("tls_server_config can't be added or removed without a restart")
    if (old.users is None) != (new.users is None):
        raise ConfigError("basic_auth_users can't be added or removed without a restart")
    if old.tls and new.tls and old.tls.verifies_clients and not new.tls.verifies_clients:
        raise ConfigError("tls_server_config.client_auth_type can't be removed without a restart")
