"""The cluster that the tests use, their own or a given one, and the objects that they create in it."""

import secrets
import subprocess
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from tests.e2e.api import CONNECTIONS, MERGE_PATCH, Api
from tests.e2e.control_plane import ControlPlane
from tests.e2e.rays import ALL_KINDS, API, CRDS, Kind, manifest
from tests.support.watching import wait_until

DEADLINE_SECONDS = 60.0
"""Time limit for the API server's own actions: it publishes a definition, or refuses a revoked token."""

RBAC = "rbac.authorization.k8s.io"
READER_RULES: list[dict[str, Any]] = [
    {"apiGroups": ["ray.io"], "resources": list(ALL_KINDS), "verbs": ["list", "watch"]}
]

PREFIX = f"kuberay-exporter-e2e-{secrets.token_hex(3)}"
"""Prefix of the names of namespaces and of cluster-wide objects; it is different for every run."""


class Cluster:
    """Actions on a cluster as its administrator. Any thread may call.

    Attributes:
        plane: the processes, if the cluster is the tests' own.
    """

    def __init__(self, api: Api, kubectl: Path, kubeconfig: Path, plane: ControlPlane | None = None) -> None:
        self.api = api
        self.plane = plane
        self._kubectl = [str(kubectl), "--kubeconfig", str(kubeconfig)]
        self._namespaces = 0

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """Run kubectl as the administrator; it has to succeed, without a warning. Returns its output."""
        command = [*self._kubectl, "--warnings-as-errors", *arguments]
        result = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120)
        assert result.returncode == 0, f"kubectl {' '.join(arguments)}: {result.stderr}"
        return result.stdout

    # Namespaces.

    @contextmanager
    def namespace(self, labels: dict[str, str] | None = None) -> Iterator[str]:
        """A new namespace; its objects are deleted with it."""
        self._namespaces += 1
        name = f"{PREFIX}-{self._namespaces}"
        metadata = {"name": name, "labels": labels or {}}
        self.api.call("POST", "/api/v1/namespaces", {"metadata": metadata})
        # A controller may create it later, and then it exists already.
        account = {"metadata": {"name": "default"}}
        made = self.api.request("POST", f"/api/v1/namespaces/{name}/serviceaccounts", account)
        assert made.status in (201, 409), made.body
        try:
            yield name
        finally:
            # Without controllers, nothing deletes the objects of a deleted namespace.
            for plural in ALL_KINDS:
                self.api.request("DELETE", f"{API}/namespaces/{name}/{plural}")
            self.api.call("DELETE", f"/api/v1/namespaces/{name}")

    # Definitions.

    @contextmanager
    def installed(self, definitions: Iterable[dict[str, Any]]) -> Iterator[None]:
        """Create these CustomResourceDefinitions; existing ones are used unchanged."""
        made = []
        try:
            for definition in definitions:
                if self.api.get(f"{CRDS}/{_name(definition)}").status == 404:
                    self.install(definition)
                    made.append(definition)
            yield
        finally:
            for definition in made:
                self.uninstall(definition)

    def install(self, definition: dict[str, Any]) -> None:
        """Create a CustomResourceDefinition and wait until its objects can be listed."""
        self.api.call("POST", CRDS, definition)
        wait_until(lambda: self._is_served(definition), f"{_name(definition)} is served", DEADLINE_SECONDS, 0.1)

    def uninstall(self, definition: dict[str, Any]) -> None:
        """Delete a CustomResourceDefinition and its objects, and wait until it does not exist any more."""
        self.api.call("DELETE", f"{CRDS}/{_name(definition)}")
        wait_until(lambda: not self._is_defined(definition), f"{_name(definition)} is gone", DEADLINE_SECONDS, 0.1)

    def _is_defined(self, definition: dict[str, Any]) -> bool:
        return self.api.get(f"{CRDS}/{_name(definition)}").status == 200

    def _is_served(self, definition: dict[str, Any]) -> bool:
        spec = definition["spec"]
        return self.api.get(f"/apis/{spec['group']}/v1/{spec['names']['plural']}", limit="1").status == 200

    # Objects.

    def create(self, kind: Kind, namespace: str, name: str) -> str:
        """Create an object; return its uid."""
        created = self.api.call("POST", f"{API}/namespaces/{namespace}/{kind.plural}", manifest(kind, name))
        return str(created["metadata"]["uid"])

    def create_many(self, kind: Kind, namespace: str, names: Iterable[str]) -> None:
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            for _ in pool.map(lambda name: self.create(kind, namespace, name), names):
                pass

    def patch_status(self, kind: Kind, namespace: str, name: str, status: dict[str, Any]) -> None:
        path = f"{API}/namespaces/{namespace}/{kind.plural}/{name}/status"
        self.api.call("PATCH", path, {"status": status}, content_type=MERGE_PATCH)

    def delete(self, kind: Kind, namespace: str, name: str) -> None:
        self.api.call("DELETE", f"{API}/namespaces/{namespace}/{kind.plural}/{name}")

    # Accounts.

    def write_kubeconfig(
        self, directory: Path, token: str, address: str = "", user: dict[str, Any] | None = None
    ) -> Path:
        """Write a kubeconfig, and the token file `token` that it names.

        `address` replaces the server's address, and `user` the token file.
        """
        ours = self.api.configuration
        cluster: dict[str, Any] = {"server": f"https://{address}" if address else ours.host}
        if address:
            cluster["tls-server-name"] = ours.tls_server_name or urlsplit(ours.host).hostname
        if ours.ssl_ca_cert:
            cluster["certificate-authority"] = ours.ssl_ca_cert
        if not ours.verify_ssl:
            cluster["insecure-skip-tls-verify"] = True
        write_token(directory / "token", token)
        config = {
            "current-context": "e2e",
            "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": "e2e"}}],
            "clusters": [{"name": "e2e", "cluster": cluster}],
            "users": [{"name": "e2e", "user": user or {"tokenFile": str(directory / "token")}}],
        }
        path = directory / "kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return path

    @contextmanager
    def reader(self, namespace: str) -> Iterator["Account"]:
        """A ServiceAccount that may list and watch KubeRay's kinds in all namespaces, and nothing else."""
        with self.account(namespace, "reader", READER_RULES) as account:
            yield account

    @contextmanager
    def account(self, namespace: str, name: str, rules: list[dict[str, Any]]) -> Iterator["Account"]:
        """A ServiceAccount with these cluster-wide rules, and nothing else."""
        account = Account(self, namespace, f"{namespace}-{name}")
        account.create()
        subject = {"kind": "ServiceAccount", "name": account.name, "namespace": namespace}
        with self.bound(account.name, subject, rules):
            yield account

    @contextmanager
    def bound(self, name: str, subject: dict[str, str], rules: list[dict[str, Any]]) -> Iterator[None]:
        """A ClusterRole with these rules, bound to a subject."""
        binding = {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": name},
            "subjects": [subject],
        }
        path = f"/apis/{RBAC}/v1"
        try:
            self.api.call("POST", f"{path}/clusterroles", {"metadata": {"name": name}, "rules": rules})
            self.api.call("POST", f"{path}/clusterrolebindings", binding)
            yield
        finally:
            for plural in ("clusterroles", "clusterrolebindings"):
                self.api.request("DELETE", f"{path}/{plural}/{name}")


@dataclass(frozen=True)
class Account:
    """The ServiceAccount of the exporter."""

    cluster: Cluster
    namespace: str
    name: str

    @property
    def user(self) -> str:
        return f"system:serviceaccount:{self.namespace}:{self.name}"

    def create(self) -> None:
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts"
        self.cluster.api.call("POST", path, {"metadata": {"name": self.name}})

    def token(self, holder: str, audiences: tuple[str, ...] = ()) -> str:
        """Return a new token, which is bound to a Secret and is revoked with it, as a pod's token with the pod.

        Without `audiences` it is for the API server.
        """
        api, core = self.cluster.api, f"/api/v1/namespaces/{self.namespace}"
        api.call("POST", f"{core}/secrets", {"metadata": {"name": holder}})
        bound = {"apiVersion": "v1", "kind": "Secret", "name": holder}
        spec: dict[str, Any] = {"boundObjectRef": bound} | ({"audiences": list(audiences)} if audiences else {})
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        answer = api.call("POST", f"{core}/serviceaccounts/{self.name}/token", request)
        return str(answer["status"]["token"])

    def revoke(self, holder: str, token: str) -> None:
        """Delete the Secret that a token is bound to, and wait until the API server refuses the token."""
        self.cluster.api.call("DELETE", f"/api/v1/namespaces/{self.namespace}/secrets/{holder}")
        holder_api = self.cluster.api.as_holder_of(token)
        wait_until(lambda: holder_api.get(API).status == 401, "the token is refused", DEADLINE_SECONDS, 0.5)


def write_token(path: Path, token: str) -> None:
    """Replace a token file atomically, as a kubelet does."""
    new = path.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(token)
    new.replace(path)


def _name(definition: dict[str, Any]) -> str:
    return str(definition["metadata"]["name"])
