"""What the API server sends, decoded from bytes: pages of lists, lines of watches, errors.

Objects inside stay raw until their type is known, so that one that cannot be decoded does not affect
the others.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

import msgspec
from msgspec import Struct, field

from exporter.errors import DecodeError, StatusError, StreamError
from exporter.kube import salvage
from exporter.kube.transport import Response

MAX_LINE_BYTES = 16 * 1024 * 1024
"""etcd refuses objects above 1.5 MiB unless told otherwise: a line this long is not an event."""

_MAX_ERROR_BYTES = 64 * 1024
_MAX_VERSION_DIGITS = 19
_NOT_SERVED = b"404 page not found"
_MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

T = TypeVar("T")


class Metadata(Struct, frozen=True):
    """What identifies a version of an object."""

    uid: str = ""
    name: str = ""
    namespace: str = ""
    resource_version: str = field(default="", name="resourceVersion")

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
    def resource_version(self) -> str: ...


class Object(Protocol):
    """A decoded object of any kind."""

    @property
    def metadata(self) -> ObjectMetadata: ...


class PartialObject(Struct, frozen=True):
    """An object of which only the metadata is decoded."""

    metadata: Metadata = Metadata()


class ListMetadata(Struct, frozen=True):
    """The metadata of a page: the version of the list, and the token of the next page, "" after the last."""

    resource_version: str = field(name="resourceVersion")
    continue_token: str = field(default="", name="continue")


class ListPage(Struct, frozen=True):
    """One answer to a list. Both fields are required: `{}` from a proxy is not an empty cluster."""

    metadata: ListMetadata
    items: list[msgspec.Raw] | None


class WatchEvent(Struct, frozen=True):
    """One line of a watch; the object is decoded later, if the type is one that needs it."""

    type: str
    object: msgspec.Raw


class StatusDetails(Struct, frozen=True):
    """Details of a `metav1.Status`; only how long to wait is used."""

    retry_after_seconds: int | None = field(default=None, name="retryAfterSeconds")


class ApiStatus(Struct, frozen=True):
    """A `metav1.Status`: why a request failed."""

    kind: str = ""
    code: int = 0
    message: str = ""
    details: StatusDetails | None = None


_PARTIAL = msgspec.json.Decoder(PartialObject)
_PAGE = msgspec.json.Decoder(ListPage)
_LIST_METADATA = msgspec.json.Decoder(ListMetadata)
_STRING = msgspec.json.Decoder(str)
_EVENT = msgspec.json.Decoder(WatchEvent)
_STATUS = msgspec.json.Decoder(ApiStatus)


def decode(decoder: msgspec.json.Decoder[T], data: bytes | msgspec.Raw) -> T:
    """Decode JSON bytes.

    Raises:
        DecodeError: not JSON, or not of the decoder's type; the message names the place.
    """
    try:
        return decoder.decode(data)
    except _MALFORMED as exc:
        raise DecodeError(str(exc)) from exc


def decode_metadata(raw: bytes | msgspec.Raw) -> Metadata:
    """Return an object's metadata, whatever else is in it; raises DecodeError."""
    return decode(_PARTIAL, raw).metadata


def identify(raw: bytes | msgspec.Raw) -> Metadata:
    """Return what identifies an object that cannot be decoded: possibly nothing."""
    try:
        return decode_metadata(raw)
    except DecodeError:
        return _salvaged_metadata(bytes(raw))


def decode_page(body: bytes) -> ListPage:
    """Decode one page of a list; raises StreamError."""
    try:
        page = decode(_PAGE, body)
    except DecodeError as exc:
        try:
            page = _salvaged_page(body)
        except (DecodeError, KeyError):
            raise StreamError(f"the answer to a list is not a list: {exc}") from exc
    if not page.metadata.resource_version:
        raise StreamError("the answer to a list has no resourceVersion")
    return page


def decode_event(line: bytes) -> WatchEvent:
    """Decode one line of a watch; raises StreamError."""
    try:
        return decode(_EVENT, line)
    except DecodeError as exc:
        try:
            event = salvage.members(line)
            return WatchEvent(decode(_STRING, event[b"type"]), msgspec.Raw(event[b"object"]))
        except (DecodeError, KeyError):
            raise StreamError(f"a line of {len(line)} bytes in a watch is not an event: {exc}") from exc


def _salvaged_page(body: bytes) -> ListPage:
    """Split a page of which an item is malformed."""
    page = salvage.members(body)
    items = page[b"items"]
    return ListPage(
        decode(_LIST_METADATA, page[b"metadata"]),
        None if items == b"null" else [msgspec.Raw(item) for item in salvage.elements(items)],
    )


def _salvaged_metadata(raw: bytes) -> Metadata:
    """Return what can be read of a malformed object's metadata."""
    try:
        metadata = salvage.members(salvage.members(raw)[b"metadata"])
    except (DecodeError, KeyError):
        return Metadata()
    fields = {}
    for field_ in msgspec.structs.fields(Metadata):
        try:
            fields[field_.name] = decode(_STRING, metadata[field_.encode_name.encode()])
        except (DecodeError, KeyError):
            continue
    return Metadata(**fields)


def error_of_event(raw: msgspec.Raw) -> StatusError:
    """Return the error of an ERROR event (the status of its answer is 200)."""
    try:
        status = decode(_STATUS, raw)
    except DecodeError:
        status = ApiStatus(message="an ERROR event without a readable status")
    retry_after = status.details.retry_after_seconds if status.details else None
    return StatusError(status.code, _one_line(status.message), retry_after)


def error_of_response(response: Response) -> StatusError:
    """Return the error of an answer other than 200: a Status, or plain text (404 for a missing CRD)."""
    body = response.read(_MAX_ERROR_BYTES)
    try:
        status = decode(_STATUS, body)
        is_own, message = status.kind == "Status", status.message
    except DecodeError:
        is_own, message = body.strip() == _NOT_SERVED, body.decode("utf-8", "replace")
    return StatusError(
        response.status,
        _one_line(message),
        _retry_after(response.headers.get("Retry-After")),
        is_not_served=response.status == 404 and is_own,
    )


def is_version(text: str) -> bool:
    """Tell whether it is a resource version that can be compared, which is allowed since Kubernetes 1.35."""
    return text.isdecimal() and text.isascii() and len(text) <= _MAX_VERSION_DIGITS


def is_lower(version: str, than: str) -> bool:
    """Compare resource versions; what is not a number is not lower."""
    return is_version(version) and is_version(than) and int(version) < int(than)


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Split a stream into lines that are not empty.

    Raises:
        StreamError: a line is longer than an event can be, or the stream ends in the middle of one.
    """
    unfinished: list[bytes] = []
    size = 0
    for chunk in chunks:
        *complete, rest = chunk.split(b"\n")
        if complete:
            complete[0] = b"".join([*unfinished, complete[0]])
            yield from filter(None, complete)
            unfinished, size = [], 0
        unfinished.append(rest)
        size += len(rest)
        if size > MAX_LINE_BYTES:
            raise StreamError(f"a line in a watch is longer than {MAX_LINE_BYTES} bytes")
    if size:
        raise StreamError(f"the watch ended in the middle of a line, after {size} bytes of it")


def _retry_after(value: str | None) -> float | None:
    """Read Retry-After as seconds; as a date, which no API server sends, it is ignored."""
    return float(value) if value and value.isascii() and value.isdigit() and len(value) < 10 else None


def _one_line(message: str) -> str:
    return " ".join(message.split())[:500] or "no message"
