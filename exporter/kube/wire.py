"""What the API server sends, decoded from bytes: pages of lists, lines of watches, errors.

Objects inside stay raw until their type is known, so that one that cannot be decoded does not affect
the others.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Protocol, TypeVar

import msgspec
from msgspec import Struct, field

from exporter.errors import DecodeError, StatusError, StreamError
from exporter.kube import salvage

MAX_LINE_BYTES = 16 * 1024 * 1024
"""etcd refuses objects above 1.5 MiB unless told otherwise: a line this long is not an event."""

_MAX_VERSION_DIGITS = 19
_NOT_SERVED = b"404 page not found"
_MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

T = TypeVar("T")


class Metadata(Struct, frozen=True):
    """What identifies a version of an object or of a list.

    Attributes:
        continue_token: of a page: names the next one, "" after the last.
    """

    uid: str = ""
    name: str = ""
    namespace: str = ""
    resource_version: str = field(default="", name="resourceVersion")
    continue_token: str = field(default="", name="continue")

    @property
    def key(self) -> str:
        """Return `namespace/name`, for messages."""
        name = self.name or "(no name)"
        return f"{self.namespace}/{name}" if self.namespace else name


class ObjectMetadata(Protocol):
    """The metadata of a decoded object: the caller's own type has at least these."""

    @property
    def uid(self) -> str: ...
    @property
    def namespace(self) -> str: ...
    @property
    def resource_version(self) -> str: ...


class Object(Protocol):
    """A decoded object of any kind."""

    @property
    def metadata(self) -> ObjectMetadata: ...


class PartialObject(Struct, frozen=True):
    """An object of which only the metadata is decoded."""

    metadata: Metadata = Metadata()


class ListPage(Struct, frozen=True):
    """One answer to a list. Both fields are required: `{}` from a proxy is not an empty cluster."""

    metadata: Metadata
    items: list[msgspec.Raw] | None


class WatchEvent(Struct, frozen=True):
    """One line of a watch; the object is decoded later, if the type is one that needs it."""

    type: str
    object: msgspec.Raw


class ApiStatus(Struct, frozen=True):
    """A `metav1.Status`: why a request failed."""

    kind: str = ""
    code: int = 0
    message: str = ""


_PARTIAL = msgspec.json.Decoder(PartialObject)
_METADATA = msgspec.json.Decoder(Metadata)
_PAGE = msgspec.json.Decoder(ListPage)
_EVENT = msgspec.json.Decoder(WatchEvent)
_STATUS = msgspec.json.Decoder(ApiStatus)
_STRING = msgspec.json.Decoder(str)


def decode(decoder: msgspec.json.Decoder[T], data: bytes | msgspec.Raw) -> T:
    """Decode JSON bytes; raises DecodeError, which names the place, if they are not of the decoder's type."""
    try:
        return decoder.decode(data)
    except _MALFORMED as exc:
        raise DecodeError(str(exc)) from exc


def decode_page(body: bytes) -> ListPage:
    """Decode one page of a list; raises StreamError."""
    try:
        page = _decode_or_split(_PAGE, body, _split_page)
    except DecodeError as exc:
        raise StreamError(f"the answer to a list is not a list: {exc}") from exc
    if not page.metadata.resource_version:
        raise StreamError("the answer to a list has no resourceVersion")
    return page


def decode_event(line: bytes) -> WatchEvent:
    """Decode one line of a watch; raises StreamError."""
    try:
        return _decode_or_split(_EVENT, line, _split_event)
    except DecodeError as exc:
        raise StreamError(f"a line of {len(line)} bytes in a watch is not an event: {exc}") from exc


def decode_metadata(raw: msgspec.Raw) -> Metadata:
    """Return the metadata of an event's object, which every event needs; raises StreamError."""
    try:
        return decode(_PARTIAL, raw).metadata
    except DecodeError as exc:
        raise StreamError(f"an event without readable metadata: {exc}") from exc


def identify(raw: bytes | msgspec.Raw) -> Metadata:
    """Return what identifies an object that need not or cannot be decoded: possibly nothing."""
    try:
        return _decode_or_split(_PARTIAL, bytes(raw), _split_object).metadata
    except DecodeError:
        return Metadata()


def error_of_event(raw: msgspec.Raw) -> StatusError:
    """Return the error of an ERROR event (the status of its answer is 200)."""
    try:
        status = decode(_STATUS, raw)
    except DecodeError:
        status = ApiStatus(message="an ERROR event without a readable status")
    return StatusError(status.code, _one_line(status.message))


def error_of_response(code: int, headers: Mapping[str, str], body: bytes) -> StatusError:
    """Return the error of an answer other than 200: a Status, or plain text (404 for a missing CRD)."""
    try:
        status = decode(_STATUS, body)
        is_own, message = status.kind == "Status", status.message
    except DecodeError:
        is_own, message = body.strip() == _NOT_SERVED, body.decode("utf-8", "replace")
    return StatusError(
        code, _one_line(message), _retry_after(headers.get("Retry-After")), is_not_served=code == 404 and is_own
    )


def version_number(version: str) -> int:
    """Return a resource version as a number, which may be compared since Kubernetes 1.35; 0: it is not one."""
    is_number = version.isdecimal() and version.isascii() and len(version) <= _MAX_VERSION_DIGITS
    return int(version) if is_number else 0


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Split a stream into lines that are not empty; raises StreamError for one that is too long or has no end."""
    unfinished: list[bytes] = []
    size = 0
    for chunk in chunks:
        start = 0
        # Faster than `split`, which looks at each byte.
        while (end := chunk.find(b"\n", start)) >= 0:
            if line := b"".join([*unfinished, chunk[start:end]]):
                yield line
            unfinished, size, start = [], 0, end + 1
        if rest := chunk[start:]:
            unfinished.append(rest)
            size += len(rest)
        if size > MAX_LINE_BYTES:
            # The error's traceback keeps this frame until the next try, which can be half a minute later.
            unfinished.clear()
            raise StreamError(f"a line in a watch is longer than {MAX_LINE_BYTES} bytes")
    if size:
        raise StreamError(f"the watch ended in the middle of a line, after {size} bytes of it")


def _decode_or_split(decoder: msgspec.json.Decoder[T], data: bytes, split: Callable[[bytes], T]) -> T:
    """Return what is decoded or, if that fails, split; raises the DecodeError of the first."""
    try:
        return decode(decoder, data)
    except DecodeError:
        with suppress(DecodeError):
            return split(data)
        raise


def _split_page(body: bytes) -> ListPage:
    metadata, items = salvage.members(body, "metadata", "items")
    parts = [] if items == b"null" else salvage.elements(items)
    return ListPage(decode(_METADATA, metadata), [msgspec.Raw(item) for item in parts])


def _split_event(line: bytes) -> WatchEvent:
    type_, obj = salvage.members(line, "type", "object")
    if not obj:
        raise DecodeError("an event without an object")
    return WatchEvent(decode(_STRING, type_), msgspec.Raw(obj))


def _split_object(raw: bytes) -> PartialObject:
    (metadata,) = salvage.members(raw, "metadata")
    return PartialObject(
        Metadata(*map(_string, salvage.members(metadata, "uid", "name", "namespace", "resourceVersion")))
    )


def _string(value: bytes) -> str:
    try:
        return decode(_STRING, value)
    except DecodeError:
        return ""


def _retry_after(value: str | None) -> float | None:
    """Read Retry-After as seconds; as a date, which no API server sends, it is ignored."""
    return float(value) if value and value.isascii() and value.isdigit() and len(value) < 10 else None


def _one_line(message: str) -> str:
    return " ".join(message.split())[:500] or "no message"
