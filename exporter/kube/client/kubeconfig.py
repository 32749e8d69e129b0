"""Kubeconfig files, merged by the `kubernetes` client, and decoded strictly.

The client's own loader takes what it does not expect for absent or for true: a user that is not there
(kubernetes-client/python#2180), a quoted `false` (docs/upstream.md). Its merger is used, which knows of each entry
where its relative paths start from. No message contains a value that may be secret, as those of PyYAML and of the
client would.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import msgspec
import yaml
from kubernetes.config.kube_config import ConfigNode, KubeConfigMerger
from msgspec import Struct

from exporter.errors import ConfigError
from exporter.system.files import check_yaml, read_file

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


class _Named(Struct):
    name: str


class _File(Struct, rename="camel"):
    """What the client takes for granted."""

    api_version: Literal["v1", ""] | None = None
    kind: Literal["Config", ""] | None = None
    contexts: list[_Named] | None = None
    clusters: list[_Named] | None = None
    users: list[_Named] | None = None

    def check(self) -> None:
        """Raise ConfigError if two entries have the same name, of which the client would take the first."""
        for kind, entries in (("context", self.contexts), ("cluster", self.clusters), ("user", self.users)):
            names = [entry.name for entry in entries or ()]
            if twice := {name for name in names if names.count(name) > 1}:
                raise ConfigError(f"two entries for {kind} '{min(twice)}'")


@dataclass(frozen=True)
class NamedEntry(Generic[T]):
    """A cluster, user or context, and the folder that its relative paths start from."""

    value: T
    folder: Path = Path()


class Kubeconfig(KubeConfigMerger):
    """Several files as one: empty ones are nothing, and the first current-context counts, as for kubectl."""

    def __init__(self, paths: Iterable[Path], what: str = "kubeconfig") -> None:
        """Raises ConfigError for a file that cannot be read, or is no kubeconfig; messages begin with `what`."""
        # One by one: the client splits a text at each colon, and a path may have one.
        super().__init__("")  # type: ignore[no-untyped-call]
        for path in paths:
            try:
                self.load_config(str(path))
            except FileNotFoundError:
                continue
            except OSError as exc:
                raise ConfigError(f"{what} '{path}': {exc.strerror}") from exc
            except ConfigError as exc:
                raise ConfigError(f"{what} '{path}': {exc}") from exc

    @property
    def is_empty(self) -> bool:
        return not any(map(self._get, ("current-context", "contexts", "clusters", "users")))

    def load_config(self, path: str) -> None:
        """Merge a file; no message contains a value of it."""
        data = read_file(path)
        try:
            check_yaml(data)
            config = yaml.load(data, yaml.CSafeLoader)
            if config is None:
                return
            msgspec.convert(config, _File).check()
        except (yaml.YAMLError, UnicodeDecodeError) as exc:
            mark = getattr(exc, "problem_mark", None)
            where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
            raise ConfigError(f"not YAML{where}") from None
        except msgspec.ValidationError as exc:
            raise ConfigError(f"not a kubeconfig: {exc}") from None
        except (ValueError, TypeError, RecursionError):
            raise ConfigError("not a kubeconfig") from None
        if self.config_merged is None:
            self.config_merged = ConfigNode(path, {"clusters": [], "contexts": [], "users": []}, path)
        merged = self.config_merged.value
        for item in ("clusters", "contexts", "users"):
            self._merge(item, config.get(item) or [], path)  # type: ignore[no-untyped-call]
        merged["current-context"] = merged.get("current-context") or config.get("current-context")

    def select(self, name: str | None) -> tuple[str, NamedEntry[Cluster], NamedEntry[User]]:
        """Return name, cluster and user of a context, the current one if None; without a user an empty one.

        Raises:
            ConfigError: the context, or what it names, is not there or not of the right type.
        """
        name = name or self._get("current-context")
        if not name or not isinstance(name, str):
            raise ConfigError("no current-context; name one with --context")
        context = self._entry("context", name, Context).value
        if not context.cluster:
            raise ConfigError(f"context '{name}' names no cluster")
        # A context may name no user: kubectl is anonymous then, too.
        user = self._entry("user", context.user, User) if context.user else NamedEntry(User())
        return name, self._entry("cluster", context.cluster, Cluster), user

    def _get(self, key: str) -> Any:
        return self.config.value.get(key) if self.config else None

    def _entry(self, kind: str, name: str, type_: type[T]) -> NamedEntry[T]:
        nodes = {node.value["name"]: node for node in self._get(f"{kind}s") or ()}
        if name not in nodes:
            others = ", ".join(f"'{other}'" for other in nodes)
            raise ConfigError(f"no {kind} '{name}'; there {'are ' + others if others else 'are none'}")
        try:
            value = msgspec.convert(_without_nulls(nodes[name].value.get(kind) or {}), type_)
        except (msgspec.ValidationError, RecursionError) as exc:
            raise ConfigError(f"not a kubeconfig: {kind} '{name}': {exc}") from exc
        return NamedEntry(value, Path(os.path.abspath(nodes[name].path)).parent)  # noqa: PTH100 - links are not followed


def _without_nulls(value: Any) -> Any:
    """Return YAML's value without keys that are null: they count as absent."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value if item is not None]
    return value
