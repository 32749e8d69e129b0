"""Finds the API server as every Kubernetes client does: a named kubeconfig, the pod's service account, $KUBECONFIG."""

import os
from pathlib import Path

from kubernetes.client import Configuration
from kubernetes.config.config_exception import ConfigException
from kubernetes.config.incluster_config import SERVICE_HOST_ENV_NAME, SERVICE_PORT_ENV_NAME, InClusterConfigLoader

from exporter.errors import ConfigError, CredentialsError
from exporter.kube.client.access import Access, Credential
from exporter.kube.client.addresses import find_proxy, parse_http_address
from exporter.kube.client.headers import bearer
from exporter.kube.client.kubeconfig import Kubeconfig
from exporter.kube.client.kubeconfig_access import access_of
from exporter.system.files import read_file

DEFAULT_KUBECONFIG = "~/.kube/config"
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


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
        if self._is_in_pod or (not self._context and os.environ.get(SERVICE_HOST_ENV_NAME) and _is_file(token_file)):
            self._is_in_pod = True
            return _from_service_account(token_file)
        paths = os.environ.get("KUBECONFIG") or DEFAULT_KUBECONFIG
        found = [path for path in map(_expand, filter(None, paths.split(os.pathsep))) if _is_file(path)]
        if found:
            return self._from_kubeconfig(f"kubeconfig '{paths}'", found)
        raise CredentialsError(
            f"no way to a cluster: no service account (${SERVICE_HOST_ENV_NAME} and {token_file}), "
            f"no kubeconfig ({paths}); name one with --kubeconfig"
        )

    def _from_kubeconfig(self, origin: str, paths: list[Path]) -> Access:
        config = Kubeconfig(paths, "--kubeconfig" if self._path else "kubeconfig")
        if config.is_empty and self._path:
            raise ConfigError(f"{origin}: the file is empty")
        if config.is_empty and not self._context:
            raise CredentialsError(f"no way to a cluster: {origin} is empty; name one with --kubeconfig")
        try:
            self._context, cluster, user = config.select(self._context)
            return access_of(cluster, user)
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
    environment = {SERVICE_PORT_ENV_NAME: "443"} | os.environ
    loader = InClusterConfigLoader(token_file, authority, try_refresh_token=False, environ=environment)
    try:
        pem = read_file(authority)
        loader.load_and_set(Configuration(proxy="", no_proxy=""))
        server = parse_http_address(loader.host, f"${SERVICE_HOST_ENV_NAME} and ${SERVICE_PORT_ENV_NAME}", ("https",))
        access = Access(server)
        access.trust(pem, f"'{authority}'")
        # The client adds the word, in lower case, and takes the file's text as it is, line breaks included.
        token = loader.token.removeprefix("bearer ")
        access.credential = Credential(bearer(token, f"the token in '{token_file}'"))
    except (ConfigError, ConfigException, OSError, ValueError) as exc:
        reason = f"'{exc.filename}': {exc.strerror}" if isinstance(exc, OSError) else str(exc)
        raise CredentialsError(f"couldn't use the pod's service account: {reason}") from exc
    if proxy := find_proxy(server, os.environ):
        access.use_proxy(proxy)
    return access
