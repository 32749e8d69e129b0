"""The responses of the simulated API server: Status objects, bookmarks and plain text, word for word as recorded.

It hides the wording of kube-apiserver v1.36: the keys of an error, their order, and the headers.

Not promised: when each response is sent. No function here reads the store.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from exporter.simulator.api_conventions import API_VERSION, kind_name
from exporter.simulator.apiserver.requests import Request
from exporter.simulator.apiserver.store import FutureVersionError

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
CONTINUE_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new "
    "list without the continue parameter, or use the continue token in this response to retrieve the "
    "remainder of the results. Continuing with the provided token results in an inconsistent list - "
    "objects that were created, modified, or deleted between the time the first chunk was returned and now "
    "may show up in the list."
)


class Response(msgspec.Struct, frozen=True):
    """A whole response. The last two fields make it an incomplete one.

    `content_length` is sent whatever the length of the body is; `cut_after` closes the connection after so
    many bytes of the body.
    """

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (_JSON_TYPE,)
    content_length: int | None = None
    cut_after: int | None = None


def version() -> Response:
    """Return the response to /version."""
    return Response(200, msgspec.json.format(msgspec.json.encode(_VERSION_BODY), indent=2))


def resource_list(plurals: Sequence[str]) -> Response:
    """Return the response of discovery: the kinds that are installed; without any, the group is not served."""
    if not plurals:
        return not_served()
    resources = [
        {"name": plural, "singularName": kind_name(plural).lower(), "namespaced": True, "kind": kind_name(plural)}
        for plural in plurals
    ]
    obj = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": API_VERSION, "resources": resources}
    return Response(200, msgspec.json.encode(obj) + b"\n")


def text(status: int, body: bytes) -> Response:
    """Return a response in plain text."""
    headers = ("Content-Type", "text/plain; charset=utf-8"), _NOSNIFF
    return Response(status, body, headers)


def not_served() -> Response:
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
) -> Response:
    """Return an error as a Status object, with its keys in the order of the real server."""
    obj: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": metadata or {}}
    obj |= {"status": "Failure", "message": message, "reason": reason}
    if details is not None:
        obj["details"] = details
    obj["code"] = code
    body = msgspec.json.encode(obj) + b"\n"
    return Response(code, body, (_JSON_TYPE, *headers))


def forbidden(request: Request, user: str) -> Response:
    """Return the refusal of a request that RBAC does not allow."""
    scope = f'in the namespace "{request.namespace}"' if request.namespace else "at the cluster scope"
    message = (
        f'{request.plural}.ray.io is forbidden: User "{user}" cannot {request.verb} resource '
        f'"{request.plural}" in API group "ray.io" {scope}'
    )
    details = {"group": "ray.io", "kind": request.plural}
    return status(403, "Forbidden", message, details=details, headers=(_NOSNIFF,))


def too_large(error: FutureVersionError) -> Response:
    """Return the refusal of a version that does not exist yet."""
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    details = {"causes": [cause], "retryAfterSeconds": 1}
    return status(504, "Timeout", f"Timeout: {error}", details=details, headers=(("Retry-After", "1"),))


def bookmark(request: Request, version: int, **metadata: Any) -> bytes:
    """Return the line of a watch with its present resourceVersion and no object."""
    metadata["resourceVersion"] = str(version)
    obj = {"apiVersion": API_VERSION, "kind": kind_name(request.plural), "metadata": metadata}
    return msgspec.json.encode({"type": "BOOKMARK", "object": obj}) + b"\n"
