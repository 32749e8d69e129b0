"""The requests to the simulated API server: their parameters and their continue tokens.

It hides the syntax of paths, query strings and tokens, and the messages of the real server for those that
it cannot parse.

Not promised: all parameters. Those that the exporter does not use are ignored.
"""

import base64

import msgspec

from exporter.simulator.api_conventions import KUEUE_GROUP, KUEUE_VERSIONS, WORKLOADS, group, is_core


class BadRequestError(Exception):
    """A parameter that cannot be parsed; the message is that of the Status."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request. Header names are in lower case; `verb` is list, watch, get or ''."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    verb: str
    plural: str
    namespace: str | None
    name: str | None
    body: bytes = b""

    @property
    def prefix(self) -> str:
        """Return the prefix of the keys of all requested objects."""
        return f"{self.namespace}/" if self.namespace else ""

    @property
    def wants_bookmarks(self) -> bool:
        """Return whether the client requests bookmarks in a watch."""
        return self.query.get("allowWatchBookmarks") in {"true", "1"}

    @property
    def accepts_gzip(self) -> bool:
        """Return whether the client accepts a compressed response."""
        accepted = self.headers.get("accept-encoding", "").split(",")
        return any(coding.split(";")[0].strip() == "gzip" for coding in accepted)

    def number(self, parameter: str) -> int:
        """Return a parameter, 0 if it is absent; raise BadRequestError."""
        text = self.query.get(parameter) or "0"
        if not text.isdecimal():
            raise BadRequestError(f'strconv.ParseInt: parsing "{text}": invalid syntax')
        return int(text)

    def version(self) -> int | None:
        """Return the resourceVersion, None if there is none; raise BadRequestError."""
        text = self.query.get("resourceVersion")
        if not text:
            return None
        if not text.isdecimal():
            raise BadRequestError(
                f'invalid resource version: resourceVersion: Invalid value: "{text}": '
                f'strconv.ParseUint: parsing "{text}": invalid syntax'
            )
        return int(text)


def resource_of(path: str) -> tuple[str, str | None, str | None]:
    """Return plural, namespace and name of a path; the plural is empty for any other path."""
    match path.split("/")[1:]:
        case ["apis", "ray.io", "v1", *rest]:
            plural, namespace, name = _split(rest)
            return (plural, namespace, name) if group(plural) == "ray.io" else ("", None, None)
        case ["apis", group_name, version, *rest] if group_name == KUEUE_GROUP and version in KUEUE_VERSIONS:
            plural, namespace, name = _split(rest)
            return (plural, namespace, name) if plural == WORKLOADS else ("", None, None)
        case ["api", "v1", *rest]:
            plural, namespace, name = _split(rest)
            return (plural, namespace, name) if is_core(plural) else ("", None, None)
    return "", None, None


def _split(rest: list[str]) -> tuple[str, str | None, str | None]:
    match rest:
        case [plural]:
            return plural, None, None
        case ["namespaces", namespace, plural]:
            return plural, namespace, None
        case ["namespaces", namespace, plural, name]:
            return plural, namespace, name
    return "", None, None


def encode_token(version: int, start: str) -> str:
    """Return the opaque token that `decode_token` reads, in the format of the real server."""
    token = msgspec.json.encode({"v": "meta.k8s.io/v1", "rv": version, "start": start})
    return base64.urlsafe_b64encode(token).rstrip(b"=").decode()


def decode_token(token: str) -> tuple[int, str]:
    """Return the version (-1: the present one) and the next key, relative to the prefix of the list.

    Raise BadRequestError.
    """
    try:
        decoded = msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return int(decoded["rv"]), str(decoded["start"]).lstrip("/")
    except (ValueError, KeyError, TypeError, msgspec.MsgspecError) as exc:
        raise BadRequestError(f"continue key is not valid: {exc}") from exc
