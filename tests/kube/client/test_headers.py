"""Header values: checked before they are sent, and never printed."""

import json
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote

import pytest

from exporter.errors import ConfigError
from exporter.kube.client.headers import basic, bearer, impersonation, redact
from exporter.kube.client.kubeconfig import User


@pytest.mark.parametrize(
    ("token", "fault"),
    [
        ("S3CRET\nS3CRET", "line break"),
        ("S3CRET\rS3CRET", "line break"),
        ("S3CRET\x00", "control character"),
        ("S3CRET\tS3CRET", "control character"),
        ("S3CRET\x7f", "control character"),
        ("S3CRETé", "not ASCII"),
        ("S3CRET\u2028", "not ASCII"),
    ],
)
def test_a_token_that_cannot_be_sent_is_refused_without_its_value(token: str, fault: str) -> None:
    """The message says what is wrong."""
    with pytest.raises(ConfigError, match=f"^the token can't be sent in a header: .*{fault}") as caught:
        bearer(f"x{token}x", "the token")
    assert "S3CRET" not in str(caught.value)


def test_white_space_around_a_token_is_left_out() -> None:
    """Files and YAML blocks end in a line break."""
    assert bearer(" abc\n", "the token") == "Bearer abc"


def test_a_password_may_contain_anything() -> None:
    """As UTF-8, in base64."""
    assert basic("jörg:a:b\n") == "Basic asO2cmc6YTpiCg=="


def test_impersonation_is_written_as_client_go_does() -> None:
    """A header for each value, keys escaped, UTF-8."""
    headers = impersonation(
        User(as_user="jörg", as_uid="7", as_groups=["a", "b"], as_user_extra={"Scopes/x%": ["1", "2"], "ä": ["3"]})
    )
    assert headers == (
        ("Impersonate-User", "jÃ¶rg"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
        ("Impersonate-Extra-Scopes%2Fx%25", "1"),
        ("Impersonate-Extra-Scopes%2Fx%25", "2"),
        ("Impersonate-Extra-%C3%A4", "3"),
    )


def test_a_user_with_a_line_break_is_refused() -> None:
    """It would be another header."""
    with pytest.raises(ConfigError, match=r"^what the user is to be .* can't be sent in a header: "):
        impersonation(User(as_user="a\nX-Other: 1"))


TOKEN = "eyJhbGciOi.a+b/c_d-e~f=.q\u00e9"


@pytest.mark.parametrize(
    "form",
    [
        TOKEN,
        quote(TOKEN, safe=""),
        "".join(f"%{byte:02x}" for byte in TOKEN.encode()),
        json.dumps(TOKEN).strip('"'),
        "".join(f"&#{ord(one)};" for one in TOKEN),
        *(b64encode(f"{before}{TOKEN}{after}".encode()).decode() for before in ("", "a", "ab") for after in ("", "x")),
        *(urlsafe_b64encode(f"{before}{TOKEN}".encode()).decode() for before in ("", "Bearer ", '{"token":"')),
    ],
)
def test_an_encoded_secret_is_left_out_too(form: str) -> None:
    """Whoever reads the log could decode it: at most three characters of it are left."""
    text = redact(f"not allowed: {form}!", [TOKEN])
    assert text.startswith("not allowed: ")
    assert "[redacted]" in text
    for length in range(4, len(form)):
        assert all(form[start : start + length] not in text for start in range(20, len(form) - length - 4))


def test_secrets_are_left_out_of_a_text() -> None:
    """The longest first: one may be a part of another."""
    assert redact("token abcdef-ghijkl, abcdef", ["abcdef", "abcdef-ghijkl", "a"]) == "token [redacted], [redacted]"
