"""What the simulated API server says: answers, Status objects and bookmarks, word for word as recorded.

It hides the wording of kube-apiserver v1.36: which keys an error has, in which order, with which headers.

Not promised: to know when to say what. No function here looks at the store.
"""

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


class Answer(msgspec.Struct, frozen=True):
    """A whole answer. The last two make it a broken one.

    `content_length` is announced whatever the body has; `cut_after` closes the connection after so
    many bytes of the body.
    """

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (_JSON_TYPE,)
    content_length: int | None = None
    cut_after: int | None = None


def version() -> Answer:
    """Return the answer to /version."""
    return Answer(200, msgspec.json.format(msgspec.json.encode(_VERSION_BODY), indent=2))


def text(status: int, body: bytes) -> Answer:
    """Return an answer in plain text."""
    headers = ("Content-Type", "text/plain; charset=utf-8"), _NOSNIFF
    return Answer(status, body, headers)


def not_served() -> Answer:
    """Return what is said of paths that lead nowhere, kinds without a CRD among them."""
    return text(404, b"404 page not found\n")


def status(
    code: int,
    reason: str,
    message: str,
    *,
    details: dict[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
    headers: tuple[tuple[str, str], ...] = (),
) -> Answer:
    """Return an error as a Status object, with its keys in the order of the real one."""
    obj: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": metadata or {}}
    obj |= {"status": "Failure", "message": message, "reason": reason}
    if details is not None:
        obj["details"] = details
    obj["code"] = code
    body = msgspec.json.encode(obj) + b"\n"
    return Answer(code, body, (_JSON_TYPE, *headers))


def forbidden(request: Request, user: str) -> Answer:
    """Return the refusal of what RBAC does not allow the user."""
    scope = f'in the namespace "{request.namespace}"' if request.namespace else "at the cluster scope"
    message = (
        f'{request.plural}.ray.io is forbidden: User "{user}" cannot {request.verb} resource '
        f'"{request.plural}" in API group "ray.io" {scope}'
    )
    details = {"group": "ray.io", "kind": request.plural}
    return status(403, "Forbidden", message, details=details, headers=(_NOSNIFF,))


def too_large(error: FutureVersionError) -> Answer:
    """Return the refusal of a version that was never reached."""
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    details = {"causes": [cause], "retryAfterSeconds": 1}
    return status(504, "Timeout", f"Timeout: {error}", details=details, headers=(("Retry-After", "1"),))


def bookmark(request: Request, version: int, **metadata: Any) -> bytes:
    """Return the line of a watch that says how far it is."""
    metadata["resourceVersion"] = str(version)
    obj = {"apiVersion": API_VERSION, "kind": kind_name(request.plural), "metadata": metadata}
    return msgspec.json.encode({"type": "BOOKMARK", "object": obj}) + b"\n"
