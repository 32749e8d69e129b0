"""Header values: checked before they are sent, and never printed."""

import pytest

from exporter.errors import ConfigError
from exporter.kube.client.headers import basic, bearer, impersonation, redact


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
    headers = impersonation("jörg", "7", ["a", "b"], {"Scopes/x%": ["1", "2"], "ä": ["3"]}, "as")
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
    with pytest.raises(ConfigError, match="^as can't be sent in a header: "):
        impersonation("a\nX-Other: 1", "", [], {}, "as")


def test_secrets_are_left_out_of_a_text() -> None:
    """The longest first: one may be a part of another."""
    assert redact("token abcdef-ghijkl, abcdef", ["abcdef", "abcdef-ghijkl", "a"]) == "token [redacted], [redacted]"
