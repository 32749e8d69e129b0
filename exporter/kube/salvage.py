"""Splits JSON that msgspec refuses as a whole, so that one object does not affect the others.

An API server only sends valid JSON, but msgspec refuses what is nested more deeply than Python's recursion limit, and
a broken proxy may send anything. Slow (about 15 MB/s), and only used after msgspec has failed. What is inside the
parts is not checked.
"""

import re

from exporter.errors import DecodeError

# Possessive: a string without an end must not be tried again in every possible way.
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_TOKEN = re.compile(_STRING + rb'|[][{},"]', re.DOTALL)
_MEMBER = re.compile(rb"(" + _STRING + rb")\s*:\s*(.*)", re.DOTALL)
_NESTING = {b"{": 1, b"[": 1, b"}": -1, b"]": -1}


def members(text: bytes, *names: str) -> list[bytes]:
    """Return members of a JSON object as written, b"" for those that are absent; raises DecodeError if it is none."""
    found = {match[1]: match[2] for match in map(_MEMBER.fullmatch, _parts(text, b"{}")) if match}
    return [found.get(f'"{name}"'.encode(), b"") for name in names]


def elements(text: bytes) -> list[bytes]:
    """Return the elements of a JSON array as they are written; raises DecodeError as `members` does."""
    return _parts(text, b"[]")


def _parts(text: bytes, brackets: bytes) -> list[bytes]:
    """Return what is between the commas of the outermost brackets."""
    text = text.strip()
    depth, start, parts = 0, 1, []
    for token in _TOKEN.finditer(text):
        depth += _NESTING.get(token[0], 0)
        if depth <= 0 or token[0] == b'"':
            break
        if depth == 1 and token[0] == b",":
            parts.append(text[start : token.start()].strip())
            start = token.end()
    else:
        depth = -1
    if depth or token.end() != len(text) or text[:1] + text[-1:] != brackets:
        raise DecodeError("JSON that is not one complete value")
    return [part for part in (*parts, text[start:-1].strip()) if part]
