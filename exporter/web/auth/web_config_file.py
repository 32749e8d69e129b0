"""The web configuration in use: read at the start, and again when it or a file that it names has changed.

A new version that cannot be used, or that would protect less than the one in use, leaves everything as it is.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from anyio import to_thread

from exporter.errors import ConfigError
from exporter.system.files import read_file
from exporter.web.auth.tls import ServerTls, load_tls
from exporter.web.auth.web_config import parse_web_config

CHECK_SECONDS = 5.0
"""How often the files are compared with what was read of them."""

_ATTEMPTS = 3
"""A certificate and its key may be read while they are replaced: what fails is read again if it has changed since."""

_FLAG = "--web-config-file"
_MAX_FILE_BYTES = 1024 * 1024

log = logging.getLogger(__name__)


class WebConfig(NamedTuple):
    """What the file says, ready to be used. Without a file: no TLS, no users, no headers."""

    tls: ServerTls | None = None
    headers: Mapping[str, str] = MappingProxyType({})
    users: Mapping[str, str] | None = None

    def __repr__(self) -> str:
        return "WebConfig(…)"


class WebConfigFile:
    """The file and its present meaning. `current` may be read by any thread, `check` is for one at a time.

    Attributes:
        is_current: what the files say now is in use; False after a failed reload.
        loaded_at: when what is in use was read, in Unix seconds.
    """

    def __init__(self, path: Path) -> None:
        """Read the file; raises ConfigError if it is not usable."""
        self._path = path
        # Of the files that were read together, None if one was unreadable; a time of change may be too coarse.
        self._digests: dict[Path, bytes | None] = {}
        try:
            self._use(self._load())
        except ConfigError as exc:
            raise ConfigError(f"{_FLAG} '{path}': {exc}") from exc

    async def watch(self, on_tls_changed: Callable[[], object]) -> None:
        """Check for changes until cancelled; `on_tls_changed` is called on the event loop."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            if await to_thread.run_sync(self.check):
                on_tls_changed()

    def check(self) -> bool:
        """Read the files again if one of them has changed; return whether TLS is another now."""
        if not self._is_outdated():
            return False
        for _ in range(_ATTEMPTS):
            try:
                config = self._load()
                _check_protection(self.current, config)
            except ConfigError as exc:
                self.is_current, failure = False, str(exc)
                if not self._is_outdated():
                    break
            else:
                self._use(config)
                log.info("reloaded the web configuration")
                return self.current.tls is not None
        log.error("couldn't reload the web configuration, keeping the last one: %s", failure)
        return False

    def _use(self, config: WebConfig) -> None:
        self.current = config
        self.is_current = True
        self.loaded_at = time.time()

    def _load(self) -> WebConfig:
        self._digests = {}
        settings = parse_web_config(self._read(self._path, "the file"))
        tls = load_tls(settings.tls, self._path.parent, self._read) if settings.tls else None
        return WebConfig(tls, settings.headers, settings.users)

    def _read(self, path: Path, what: str) -> bytes:
        self._digests[path] = None
        content = read_limited(path, what)
        self._digests[path] = hashlib.sha256(content).digest()
        return content

    def _is_outdated(self) -> bool:
        return any(_digest(path) != digest for path, digest in self._digests.items())


def read_limited(path: Path, what: str) -> bytes:
    """Return a small file's content; raises ConfigError that names the key it is from, the path and the reason."""
    try:
        return read_file(path, _MAX_FILE_BYTES)
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else str(exc)
        raise ConfigError(f"{what}: couldn't read '{path}': {reason}") from exc


def _digest(path: Path) -> bytes | None:
    try:
        return hashlib.sha256(read_limited(path, "")).digest()
    except ConfigError:
        return None


def _check_protection(old: WebConfig, new: WebConfig) -> None:
    """Raise ConfigError if a reload would do what only a restart may, as clients and probes have to know of it."""
    if (old.tls is None) != (new.tls is None):
        raise ConfigError("tls_server_config can't be added or removed without a restart")
    if (old.users is None) != (new.users is None):
        raise ConfigError("basic_auth_users can't be added or removed without a restart")
    if old.tls and new.tls and old.tls.verifies_clients and not new.tls.verifies_clients:
        raise ConfigError("tls_server_config.client_auth_type can't be removed without a restart")
