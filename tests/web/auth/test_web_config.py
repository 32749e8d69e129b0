"""The file of --web-config-file: what is read, and that everything else is refused without repeating it."""

import pytest
import yaml

from exporter.errors import ConfigError
from exporter.web.auth.web_config import parse_web_config
from tests.support.web_configs import hashed

TLS = {"cert_file": "tls.crt", "key_file": "tls.key"}
HASH = hashed()


def test_reads_every_supported_key() -> None:
    settings = parse_web_config(
        yaml.safe_dump(
            {
                "tls_server_config": {
                    "cert": "c", "key": "k", "client_ca": "a", "client_auth_type": "RequireAndVerifyClientCert",
                    "client_allowed_sans": ["prometheus"], "min_version": "TLS13", "max_version": "TLS13",
                    "cipher_suites": ["TLS_AES_128_GCM_SHA256"], "prefer_server_cipher_suites": False,
                },
                "http_server_config": {"http2": False, "headers": {"X-Frame-Options": "deny", "X-XSS-Protection": ""}},
                "basic_auth_users": {"alice": HASH},
            }
        ).encode()
    )  # fmt: skip
    assert settings.tls is not None
    assert (settings.tls.cert, settings.tls.key, settings.tls.client_ca) == ("c", "k", "a")
    assert settings.tls.client_allowed_sans == ("prometheus",)
    assert settings.headers == {"X-Frame-Options": "deny"}
    assert settings.users == {"alice": HASH}


def test_keys_without_a_value_have_their_default() -> None:
    """As in YAML of exporter-toolkit."""
    settings = parse_web_config(b"tls_server_config: {cert_file: a, key_file: b, client_ca:, min_version: }")
    assert settings.tls is not None
    assert (settings.tls.client_ca, settings.tls.min_version) == ("", "TLS12")


def test_is_never_printed_with_what_it_holds() -> None:
    settings = parse_web_config(
        f"tls_server_config: {{cert: c, key: SECRET}}\nbasic_auth_users: {{a: {HASH}}}".encode()
    )
    assert "SECRET" not in repr(settings) + repr(settings.tls)
    assert HASH not in repr(settings)


@pytest.mark.parametrize(
    "text",
    [
        *("0", "yes", "true", "No", "1_000", "0x1F", "017", "1.10", "1e3", ".inf", "-0"),
        *("2026-11-25", "!!int 5", "!!float 1.10", "!!str 0", "'0'"),
    ],
)
def test_scalars_are_text_as_they_are_written(text: str) -> None:
    """As header values and as user names: yaml.v2, which exporter-toolkit uses, gives the same texts."""
    headers = f"http_server_config:\n  headers:\n    X-XSS-Protection: {text}\n"
    settings = parse_web_config(f"{headers}basic_auth_users:\n  ? {text}\n  : {HASH}\n".encode())
    written = text.split()[-1].strip("'")
    assert settings.headers == {"X-XSS-Protection": written}
    assert settings.users == {written: HASH}


@pytest.mark.parametrize("text", ["", "~", "null", "''"])
def test_null_is_an_empty_text(text: str) -> None:
    """As for yaml.v2: such a header is not sent, and such a hash is none."""
    content = f"http_server_config:\n  headers:\n    X-XSS-Protection: {text}\nbasic_auth_users:\n  a: "
    assert parse_web_config((content + HASH).encode()).headers == {}
    with pytest.raises(ConfigError, match="the password of user 1 is not a bcrypt hash"):
        parse_web_config((content + text).encode())


@pytest.mark.parametrize(
    ("text", "is_on"), [("yes", True), ("on", True), ("true", True), ("No", False), ("off", False)]
)
def test_switches_are_booleans(text: str, is_on: bool) -> None:
    """In every form of YAML 1.1; a text is none."""
    content = f"tls_server_config:\n  cert_file: 1\n  key_file: 2\n  prefer_server_cipher_suites: {text}\n"
    settings = parse_web_config(content.encode())
    assert settings.tls
    assert (settings.tls.cert_file, settings.tls.prefer_server_cipher_suites) == ("1", is_on)
    with pytest.raises(ConfigError, match="Expected 'bool', got 'str'"):
        parse_web_config(content.replace(f": {text}", f": '{text}'").encode())


WRONG = {
    "nothing": ("", "the file has no settings"),
    "only comments": ("# tls_server_config:", "the file has no settings"),
    "empty sections": ("http_server_config: {}", "the file has no settings"),
    "a list": ("- tls_server_config", "the file is not a mapping of keys to values"),
    "no YAML": ("tls_server_config: {\nkey: SECRET", "line 2 is not valid YAML"),
    "no text": (b"\xff\xfe\x00\x00", "the file is not valid YAML"),
    "a tag": ("key: !!python/object/apply:os.system [SECRET]", "line 1 is not valid YAML"),
    "an alias": ("key: *SECRET", "line 1 is not valid YAML"),
    "an unknown section": ("tls: {}", "the file: unknown key 'tls', known are tls_server_config,"),
    "an unknown key": (
        {"tls_server_config": TLS | {"cert_fil": "x"}},
        "tls_server_config: unknown key 'cert_fil', known are cert, key,",
    ),
    "a key that is a key": (
        {"tls_server_config": TLS | {"-----BEGIN PRIVATE KEY----- SECRET": "x"}},
        "tls_server_config: unknown key (not shown), known are",
    ),
    "a key twice": ("tls_server_config:\n  key: a\n  key: SECRET\n", "line 3: the key 'key' is given twice"),
    "rate_limit": ({"rate_limit": {"burst": 5}}, "rate_limit is not supported"),
    "curve_preferences": (
        {"tls_server_config": TLS | {"curve_preferences": ["X25519"]}},
        "tls_server_config.curve_preferences is not supported",
    ),
    "http2": ({"http_server_config": {"http2": True}}, "http_server_config.http2: true is not supported"),
    "a wrong type": (
        {"tls_server_config": TLS | {"key_file": ["SECRET"]}},
        "tls_server_config: Expected 'str', got 'array' - at 'tls_server_config.key_file'",
    ),
    "no certificate": ({"tls_server_config": {"key_file": "x"}}, "tls_server_config: missing one of cert or cert_file"),
    "no key": ({"tls_server_config": {"cert": "x"}}, "tls_server_config: missing one of key or key_file"),
    "TLS without anything": (
        {"tls_server_config": None, "basic_auth_users": {"a": HASH}},
        "tls_server_config: missing one of cert or cert_file",
    ),
    "two keys": (
        {"tls_server_config": TLS | {"key": "SECRET"}},
        "tls_server_config: both key and key_file are given, only one is allowed",
    ),
    "an unknown header": (
        {"http_server_config": {"headers": {"Server": "x"}}},
        "http_server_config.headers: 'Server' is not one of Content-Security-Policy,",
    ),
    "a header of two lines": (
        {"http_server_config": {"headers": {"X-XSS-Protection": "0\r\nSet-Cookie: a"}}},
        "http_server_config.headers: the value of 'X-XSS-Protection' can't be sent in a header",
    ),
    "a wrong value": (
        {"http_server_config": {"headers": {"X-Frame-Options": "allow"}}},
        "http_server_config.headers: the value of 'X-Frame-Options' is not one of deny, sameorigin",
    ),
    "no users": ({"tls_server_config": TLS, "basic_auth_users": {}}, "basic_auth_users: there is no user;"),
    "null users": ({"tls_server_config": TLS, "basic_auth_users": None}, "basic_auth_users: there is no user;"),
    "a password": (
        {"basic_auth_users": {"alice": "SECRET"}},
        "basic_auth_users: the password of user 1 is not a bcrypt hash with a cost of 4 to 15,",
    ),
    "a hash that takes minutes": (
        {"basic_auth_users": {"alice": HASH.replace("$04$", "$31$")}},
        "basic_auth_users: the password of user 1 is not a bcrypt hash with a cost of 4 to 15,",
    ),
    "a hash that bcrypt refuses": (
        {"basic_auth_users": {"alice": HASH[:28] + "9" + HASH[29:]}},
        "basic_auth_users: the password of user 1 is not a bcrypt hash with a cost of 4 to 15,",
    ),
    "a name with a colon": (
        {"basic_auth_users": {"a:b": HASH}},
        "basic_auth_users: the name of user 1 is empty or contains a colon",
    ),
}


@pytest.mark.parametrize(("content", "message"), WRONG.values(), ids=WRONG)
def test_refuses_what_is_wrong_without_repeating_it(content: object, message: str) -> None:
    """Private keys and passwords stand beside what is wrong."""
    encoded = content if isinstance(content, bytes) else content.encode() if isinstance(content, str) else None
    with pytest.raises(ConfigError) as caught:
        parse_web_config(encoded if encoded is not None else yaml.safe_dump(content).encode())
    assert str(caught.value).startswith(message)
    assert "SECRET" not in str(caught.value)
    assert "\n" not in str(caught.value)
