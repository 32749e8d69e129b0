"""From a cluster and a user of a kubeconfig to the access that they give: each key is honoured, or refused by name."""

import binascii
import os
from base64 import b64decode, b64encode
from typing import Any

from urllib3.util import Url

from exporter.errors import ConfigError
from exporter.kube.client import headers
from exporter.kube.client.access import Access, Credential, load_client_certificate, unverifying_context
from exporter.kube.client.addresses import find_proxy, parse_http_address
from exporter.kube.client.exec_plugin import Plugin
from exporter.kube.client.kubeconfig import Cluster, NamedEntry, User
from exporter.system.files import read_file

_EXEC_EXTENSION = "client.authentication.k8s.io/exec"


def access_of(cluster: NamedEntry[Cluster], user: NamedEntry[User]) -> Access:
    """Return the access of a user to a cluster; raises ConfigError if a key is wrong, or not supported.

    Without TLS only the impersonation is taken from the user, as kubectl does it: no token, password or certificate
    is sent in clear text, and no plugin is run.
    """
    given = cluster.value
    server = _server(given)
    access = Access(server)
    access.verify_ssl = not given.insecure_skip_tls_verify
    access.tls_server_name = given.tls_server_name or None
    access.is_compressing = not given.disable_compression
    file = given.certificate_authority
    name = f"certificate-authority '{file}'" if file else "certificate-authority-data"
    authority = _pem("certificate-authority", cluster)
    if authority is not None and given.insecure_skip_tls_verify:
        raise ConfigError("certificate-authority and insecure-skip-tls-verify exclude each other")
    access.trust(authority, name)
    proxy = parse_http_address(given.proxy_url, "proxy-url") if given.proxy_url else find_proxy(server, os.environ)
    if proxy:
        access.use_proxy(proxy)
    _check_user(user.value)
    access.impersonation = headers.impersonation(user.value)
    if server.scheme == "https":
        _identify(access, cluster.value, user, server)
    else:
        names = [name for name in User.__struct_fields__ if not name.startswith("as_")]
        access.has_ignored_credentials = bool(server.auth) or any(getattr(user.value, name) for name in names)
    return access


def _server(given: Cluster) -> Url:
    text = given.server
    if not text:
        raise ConfigError("the cluster has no server (https://host[:port])")
    # kubectl takes a host and a port without a scheme for plain HTTP, if the cluster says nothing of certificates.
    has_tls = given.certificate_authority or given.certificate_authority_data or given.insecure_skip_tls_verify
    scheme = "https://" if has_tls and "://" not in text else ""
    server = parse_http_address(f"{scheme}{text}", "server", ("https", "http"))
    if "://" not in text and server.path:
        raise ConfigError("server must begin with https:// or http://")
    return server


def _pem(key: str, entry: NamedEntry[Cluster] | NamedEntry[User]) -> bytes | None:
    """Return what a key or its `-data` sibling holds, None if there is neither."""
    field = key.replace("-", "_")
    file, data = getattr(entry.value, field), getattr(entry.value, f"{field}_data")
    if file and data:
        raise ConfigError(f"{key} and {key}-data exclude each other")
    try:
        if data:
            return b64decode(data.replace("\n", "").replace("\r", ""), validate=True)
        return read_file(entry.folder / file) if file else None
    except (binascii.Error, ValueError):
        raise ConfigError(f"{key}-data is not base64" if data else f"couldn't read {key} '{file}'") from None
    except OSError as exc:
        raise ConfigError(f"couldn't read {key} '{entry.folder / file}': {exc.strerror}") from exc


def _check_user(user: User) -> None:
    if user.auth_provider:
        raise ConfigError(
            f"auth-provider '{user.auth_provider.get('name', '')}' is not supported (kubectl has none; use exec)"
        )
    if (user.token or user.token_file) and (user.username or user.password):
        raise ConfigError("token and username exclude each other")
    for key in ("as-uid", "as-groups", "as-user-extra"):
        if getattr(user, key.replace("-", "_")) and not user.as_user:
            raise ConfigError(f"{key} without as")


def _identify(access: Access, cluster: Cluster, user: NamedEntry[User], server: Url) -> None:
    """Say who sends a request; what comes first is as for client-go."""
    given = user.value
    certificate, authorization = _client_certificate(user), ""
    if given.token or given.token_file:
        authorization = _bearer(user)
    elif given.username or given.password:
        authorization = headers.basic(f"{given.username}:{given.password}")
        access.passwords += (given.password,)
    elif given.exec and not certificate:
        access.plugin = Plugin(given.exec, user.folder, _cluster_info(cluster, access))
    elif server.auth and not certificate:
        # As Go's HTTP client does it.
        authorization = headers.basic(server.auth_decoded_joined or "")
        access.passwords += (server.auth_decoded[1] or "",)
    access.credential = Credential(authorization, certificate)


def _client_certificate(user: NamedEntry[User]) -> bytes:
    certificate = _pem("client-certificate", user)
    if certificate is None:
        return b""
    key = _pem("client-key", user)
    if key is None:
        raise ConfigError("client-certificate without client-key")
    pem = certificate + b"\n" + key
    load_client_certificate(unverifying_context(), pem, "client-certificate and client-key")
    return pem


def _bearer(user: NamedEntry[User]) -> str:
    given = user.value
    if not given.token_file:
        return headers.bearer(given.token, "the token")
    path = user.folder / given.token_file
    try:
        token = read_file(path).decode("utf-8", "replace").strip()
    except (OSError, ValueError) as exc:
        if not given.token:
            raise ConfigError(f"couldn't read the token file '{path}': {getattr(exc, 'strerror', 'no path')}") from exc
        token = ""
    if not token and not given.token:
        raise ConfigError(f"the token file '{path}' is empty")
    return headers.bearer(token or given.token, f"the token in '{path}'")


def _cluster_info(cluster: Cluster, access: Access) -> dict[str, Any]:
    """Return what a plugin with provideClusterInfo is given, in the shape of client.authentication.k8s.io."""
    extension = next((one for one in cluster.extensions if one.get("name") == _EXEC_EXTENSION), {})
    values = {
        "server": access.host,
        "tls-server-name": cluster.tls_server_name,
        "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
        "certificate-authority-data": b64encode(access.authority or b"").decode(),
        "proxy-url": cluster.proxy_url,
        "disable-compression": cluster.disable_compression,
        "config": extension.get("extension"),
    }
    return {key: value for key, value in values.items() if value}
