"""Kubeconfig files: read, merged and checked as kubectl does it.

Several files count as one: of entries with the same name the first wins, and so does the first current-context.
Relative paths start from the folder of the file that they stand in. What the exporter cannot do is refused by name.
No message contains a value that may be secret, as those of PyYAML would.
"""

import binascii
import os
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
import yaml
from msgspec import Struct

from exporter.errors import ConfigError
from exporter.kube.files import FileReader

T = TypeVar("T")

EXEC_EXTENSION = "client.authentication.k8s.io/exec"
"""The extension of a cluster that is passed to an exec plugin."""


class Extension(Struct):
    """An extension of a cluster; only the one for exec plugins is used."""

    name: str
    extension: Any = None


class Cluster(Struct, rename="kebab"):
    """`clusters[].cluster`: where the API server is, and what it is trusted by."""

    server: str = ""
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    proxy_url: str = ""
    disable_compression: bool = False
    extensions: list[Extension] = []

    @property
    def exec_config(self) -> Any:
        return next((one.extension for one in self.extensions if one.name == EXEC_EXTENSION), None)


class ExecVariable(Struct):
    """An environment variable of an exec plugin."""

    name: str = ""
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


class AuthProvider(Struct):
    """`users[].user.auth-provider`, which is refused by its name."""

    name: str = ""


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
    auth_provider: AuthProvider | None = None
    exec: Exec | None = None


class Context(Struct):
    """`contexts[].context`: the names of a cluster and of a user."""

    cluster: str = ""
    user: str = ""


class _NamedCluster(Struct):
    name: str
    cluster: Cluster = msgspec.field(default_factory=Cluster)


class _NamedUser(Struct):
    name: str
    user: User = msgspec.field(default_factory=User)


class _NamedContext(Struct):
    name: str
    context: Context = msgspec.field(default_factory=Context)


class _File(Struct, rename="kebab"):
    api_version: str = msgspec.field(default="v1", name="apiVersion")
    kind: str = "Config"
    current_context: str = ""
    clusters: list[_NamedCluster] = []
    users: list[_NamedUser] = []
    contexts: list[_NamedContext] = []


@dataclass(frozen=True)
class Entry(Generic[T]):
    """A cluster, user or context, and the folder that its relative paths start from."""

    value: T
    folder: Path = Path()


@dataclass
class Kubeconfig:
    """What some files say together."""

    current_context: str = ""
    clusters: dict[str, Entry[Cluster]] = field(default_factory=dict)
    users: dict[str, Entry[User]] = field(default_factory=dict)
    contexts: dict[str, Entry[Context]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not (self.current_context or self.clusters or self.users or self.contexts)

    def select(self, context: str | None) -> tuple[str, Entry[Cluster], Entry[User]]:
        """Return name, cluster and user of a context, the current one if None; without a user an empty one.

        Raises:
            ConfigError: the context, or what it names, is not there.
        """
        name = context or self.current_context
        if not name:
            raise ConfigError("no current-context; name one with --context")
        if name not in self.contexts:
            raise ConfigError(f"no context '{name}'; there {_list_of(self.contexts)}")
        chosen = self.contexts[name].value
        if not chosen.cluster:
            raise ConfigError(f"context '{name}' names no cluster")
        if chosen.cluster not in self.clusters:
            raise ConfigError(f"no cluster '{chosen.cluster}', which context '{name}' names")
        if chosen.user and chosen.user not in self.users:
            raise ConfigError(f"no user '{chosen.user}', whom context '{name}' names")
        # A context may name no user: kubectl is anonymous then, too.
        user = self.users[chosen.user] if chosen.user else Entry(User())
        return name, self.clusters[chosen.cluster], user


def load(paths: Iterable[Path], files: FileReader, what: str = "kubeconfig") -> Kubeconfig:
    """Read and merge files; those that do not exist or are empty count as nothing. Messages begin with `what`.

    Raises:
        ConfigError: a file cannot be read, or is not a kubeconfig.
    """
    merged = Kubeconfig()
    for path in paths:
        try:
            raw = files.read(path)
        except FileNotFoundError:
            continue
        except OSError as exc:
            raise ConfigError(f"{what} '{path}': {exc.strerror}") from exc
        try:
            _merge(merged, _decode(raw), path)
        except ConfigError as exc:
            raise ConfigError(f"{what} '{path}': {exc}") from exc
    return merged


def decode_data(value: str, key: str) -> bytes:
    """Return what a `…-data` key holds in base64."""
    try:
        return b64decode(value.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError(f"{key} is not base64") from None


class _Loader(yaml.SafeLoader):
    """YAML without timestamps: Kubernetes' reader takes them as text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's name for it
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _decode(raw: bytes) -> _File:
    try:
        # Of several documents the first counts.
        document = next(yaml.load_all(raw, _Loader), None)
        file = msgspec.convert(_without_nulls(document or {}), _File)
    except yaml.MarkedYAMLError as exc:
        # PyYAML's own words quote the line.
        mark = exc.problem_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(f"not YAML{where}") from None
    except msgspec.ValidationError as exc:
        raise ConfigError(f"not a kubeconfig: {exc}") from exc
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        raise ConfigError("not YAML") from None
    if (file.api_version, file.kind) != ("v1", "Config"):
        raise ConfigError("not a kubeconfig (must be of apiVersion v1, kind Config)")
    return file


def _without_nulls(value: Any) -> Any:
    """Return YAML's value without keys that are null: they count as absent."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value if item is not None]
    return value


def _merge(merged: Kubeconfig, file: _File, path: Path) -> None:
    folder = Path(os.path.abspath(path)).parent  # noqa: PTH100 - as kubectl: links are not followed
    merged.current_context = merged.current_context or file.current_context
    for named, own, kind in (
        ([(one.name, one.cluster) for one in file.clusters], merged.clusters, "cluster"),
        ([(one.name, one.user) for one in file.users], merged.users, "user"),
        ([(one.name, one.context) for one in file.contexts], merged.contexts, "context"),
    ):
        entries: dict[str, Any] = {}
        for name, value in named:
            if name in entries:
                raise ConfigError(f"two entries for {kind} '{name}'")
            entries[name] = Entry(value, folder)
        _add_missing(own, entries)


def _add_missing(own: dict[str, Any], entries: Mapping[str, Any]) -> None:
    for name, entry in entries.items():
        own.setdefault(name, entry)


def _list_of(contexts: Mapping[str, object]) -> str:
    return "are " + ", ".join(f"'{name}'" for name in sorted(contexts)) if contexts else "are none"
