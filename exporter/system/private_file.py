"""A file that only this process can open, for libraries that read keys from files only."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def private_file(data: bytes) -> Iterator[str]:
    """Yield the path of a file with this content. It raises OSError if there is no place for it."""
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
