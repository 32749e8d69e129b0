"""From a cluster and a user of a kubeconfig to the access that they give: each key is honoured, or refused by name."""

import os
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from exporter.errors import ConfigError, ConnectError
from exporter.kube import headers, tls
from exporter.kube.access import Access
from exporter.kube.addresses import Address, parse_address
from exporter.kube.exec_plugin import API_VERSIONS, Plugin, exec_info
from exporter.kube.files import FileReader
from exporter.kube.kubeconfig import Cluster, Entry, Exec, User, decode_data
from exporter.kube.proxies import find_proxy, parse_proxy

INTERACTIVE_MODES = ("Never", "IfAvailable")


def access_of(cluster: Entry[Cluster], user: Entry[User], files: FileReader) -> Access:
    """Return the access of a user to a cluster.

    Without TLS only the impersonation is taken from the user, as kubectl does it: no token, password or certificate
    is sent in clear text, and no plugin is run.

    Raises:
        ConfigError: a key is wrong, or not supported.
    """
    given = cluster.value
    server = _server(given.server)
    proxy = parse_proxy(given.proxy_url, "proxy-url") if given.proxy_url else find_proxy(server, os.environ)
    authority, authority_name = _authority(cluster, files)
    _check_user(user.value)
    is_secure = server.scheme == "https"
    access = Access(
        server,
        proxy,
        authority=authority,
        authority_name=authority_name,
        is_insecure=given.insecure_skip_tls_verify,
        tls_server_name=given.tls_server_name,
        is_compressing=not given.disable_compression,
        fixed_headers=_impersonation(user.value),
        has_ignored_credentials=not is_secure and _has_credentials(user.value, server),
        **(_identity(cluster, user, server, authority, files) if is_secure else {}),
        files=files.files,
    )
    if not access.plugin:
        _check_credentials(access)
    return access


def _server(text: str) -> Address:
    if not text:
        raise ConfigError("the cluster has no server (https://host[:port])")
    if "://" in text:
        return parse_address(text, "server", ("https", "http"))
    # kubectl takes a host and a port without a scheme for plain HTTP.
    address = parse_address(f"http://{text}", "server", ("http",))
    if address.path:
        raise ConfigError(f"server '{text}': must begin with https:// or http://")
    return address


def _authority(cluster: Entry[Cluster], files: FileReader) -> tuple[bytes | None, str]:
    given = cluster.value
    pem = _file_or_data(
        "certificate-authority", given.certificate_authority, given.certificate_authority_data, cluster.folder, files
    )
    if pem is None:
        return None, ""
    if given.insecure_skip_tls_verify:
        raise ConfigError("certificate-authority and insecure-skip-tls-verify exclude each other")
    name = (
        f"certificate-authority '{given.certificate_authority}'"
        if given.certificate_authority
        else "certificate-authority-data"
    )
    if not tls.Trust(pem).count:
        raise ConfigError(f"{name}: no certificate in it (must be PEM)")
    return pem, name


def _file_or_data(key: str, file: str, data: str, folder: Path, files: FileReader) -> bytes | None:
    """Return what a key or its `-data` sibling holds, None if there is neither."""
    if file and data:
        raise ConfigError(f"{key} and {key}-data exclude each other")
    if data:
        return decode_data(data, f"{key}-data")
    if not file:
        return None
    path = folder / file
    try:
        return files.read(path)
    except OSError as exc:
        raise ConfigError(f"couldn't read {key} '{path}': {exc.strerror}") from exc


def _check_user(user: User) -> None:
    if user.auth_provider:
        raise ConfigError(f"auth-provider '{user.auth_provider.name}' is not supported (kubectl has none; use exec)")
    if (user.token or user.token_file) and (user.username or user.password):
        raise ConfigError("token and username exclude each other")
    if user.as_uid and not user.as_user:
        raise ConfigError("as-uid without as")
    if user.as_groups and not user.as_user:
        raise ConfigError("as-groups without as")
    if user.as_user_extra and not user.as_user:
        raise ConfigError("as-user-extra without as")


def _has_credentials(user: User, server: Address) -> bool:
    return bool(
        user.token
        or user.token_file
        or user.username
        or user.client_certificate
        or user.client_certificate_data
        or user.exec
        or server.user
    )


def _impersonation(user: User) -> tuple[headers.Header, ...]:
    if not user.as_user:
        return ()
    return headers.impersonation(
        user.as_user,
        user.as_uid,
        user.as_groups,
        user.as_user_extra,
        "what the user is to be impersonated as (as, as-…)",
    )


def _identity(
    cluster: Entry[Cluster], user: Entry[User], server: Address, authority: bytes | None, files: FileReader
) -> dict[str, Any]:
    """Return the fields of Access that say who sends a request."""
    given = user.value
    certificate = _client_certificate(user, files)
    if given.token or given.token_file:
        token_file = user.folder / given.token_file if given.token_file else None
        return {"token": given.token, "token_file": token_file, "certificate": certificate}
    if given.username or given.password:
        return {"basic": headers.basic(given.username, given.password), "certificate": certificate}
    if certificate:
        return {"certificate": certificate}
    if given.exec:
        return {"plugin": _plugin(given.exec, user.folder, cluster.value, server, authority)}
    if server.user is not None:
        # As Go's HTTP client does it.
        return {"basic": headers.basic(server.user, server.password or "")}
    return {}


def _client_certificate(user: Entry[User], files: FileReader) -> bytes:
    given, folder = user.value, user.folder
    certificate = _file_or_data(
        "client-certificate", given.client_certificate, given.client_certificate_data, folder, files
    )
    if certificate is None:
        return b""
    key = _file_or_data("client-key", given.client_key, given.client_key_data, folder, files)
    if key is None:
        raise ConfigError("client-certificate without client-key")
    pem = certificate + b"\n" + key
    tls.load_client_certificate(tls.unverifying_context(), pem, "client-certificate and client-key")
    return pem


def _plugin(given: Exec, folder: Path, cluster: Cluster, server: Address, authority: bytes | None) -> Plugin:
    if not given.command:
        raise ConfigError("exec without a command")
    if given.api_version not in API_VERSIONS:
        raise ConfigError(f"exec's apiVersion '{given.api_version}' is not supported (must be {_either(API_VERSIONS)})")
    # Version v1beta1 came before the key.
    mode = given.interactive_mode or ("IfAvailable" if given.api_version.endswith("v1beta1") else "")
    if mode not in INTERACTIVE_MODES:
        # Always: nobody is there to answer.
        raise ConfigError(f"exec's interactiveMode '{mode}' is not supported (must be {_either(INTERACTIVE_MODES)})")
    if any(not variable.name for variable in given.env):
        raise ConfigError("exec has an environment variable without a name")
    info = _cluster_info(cluster, server, authority) if given.provide_cluster_info else None
    return Plugin(
        # A command with a slash is a path, and starts from the file's folder like all others.
        str(folder / given.command) if "/" in given.command else given.command,
        tuple(given.args),
        tuple((variable.name, variable.value) for variable in given.env),
        given.api_version,
        given.install_hint,
        exec_info(given.api_version, info),
    )


def _cluster_info(cluster: Cluster, server: Address, authority: bytes | None) -> dict[str, Any]:
    """Return what a plugin with provideClusterInfo is given, in the shape of client.authentication.k8s.io."""
    values = {
        "server": str(server),
        "tls-server-name": cluster.tls_server_name,
        "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
        "certificate-authority-data": b64encode(authority or b"").decode(),
        "proxy-url": cluster.proxy_url,
        "disable-compression": cluster.disable_compression,
        "config": cluster.exec_config,
    }
    return {key: value for key, value in values.items() if value}


def _check_credentials(access: Access) -> None:
    """Find at the start what cannot be sent, and a token file that cannot be read."""
    try:
        access.credentials().get()
    except ConnectError as exc:
        raise ConfigError(str(exc)) from exc


def _either(values: Sequence[str]) -> str:
    return " or ".join(values)
