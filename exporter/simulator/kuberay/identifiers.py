"""Uids, suffixes and hashes that are derived from others.

Pods and Events get theirs in this way and not from random numbers, so that the custom resources are the same with and
without them.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Final

# The letters and digits of which Kubernetes makes the suffixes of generated names.
SUFFIX_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"


def derived_uid(*parts: object) -> str:
    """Return a uid; the same parts give the same one."""
    return str(uuid.UUID(bytes=_digest(parts)[:16], version=4))


def derived_suffix(*parts: object) -> str:
    """Return five letters, as a controller appends them to the name of a pod."""
    return "".join(SUFFIX_LETTERS[byte % len(SUFFIX_LETTERS)] for byte in _digest(parts)[:5])


def derived_hash(*parts: object) -> str:
    """Return 64 hexadecimal digits, as the id of a container has."""
    return _digest(parts).hex()


def derived_number(count: int, *parts: object) -> int:
    """Return a number from 1 to `count`."""
    return _digest(parts)[0] % count + 1


def _digest(parts: tuple[object, ...]) -> bytes:
    return hashlib.sha256("/".join(map(str, parts)).encode()).digest()
