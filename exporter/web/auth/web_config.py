"""The file of `--web-config-file`: the keys of Prometheus' exporter-toolkit, read and checked, without their effects.

A file that is wrong, empty or not fully supported is an error, never a port with less protection than was asked for.
No message contains a value that may be a key, a certificate or a password hash.
"""

import re
from collections.abc import Callable, Collection, Hashable, Mapping
from typing import Any, TypeVar, cast

import bcrypt
import msgspec
import yaml

from exporter.errors import ConfigError
from exporter.system.files import MAX_SETTINGS, check_yaml

_T = TypeVar("_T")

MAX_HASH_COST = 15
"""bcrypt's cost: each step doubles the time, and 15 needs seconds for one password."""

_SECTIONS = ("tls_server_config", "http_server_config", "basic_auth_users")

_UNSUPPORTED = {"rate_limit", "tls_server_config.curve_preferences"}
"""Keys of exporter-toolkit that have no equal here."""

_HASH = re.compile(r"\$2[aby]\$(?P<cost>\d\d)\$(?P<salt>[./A-Za-z0-9]{22})[./A-Za-z0-9]{31}", re.ASCII)
_PRINTABLE = re.compile(r"[\w.-]{1,40}", re.ASCII)
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")

_HEADERS: Mapping[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
"""The headers that may be configured, with their allowed values, empty for any."""


class TlsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`tls_server_config` as it is written; tls.py checks it."""

    cert: str = ""
    key: str = ""
    client_ca: str = ""
    cert_file: str = ""
    key_file: str = ""
    client_ca_file: str = ""
    client_auth_type: str = ""
    client_allowed_sans: tuple[str, ...] | None = None
    min_version: str = "TLS12"
    max_version: str = "TLS13"
    cipher_suites: tuple[str, ...] = ()
    prefer_server_cipher_suites: bool = True

    def __repr__(self) -> str:
        return "TlsSettings(…)"  # it may hold a key


class HttpSettings(msgspec.Struct, frozen=True):
    """`http_server_config` as it is written."""

    http2: bool = False
    headers: dict[str, str | None] = {}


class WebSettings(msgspec.Struct, frozen=True):
    """The whole file. `users` are password hashes by name, None if the file has no users."""

    tls: TlsSettings | None
    headers: dict[str, str]
    users: dict[str, str] | None

    def __repr__(self) -> str:
        return "WebSettings(…)"


def parse_web_config(content: bytes) -> WebSettings:
    """Read the file's content; raises ConfigError without the file's name."""
    document = _section(_load(content), "", _SECTIONS)
    if not any(document.get(section) for section in _SECTIONS):
        raise ConfigError("the file has no settings")
    tls = document.get("tls_server_config", _ABSENT)
    values = _section(document.get("http_server_config"), "http_server_config", HttpSettings.__struct_fields__)
    http = _convert(values, HttpSettings, "http_server_config")
    if http.http2:
        raise ConfigError("http_server_config.http2: true is not supported: the exporter speaks HTTP/1.1")
    return WebSettings(
        None if tls is _ABSENT else _parse_tls(tls),
        _check_headers(http.headers),
        _parse_users(document["basic_auth_users"]) if "basic_auth_users" in document else None,
    )


_ABSENT = object()


def _parse_tls(section: Any) -> TlsSettings:
    values = _section(section, "tls_server_config", TlsSettings.__struct_fields__)
    settings = _convert(values, TlsSettings, "tls_server_config")
    for what in ("cert", "key"):
        if not (getattr(settings, what) or getattr(settings, f"{what}_file")):
            raise ConfigError(f"tls_server_config: missing one of {what} or {what}_file")
    for what in ("cert", "key", "client_ca"):
        if getattr(settings, what) and getattr(settings, f"{what}_file"):
            raise ConfigError(f"tls_server_config: both {what} and {what}_file are given, only one is allowed")
    return settings


def _parse_users(section: Any) -> dict[str, str]:
    if not section:
        # To mean "everybody" by it would open the port when the users get lost.
        raise ConfigError("basic_auth_users: there is no user; without the key everybody has access")
    converted: dict[str, str | None] = _convert(section, dict[str, str | None], "basic_auth_users")
    users = {name: hash_ or "" for name, hash_ in converted.items()}
    for number, (name, hash_) in enumerate(users.items(), 1):
        if not name or ":" in name:
            raise ConfigError(f"basic_auth_users: the name of user {number} is empty or contains a colon")
        if not _is_usable(hash_):
            raise ConfigError(
                f"basic_auth_users: the password of user {number} is not a bcrypt hash with a cost of 4 to "
                f"{MAX_HASH_COST}, such as 'htpasswd -nBC 10 NAME' prints"
            )
    return users


def _is_usable(hash_: str) -> bool:
    match = _HASH.fullmatch(hash_)
    if match is None or not 4 <= int(match["cost"]) <= MAX_HASH_COST:
        return False
    try:
        bcrypt.hashpw(b"", f"$2b$04${match['salt']}".encode())
    except ValueError:
        return False
    return True


def _check_headers(headers: dict[str, str | None]) -> dict[str, str]:
    given = {name: value or "" for name, value in headers.items()}
    for name, value in given.items():
        if name not in _HEADERS:
            raise ConfigError(f"http_server_config.headers: {safe_name(name)} is not one of {', '.join(_HEADERS)}")
        if not _HEADER_VALUE.fullmatch(value):
            raise ConfigError(f"http_server_config.headers: the value of '{name}' can't be sent in a header")
        allowed = _HEADERS[name]
        if value and allowed and value not in allowed:
            raise ConfigError(f"http_server_config.headers: the value of '{name}' is not one of {', '.join(allowed)}")
    return {name: value for name, value in given.items() if value}


def _section(section: Any, where: str, known: Collection[str]) -> dict[str, Any]:
    """Return a mapping without the keys that have no value; raises ConfigError for keys that are not `known`."""
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise ConfigError(f"{where or 'the file'} is not a mapping of keys to values")
    for key in section:
        path = f"{where}.{key}" if where else key
        if path in _UNSUPPORTED:
            raise ConfigError(f"{path} is not supported")
        if key not in known:
            raise ConfigError(f"{where or 'the file'}: unknown key {safe_name(key)}, known are {', '.join(known)}")
    return {key: value for key, value in section.items() if value is not None or not where}


def _convert(value: Any, type_: Callable[..., _T], where: str) -> _T:
    try:
        return msgspec.convert(value, cast(type[_T], type_))
    except msgspec.ValidationError as exc:
        # Such as "Expected `str`, got `int` - at `$.cert_file`": types and known keys, but no values.
        reason = str(exc).replace("`", "'").replace("$", where)
        raise ConfigError(f"{where}: {reason}") from None


def safe_name(value: object) -> str:
    """Return a name in quotes, unless it may be something else, such as a private key in the wrong place."""
    return f"'{value}'" if isinstance(value, str) and _PRINTABLE.fullmatch(value) else "(not shown)"


_BOOLEAN = "tag:yaml.org,2002:bool"
_SWITCHES = ("http2", "prefer_server_cipher_suites")
"""The keys whose values are booleans, not text."""


class _Loader(yaml.SafeLoader):
    """Refuses a key that is given twice, and reads numbers, times and booleans as text.

    yaml.v2, with which exporter-toolkit reads the file, decodes every scalar into a string as it is written.
    """

    def construct_text(self, node: yaml.ScalarNode) -> str:
        return str(self.construct_scalar(node))

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for number, key in enumerate(keys):
            if key in keys[:number]:
                line = node.value[number][0].start_mark.line + 1
                raise ConfigError(f"line {line}: the key {safe_name(key)} is given twice")
        mapping = super().construct_mapping(node, deep)
        for key, value in node.value:
            if value.tag == _BOOLEAN and key.value in _SWITCHES:
                mapping[key.value] = self.construct_yaml_bool(value)
        return mapping


for _type in ("bool", "int", "float", "timestamp"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_type}", _Loader.construct_text)


def _load(content: bytes) -> Any:
    try:
        check_yaml(content, yaml.SafeLoader, MAX_SETTINGS)
        return _Loader(content).get_single_data()
    except yaml.MarkedYAMLError as exc:
        # The parser's own text repeats what it cannot read, and that may be a key.
        mark = exc.problem_mark or exc.context_mark
        raise ConfigError(f"line {mark.line + 1 if mark else 1} is not valid YAML") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        raise ConfigError("the file is not valid YAML") from None
