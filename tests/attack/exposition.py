"""What a plain body of /metrics shows, and whether every strict reader accepts it."""

import math
import re

from tests.attack.world import INFO_FAMILIES
from tests.support import bodies

MOST_PARSED_BYTES = 2_000_000
"""The client library's parsers need a second for a megabyte; larger bodies are only read line by line."""


def objects(body: bytes, plural: str) -> set[str]:
    """Return `namespace/name` of every object that the body has an info series of."""
    lines = re.findall(rf"^{INFO_FAMILIES[plural]}\{{(.*)\}} 1$", body.decode(), re.MULTILINE)
    return {f"{_label(line, 'namespace')}/{_label(line, 'name')}" for line in lines}


def fault(body: bytes) -> str | None:
    """Return why a strict reader refuses the body, or None."""
    for line in body.decode().splitlines():
        token = line.rsplit(" ", 1)[-1]
        # Python reads 400 digits as infinity; Go, and so Prometheus, refuses the whole body.
        if not line.startswith("#") and token.lstrip("+-")[:1].isdigit() and math.isinf(float(token)):
            return f"a value of {len(token)} characters is out of range"
    if len(body) > MOST_PARSED_BYTES:
        return None
    try:
        bodies.parse(body)
    except (AssertionError, ValueError) as exc:
        return f"the strict parser refuses the body: {str(exc)[:200]}"
    return None


def _label(labels: str, name: str) -> str:
    match = re.search(rf'(?:^|,){name}="([^"]*)"', labels)
    return match[1] if match else ""
