"""Files that were read, and whether they have changed since."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class ReadFile(NamedTuple):
    """A file as it was when it was read; `stamp` is None if there was none."""

    path: Path
    stamp: tuple[int, int, int] | None


class FileReader:
    """Reads files, and remembers which, and their state before they were read. For one thread."""

    def __init__(self) -> None:
        self._files: list[ReadFile] = []

    @property
    def files(self) -> tuple[ReadFile, ...]:
        return tuple(self._files)

    def read(self, path: Path) -> bytes:
        """Return a file's content; raises OSError."""
        self._files.append(ReadFile(path, _stamp(path)))
        return path.read_bytes()


def have_changed(files: Iterable[ReadFile]) -> bool:
    """Tell whether one of the files is another than when it was read."""
    return any(_stamp(file.path) != file.stamp for file in files)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        # Follows links: Kubernetes exchanges the link to a mounted volume's folder.
        state = os.stat(path)  # noqa: PTH116 - one call that raises alike on all versions
    except OSError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns
