"""Files that others write or replace, read with bounds, whatever they have become; files for libraries."""

import errno
import math
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

MAX_FILE_BYTES = 8 * 1024 * 1024
"""A kubeconfig of a thousand clusters has 6 MB."""

MAX_YAML_DEPTH = 1000
"""Levels of nesting: libyaml ends the process when it loads many more."""

MAX_YAML_GROWTH = 10
"""How many times larger YAML may become by its aliases."""

MAX_SETTINGS = 100_000
"""Values in a file of settings, each of up to 1 KB while it is loaded. A kubeconfig of a thousand clusters has half."""

_FREE_CHARACTERS = 1024 * 1024


def read_file(path: Path | str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """Return the content of a file, without waiting for the writer of a named pipe.

    Raises:
        OSError: it cannot be read, is not a regular file, or has more than `max_bytes`; its `strerror` says so.
        ValueError: there can be no such path.
    """
    # The file may be replaced at any time: what is checked is what was opened.
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {max_bytes} bytes", str(path))
    return content


def check_yaml(data: bytes, loader: Any = yaml.CSafeLoader, max_values: float = math.inf) -> None:
    """Raise YAMLError if it is no YAML, nested too deeply, has too many values, or would grow too much by aliases."""
    limit = max(MAX_YAML_GROWTH * len(data), _FREE_CHARACTERS)
    sizes: dict[str, int] = {}
    # The anchors of the collections that are open, and the size of each so far; the first is that of the file.
    anchors, counts = [""], [0]
    for number, event in enumerate(yaml.parse(data, Loader=loader)):
        if number > max_values:
            raise yaml.YAMLError(f"more than {max_values} values")
        anchor, size = getattr(event, "anchor", None) or "", 1
        if isinstance(event, yaml.CollectionStartEvent):
            anchors.append(anchor)
            counts.append(1)
            if len(counts) > MAX_YAML_DEPTH:
                raise yaml.YAMLError(f"more than {MAX_YAML_DEPTH} levels of nesting")
            continue
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, size = anchors.pop(), counts.pop()
        elif isinstance(event, yaml.ScalarEvent):
            size += len(event.value)
        elif isinstance(event, yaml.AliasEvent):
            # An alias to what contains it has no size: it is refused when it is encoded.
            size = sizes.get(anchor, 1)
        sizes[anchor] = size
        counts[-1] += size
        if counts[-1] > limit:
            raise yaml.YAMLError("aliases that expand to too much")


@contextmanager
def private_file(data: bytes) -> Iterator[str]:
    """Yield the path of a file with this content, for libraries that read keys from files only.

    Only this process can open it. Raises OSError if there is no place for it.
    """
    if hasattr(os, "memfd_create"):
        # In memory: the container's file system may be read-only, and a key should not reach a disk.
        descriptor = os.memfd_create("private")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            yield f"/proc/self/fd/{descriptor}"
    else:
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            yield file.name
