"""Finds the API server as every Kubernetes client does: a named kubeconfig, the pod's service account, $KUBECONFIG."""

import os
from pathlib import Path

from exporter.errors import ConfigError, ConnectError, CredentialsError
from exporter.kube import kubeconfig, tls
from exporter.kube.access import Access
from exporter.kube.addresses import parse_address
from exporter.kube.files import FileReader
from exporter.kube.kubeconfig_access import access_of
from exporter.kube.proxies import find_proxy

DEFAULT_KUBECONFIG = "~/.kube/config"
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
HOST_VARIABLE = "KUBERNETES_SERVICE_HOST"
PORT_VARIABLE = "KUBERNETES_SERVICE_PORT"


class AccessLoader:
    """Reads where the API server is, at the start and whenever that may have changed. For one thread at a time.

    A kubeconfig or a context that was asked for is used; else the pod's service account if there is one, else the
    files of $KUBECONFIG or ~/.kube/config. The source and the context of the first reading stay: whoever chooses
    another context for kubectl later must not lead the exporter to another cluster.
    """

    def __init__(self, path: str | None = None, context: str | None = None) -> None:
        self._path = path
        self._context = context
        self._is_in_pod = False

    def __call__(self) -> Access:
        """Read.

        Raises:
            ConfigError: the kubeconfig or context is not usable.
            CredentialsError: nothing was asked for, and nothing was found.
        """
        if self._path:
            path = _expand(self._path)
            if not _is_file(path):
                raise ConfigError(f"--kubeconfig '{self._path}': no such file")
            return self._from_kubeconfig(f"--kubeconfig '{self._path}'", [path])
        token_file = SERVICE_ACCOUNT / "token"
        if self._is_in_pod or (not self._context and os.environ.get(HOST_VARIABLE) and _is_file(token_file)):
            self._is_in_pod = True
            return _from_service_account(token_file)
        paths = os.environ.get("KUBECONFIG") or DEFAULT_KUBECONFIG
        found = [path for path in map(_expand, filter(None, paths.split(os.pathsep))) if _is_file(path)]
        if found:
            return self._from_kubeconfig(f"kubeconfig '{paths}'", found)
        raise CredentialsError(
            f"no way to a cluster: no service account (${HOST_VARIABLE} and {token_file}), "
            f"no kubeconfig ({paths}); name one with --kubeconfig"
        )

    def _from_kubeconfig(self, origin: str, paths: list[Path]) -> Access:
        files = FileReader()
        config = kubeconfig.load(paths, files, "--kubeconfig" if self._path else "kubeconfig")
        if config.is_empty and self._path:
            raise ConfigError(f"{origin}: the file is empty")
        if config.is_empty and not self._context:
            raise CredentialsError(f"no way to a cluster: {origin} is empty; name one with --kubeconfig")
        try:
            self._context, cluster, user = config.select(self._context)
            return access_of(cluster, user, files)
        except ConfigError as exc:
            raise ConfigError(f"{origin}: {exc}") from exc


def _expand(path: str) -> Path:
    """Return a path with ~ replaced, if there is such a home folder: a container's user often has none."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - pathlib's raises RuntimeError for a user without a home


def _is_file(path: Path) -> bool:
    """Tell whether there is such a file, and it may be looked at."""
    return os.path.isfile(path)  # noqa: PTH113 - pathlib's raises PermissionError


def _from_service_account(token_file: Path) -> Access:
    authority = SERVICE_ACCOUNT / "ca.crt"
    host, port = os.environ[HOST_VARIABLE], os.environ.get(PORT_VARIABLE) or "443"
    url = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    server = parse_address(url, f"${HOST_VARIABLE} and ${PORT_VARIABLE}:", ("https",))
    files = FileReader()
    wrong = "couldn't use the pod's service account"
    try:
        pem = files.read(authority)
        access = Access(
            server,
            find_proxy(server, os.environ),
            authority=pem,
            authority_name=f"'{authority}'",
            token_file=token_file,
            files=files.files,
        )
        # A token that is missing or cannot be sent is found here, and not in the first request.
        access.credentials().get()
    except OSError as exc:
        raise CredentialsError(f"{wrong}: '{authority}': {exc.strerror}") from exc
    except ConnectError as exc:
        raise CredentialsError(f"{wrong}: {exc}") from exc
    if not tls.Trust(pem).count:
        raise CredentialsError(f"{wrong}: no certificate in '{authority}'")
    return access
