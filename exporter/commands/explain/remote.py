"""Reads the objects of a running exporter through its API (docs/api.md)."""

import json
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

import msgspec

from exporter.commands.explain.report import printable
from exporter.diagnosis.related import Known
from exporter.errors import ConfigError, StreamError
from exporter.shard import Shard
from exporter.views.views import ObjectView

TIMEOUT_SECONDS = 10.0
PAGE_SIZE = 1000
MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_PAGES = 1000


class ExporterInfo(msgspec.Struct, frozen=True):
    """What the exporter watches, and whether it receives the changes."""

    events: bool = True
    pods: bool = True
    fresh: bool = True
    shard: Shard | None = None


class Listing(msgspec.Struct):
    """One page of the API's list; fields that are not read here are ignored."""

    items: list[ObjectView]
    exporter: ExporterInfo = ExporterInfo()
    continue_token: str = msgspec.field(default="", name="continue")


_DECODER = msgspec.json.Decoder(Listing)


def check_url(url: str) -> str:
    """Return the address of an exporter without a slash at its end; raises ConfigError."""
    if "@" in url:
        # Not repeated: what is before it may be a password.
        raise ConfigError("--url: an address with a user or a password is not supported")
    if not _is_address(url):
        raise ConfigError(f"--url: '{printable(url)}' is not an address such as 'http://127.0.0.1:8080'")
    return url.rstrip("/")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError if it is none
    except ValueError:
        return False
    is_complete = parts.scheme in ("http", "https") and bool(parts.hostname)
    return is_complete and not any(char.isspace() or char in "?#" for char in url)


def read_views(url: str, query: dict[str, str]) -> tuple[list[ObjectView], Known, bool]:
    """Return the objects of all pages, what the exporter watches, and whether it receives all changes.

    Raises:
        StreamError: the exporter does not answer, or not with its API.
    """
    views: list[ObjectView] = []
    token = ""
    for _ in range(MAX_PAGES):
        page = _page(url, query | {"limit": str(PAGE_SIZE)} | ({"continue": token} if token else {}))
        views += page.items
        token = page.continue_token
        if not token:
            of = page.exporter
            return views, Known(pods=of.pods, events=of.events, shard=of.shard), of.fresh
    raise StreamError(f"{url} answered with more than {MAX_PAGES} pages")


def _page(url: str, query: dict[str, str]) -> Listing:
    address = f"{url}/api/v1/objects?{urlencode(query)}"
    try:
        with urlopen(Request(address), timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - http or https, as checked
            return _DECODER.decode(answer.read(MAX_BODY_BYTES))
    except HTTPError as exc:
        raise StreamError(f"{url} answered {exc.code}: {_reason(exc)}") from exc
    except (msgspec.MsgspecError, RecursionError) as exc:
        raise StreamError(f"{url} did not answer with the exporter's API: {exc}") from exc
    except (OSError, HTTPException, ValueError) as exc:
        # urllib wraps what the operating system says.
        reason = getattr(exc, "reason", exc)
        words = getattr(reason, "strerror", None) or str(reason).strip()
        raise StreamError(f"couldn't read {url}: {printable(words)}") from exc


def _reason(exc: HTTPError) -> str:
    """Return the `error` of an answer of the API, or its status line."""
    try:
        body: Any = json.loads(exc.read(4096))
        return printable(str(body["error"]))
    except (ValueError, KeyError, TypeError, OSError, HTTPException, RecursionError):
        return str(exc.reason)
