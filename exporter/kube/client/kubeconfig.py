"""Kubeconfig files, merged as kubectl does it and decoded strictly. No message contains a value that may be secret.

The `kubernetes` client's own loader takes what it does not expect for absent or for true: a user that is not there
(kubernetes-client/python#2180), a quoted `false` (docs/upstream.md). It reads files of any size, and compares each
entry with all others.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import msgspec
import yaml
from msgspec import Struct

from exporter.errors import ConfigError
from exporter.system.files import MAX_SETTINGS, check_yaml, read_file

T = TypeVar("T")


class Context(Struct):
    """`contexts[].context`: the names of a cluster and of a user."""

    cluster: str = ""
    user: str = ""


class Cluster(Struct, rename="kebab"):
    """`clusters[].cluster`: where the API server is, and what it is trusted by."""

    server: str = ""
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    proxy_url: str = ""
    disable_compression: bool = False
    extensions: list[dict[str, Any]] = []


class ExecVariable(Struct):
    """An environment variable of an exec plugin."""

    name: str
    value: str = ""


class Exec(Struct, rename="camel"):
    """`users[].user.exec`: a program that returns credentials."""

    command: str = ""
    args: list[str] = []
    env: list[ExecVariable] = []
    api_version: str = ""
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = ""


class User(Struct, rename="kebab"):
    """`users[].user`: who the exporter is. What contradicts each other is refused later."""

    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")
    as_user: str = msgspec.field(default="", name="as")
    as_uid: str = ""
    as_groups: list[str] = []
    as_user_extra: dict[str, list[str]] = {}
    username: str = ""
    password: str = ""
    auth_provider: dict[str, Any] | None = None
    exec: Exec | None = None


class _Entry(Struct):
    name: str
    context: Any = None
    cluster: Any = None
    user: Any = None


class _File(Struct):
    api_version: Literal["v1", ""] | None = msgspec.field(default=None, name="apiVersion")
    kind: Literal["Config", ""] | None = None
    current_context: Any = msgspec.field(default=None, name="current-context")
    contexts: list[_Entry] | None = None
    clusters: list[_Entry] | None = None
    users: list[_Entry] | None = None


@dataclass(frozen=True)
class NamedEntry(Generic[T]):
    """A cluster, user or context, and the folder that its relative paths start from."""

    value: T
    folder: Path = Path()


class Kubeconfig:
    """Several files as one: empty ones are nothing; the first entry of a name and the first current-context count."""

    def __init__(self, paths: Iterable[Path], what: str = "kubeconfig") -> None:
        """Raises ConfigError for a file that cannot be read, or is no kubeconfig; messages begin with `what`."""
        self.current_context: Any = None
        self._entries: dict[str, dict[str, NamedEntry[Any]]] = {"context": {}, "cluster": {}, "user": {}}
        for path in paths:
            try:
                self._merge(_decode(read_file(path)), Path(os.path.abspath(path)).parent)  # noqa: PTH100 - links are not followed
            except FileNotFoundError:
                continue
            except OSError as exc:
                raise ConfigError(f"{what} '{path}': {exc.strerror}") from exc
            except ConfigError as exc:
                raise ConfigError(f"{what} '{path}': {exc}") from exc

    @property
    def is_empty(self) -> bool:
        return not (self.current_context or any(self._entries.values()))

    def select(self, name: str | None) -> tuple[str, NamedEntry[Cluster], NamedEntry[User]]:
        """Return name, cluster and user (empty without one) of a context, the current one if None.

        Raises ConfigError if the context, or what it names, is not there or not of the right type.
        """
        name = name or self.current_context
        if not name or not isinstance(name, str):
            raise ConfigError("no current-context; name one with --context")
        context = self._entry("context", name, Context).value
        if not context.cluster:
            raise ConfigError(f"context '{name}' names no cluster")
        # A context may name no user: kubectl is anonymous then, too.
        user = self._entry("user", context.user, User) if context.user else NamedEntry(User())
        return name, self._entry("cluster", context.cluster, Cluster), user

    def _merge(self, file: _File, folder: Path) -> None:
        self.current_context = self.current_context or file.current_context
        for kind, entries in self._entries.items():
            own: dict[str, NamedEntry[Any]] = {}
            for entry in getattr(file, f"{kind}s") or ():
                if entry.name in own:
                    raise ConfigError(f"two entries for {kind} '{entry.name}'")
                own[entry.name] = NamedEntry(getattr(entry, kind), folder)
            self._entries[kind] = {**entries, **{name: own[name] for name in own if name not in entries}}

    def _entry(self, kind: str, name: str, type_: type[T]) -> NamedEntry[T]:
        entries = self._entries[kind]
        if name not in entries:
            others = ", ".join(f"'{other}'" for other in entries)
            raise ConfigError(f"no {kind} '{name}'; there {'are ' + others if others else 'are none'}")
        try:
            value = msgspec.convert(_without_nulls(entries[name].value or {}), type_)
        except (msgspec.ValidationError, RecursionError) as exc:
            raise ConfigError(f"not a kubeconfig: {kind} '{name}': {exc}") from exc
        return NamedEntry(value, entries[name].folder)


def _decode(data: bytes, loader: Any = yaml.CSafeLoader) -> _File:
    try:
        check_yaml(data, loader, MAX_SETTINGS)
        return msgspec.convert(loader(data).get_single_data(), _File | None) or _File()
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        mark = getattr(exc, "problem_mark", None)
        if mark and loader is yaml.CSafeLoader:
            # The slow one says better where it is.
            return _decode(data, yaml.SafeLoader)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(f"not YAML{where}") from None
    except msgspec.ValidationError as exc:
        raise ConfigError(f"not a kubeconfig: {exc}") from None
    except (ValueError, TypeError, RecursionError):
        raise ConfigError("not a kubeconfig") from None


def _without_nulls(value: Any) -> Any:
    """Return YAML's value without keys that are null: they count as absent."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value if item is not None]
    return value
