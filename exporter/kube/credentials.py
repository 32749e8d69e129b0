"""Where the API server is and who the exporter is there, found as every Kubernetes client finds it."""

import os
from pathlib import Path

import yaml
from kubernetes.client import Configuration
from kubernetes.config import ConfigException, load_kube_config
from kubernetes.config.incluster_config import (
    SERVICE_CERT_FILENAME,
    SERVICE_HOST_ENV_NAME,
    SERVICE_TOKEN_FILENAME,
    InClusterConfigLoader,
)

from exporter.errors import ConfigError, CredentialsError

DEFAULT_KUBECONFIG = "~/.kube/config"


def load_configuration(kubeconfig: str | None = None, context: str | None = None) -> Configuration:
    """Return the client's configuration: host, TLS, and a hook that renews tokens.

    A kubeconfig or a context that was asked for is used; else the pod's service account where there
    is one, else the files of $KUBECONFIG or ~/.kube/config.

    Raises:
        ConfigError: the kubeconfig or context is not usable.
        CredentialsError: nothing was asked for, and nothing was found.
    """
    if kubeconfig:
        if not Path(kubeconfig).expanduser().is_file():
            raise ConfigError(f"--kubeconfig '{kubeconfig}': no such file")
        return _from_kubeconfig("--kubeconfig", kubeconfig, context)
    if not context and os.environ.get(SERVICE_HOST_ENV_NAME) and Path(SERVICE_TOKEN_FILENAME).is_file():
        return _from_service_account()
    paths = os.environ.get("KUBECONFIG") or DEFAULT_KUBECONFIG
    if any(Path(path).expanduser().is_file() for path in paths.split(os.pathsep) if path):
        return _from_kubeconfig("kubeconfig", paths, context)
    raise CredentialsError(
        f"no way to a cluster: no service account (${SERVICE_HOST_ENV_NAME} and {SERVICE_TOKEN_FILENAME}), "
        f"no kubeconfig ({paths}); name one with --kubeconfig"
    )


def anonymous(host: str) -> Configuration:
    """Return a configuration without credentials for a server on this machine, past any proxy."""
    configuration = Configuration(host=host)
    configuration.proxy = None
    return configuration


def _from_service_account() -> Configuration:
    configuration = Configuration()
    try:
        InClusterConfigLoader(SERVICE_TOKEN_FILENAME, SERVICE_CERT_FILENAME).load_and_set(configuration)
    except (ConfigException, OSError) as exc:
        raise CredentialsError(f"couldn't use the pod's service account: {exc}") from exc
    return configuration


def _from_kubeconfig(origin: str, paths: str, context: str | None) -> Configuration:
    configuration = Configuration()
    try:
        # persist_config would write renewed tokens into the user's file.
        load_kube_config(paths, context, client_configuration=configuration, persist_config=False)
    except (ConfigException, OSError, yaml.YAMLError) as exc:
        reason = " ".join(str(exc).split())
        raise ConfigError(f"{origin} '{paths}': {reason}") from exc
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        # The loader walks the YAML as it comes: a list where a mapping should be is a TypeError there.
        raise ConfigError(f"{origin} '{paths}': not a kubeconfig ({exc})") from exc
    if "://" not in configuration.host:
        # kubectl takes a server without a scheme for plain HTTP.
        configuration.host = f"http://{configuration.host}"
    return configuration
