"""Splits JSON that msgspec refuses as a whole, so that one malformed object does not affect the others.

Slow (about 15 MB/s) and only used after msgspec has failed. It looks at strings, brackets and separators alone:
nesting of any depth, invalid escapes and control characters cost it nothing. What is inside the parts is not checked.
"""

import re
from collections.abc import Iterator

from exporter.errors import DecodeError

# Possessive: a string without an end must not be tried again in every possible way.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[][{}:,"]', re.DOTALL)
_CLOSING = {b"{": b"}", b"[": b"]"}


def members(text: bytes) -> dict[bytes, bytes]:
    """Return the members of a JSON object as they are written: names without quotes, values as JSON.

    Raises:
        DecodeError: it is not an object, or not a complete one.
    """
    found = {}
    for part in _parts(text, b"{"):
        name, separator, value = _split_member(part)
        if not separator:
            raise DecodeError("a member of an object without a value")
        found[name] = value
    return found


def elements(text: bytes) -> list[bytes]:
    """Return the elements of a JSON array as they are written; raises DecodeError as `members` does."""
    return list(_parts(text, b"["))


def _split_member(part: bytes) -> tuple[bytes, bytes, bytes]:
    match = _TOKEN.match(part)
    if match is None or not match[0].endswith(b'"') or len(match[0]) < 2:
        raise DecodeError("a member of an object without a name")
    _, separator, value = part[match.end() :].partition(b":")
    return match[0][1:-1], separator, value.strip()


def _parts(text: bytes, opening: bytes) -> Iterator[bytes]:
    """Yield what is between the commas of the outermost brackets."""
    text = text.strip()
    if not text.startswith(opening):
        raise DecodeError(f"not JSON that begins with {opening.decode()!r}")
    expected: list[bytes] = []
    start = 1
    for match in _TOKEN.finditer(text):
        _nest(expected, match[0])
        if not expected or (match[0] == b"," and len(expected) == 1):
            if part := text[start : match.start()].strip():
                yield part
            start = match.end()
        if not expected:
            break
    if expected or start != len(text):
        raise DecodeError("JSON that is not one complete value")


def _nest(expected: list[bytes], token: bytes) -> None:
    """Keep the closing brackets that are still expected."""
    if token in _CLOSING:
        expected.append(_CLOSING[token])
    elif token in (b"}", b"]") and (not expected or expected.pop() != token):
        raise DecodeError("a closing bracket without an opening one")
    elif token == b'"':
        raise DecodeError("a string without an end")
