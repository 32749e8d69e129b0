"""The log file: rotated as the KubeRay operator does it, with lumberjack."""

import errno
import os
import stat
import time
from contextlib import suppress
from pathlib import Path

# lumberjack's MaxSize, MaxBackups and MaxAge.
FILE_MAX_BYTES = 500 * 1024 * 1024
FILE_BACKUPS = 10
FILE_MAX_AGE_SECONDS = 30 * 24 * 3600


class RotatedFile:
    """A file that is rotated by size; rotated ones are removed by number and by age. Devices are not rotated."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open()
        self._remove_old()

    def write(self, line: str) -> None:
        data = f"{line}\n".encode(errors="backslashreplace")
        if self._is_regular and self._size > 0 and self._size + len(data) > FILE_MAX_BYTES:
            self._rotate()
        if self._file.write(data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += len(data)

    def _open(self) -> None:
        self._file = self._path.open("ab", buffering=0)
        status = os.fstat(self._file.fileno())
        self._is_regular, self._size = stat.S_ISREG(status.st_mode), status.st_size

    def _rotate(self) -> None:
        self._file.close()
        try:
            for number in range(FILE_BACKUPS - 1, -1, -1):
                with suppress(FileNotFoundError):
                    self._rotated(number).rename(self._rotated(number + 1))
        finally:
            self._open()
        self._remove_old()

    def _rotated(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path

    def _remove_old(self) -> None:
        oldest = time.time() - FILE_MAX_AGE_SECONDS
        for number in range(1, FILE_BACKUPS + 1):
            with suppress(OSError):
                if self._rotated(number).stat().st_mtime < oldest:
                    self._rotated(number).unlink()
