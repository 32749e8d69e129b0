"""Whether the API server itself says that a kind is not installed.

A proxy in front of it, or a wrong path in the kubeconfig's `server`, answers 404 as well. Objects must not be dropped
for that.
"""

from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import Struct, field

from exporter.errors import DecodeError, StatusError, StreamError
from exporter.kube import wire

VERSION_PATH = "/version"

T = TypeVar("T")

Get = Callable[[str], bytes]
"""Sends a GET request for a path and returns the body; raises ApiError."""


class _ApiResource(Struct, frozen=True):
    name: str


class _ApiResourceList(Struct, frozen=True):
    resources: list[_ApiResource]


class _Version(Struct, frozen=True):
    git_version: str = field(name="gitVersion")


_RESOURCES = msgspec.json.Decoder(_ApiResourceList)
_VERSION = msgspec.json.Decoder(_Version)


def is_installed(get: Get, group_path: str, plural: str) -> bool:
    """Ask the discovery of a group (`/apis/ray.io/v1`) whether it serves a kind.

    Raises:
        ApiError: the answer is not that of an API server, so nothing is known.
    """
    try:
        resources = _decode(_RESOURCES, get(group_path), group_path).resources
    except StatusError as error:
        if not error.is_not_served:
            raise
        # The whole group is missing. So that it is not the path that is wrong: every API server has a version.
        _decode(_VERSION, get(VERSION_PATH), VERSION_PATH)
        return False
    return any(resource.name == plural for resource in resources)


def _decode(decoder: msgspec.json.Decoder[T], body: bytes, path: str) -> T:
    try:
        return wire.decode(decoder, body)
    except DecodeError as exc:
        raise StreamError(f"the answer to {path} is not that of an API server: {exc}") from exc
