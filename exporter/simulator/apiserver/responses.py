"""The responses of the simulated API server: Status objects, bookmarks and plain text, word for word as recorded.

It hides the wording of kube-apiserver v1.36: the keys of an error, their order, and the headers.

Not promised: when each response is sent. No function here reads the store.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from exporter.simulator.api_conventions import EVENTS, PODS, api_version, group, is_core, kind_name
from exporter.simulator.apiserver.requests import Request
from exporter.simulator.apiserver.store import ExpiredError, FutureVersionError

_JSON_TYPE = ("Content-Type", "application/json")
_NOSNIFF = ("X-Content-Type-Options", "nosniff")

_VERSION_BODY = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.3",
    "gitCommit": "$Format:%H$",
    "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "go1.26.8",
    "compiler": "gc",
    "platform": "linux/amd64",
}
# What Go encodes of an empty object, although omitempty leaves out most.
_EMPTY: dict[str, dict[str, Any]] = {
    EVENTS: {
        "involvedObject": {},
        "source": {},
        "firstTimestamp": None,
        "lastTimestamp": None,
        "eventTime": None,
        "reportingComponent": "",
        "reportingInstance": "",
    },
    PODS: {"spec": {"containers": None}, "status": {}},
}
CONTINUE_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new "
    "list without the continue parameter, or use the continue token in this response to retrieve the "
    "remainder of the results. Continuing with the provided token results in an inconsistent list - "
    "objects that were created, modified, or deleted between the time the first chunk was returned and now "
    "may show up in the list."
)


class ApiResponse(msgspec.Struct, frozen=True):
    """A whole response. The last two fields make it an incomplete one.

    `content_length` is sent whatever the length of the body is; `cut_after` closes the connection after so
    many bytes of the body.
    """

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (_JSON_TYPE,)
    content_length: int | None = None
    cut_after: int | None = None


def version() -> ApiResponse:
    """Return the response to /version."""
    return ApiResponse(200, msgspec.json.format(msgspec.json.encode(_VERSION_BODY), indent=2))


def resource_list(plurals: Sequence[str]) -> ApiResponse:
    """Return the response of discovery for kinds of one group; without any, the group is not served."""
    if not plurals:
        return not_served()
    resources = [
        {"name": plural, "singularName": kind_name(plural).lower(), "namespaced": True, "kind": kind_name(plural)}
        for plural in plurals
    ]
    head = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version(plurals[0])}
    return ApiResponse(200, msgspec.json.encode({**head, "resources": resources}) + b"\n")


def text(status: int, body: bytes) -> ApiResponse:
    """Return a response in plain text."""
    headers = ("Content-Type", "text/plain; charset=utf-8"), _NOSNIFF
    return ApiResponse(status, body, headers)


def not_served() -> ApiResponse:
    """Return the response for unknown paths and for kinds without a CRD."""
    return text(404, b"404 page not found\n")


def status(
    code: int,
    reason: str,
    message: str,
    *,
    details: dict[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
    headers: tuple[tuple[str, str], ...] = (),
) -> ApiResponse:
    """Return an error as a Status object, with its keys in the order of the real server."""
    obj: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": metadata or {}}
    obj |= {"status": "Failure", "message": message, "reason": reason}
    if details is not None:
        obj["details"] = details
    obj["code"] = code
    body = msgspec.json.encode(obj) + b"\n"
    return ApiResponse(code, body, (_JSON_TYPE, *headers))


def forbidden(request: Request, user: str) -> ApiResponse:
    """Return the refusal of a request that RBAC does not allow."""
    scope = f'in the namespace "{request.namespace}"' if request.namespace else "at the cluster scope"
    details = details_of(request.plural)
    message = (
        f'{qualified(request.plural)} is forbidden: User "{user}" cannot {request.verb} resource '
        f'"{request.plural}" in API group "{details.get("group", "")}" {scope}'
    )
    return status(403, "Forbidden", message, details=details, headers=(_NOSNIFF,))


def qualified(plural: str) -> str:
    """Return `rayjobs.ray.io` for `rayjobs`; kinds of the core group have no suffix."""
    return f"{plural}.{group(plural)}".removesuffix(".")


def details_of(plural: str) -> dict[str, str]:
    """Return the details of a Status about a kind; the core group is not named."""
    return {"kind": plural} if is_core(plural) else {"group": group(plural), "kind": plural}


def watch_expired(plural: str, error: ExpiredError) -> bytes:
    """Return the line of a watch that begins at a version that is too old."""
    # Events are not in the watch cache: the message is that of etcd.
    message = "The resourceVersion for the provided watch is too old." if plural == EVENTS else str(error)
    return b'{"type":"ERROR","object":%b}\n' % status(410, "Expired", message).body[:-1]


def too_large(error: FutureVersionError) -> ApiResponse:
    """Return the refusal of a version that does not exist yet."""
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    details = {"causes": [cause], "retryAfterSeconds": 1}
    return status(504, "Timeout", f"Timeout: {error}", details=details, headers=(("Retry-After", "1"),))


def bookmark(request: Request, version: int, **metadata: Any) -> bytes:
    """Return the line of a watch with its present resourceVersion and no object."""
    plural = request.plural
    obj: dict[str, Any] = {"kind": kind_name(plural), "apiVersion": api_version(plural)}
    if is_core(plural):
        obj |= {"metadata": {"resourceVersion": str(version), **metadata}, **_EMPTY[plural]}
    else:
        obj = {**dict(sorted(obj.items())), "metadata": {**metadata, "resourceVersion": str(version)}}
    return msgspec.json.encode({"type": "BOOKMARK", "object": obj}) + b"\n"
