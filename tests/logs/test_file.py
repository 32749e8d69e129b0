"""The log file: rotated by size, number and age."""

import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from exporter.logs import configuration as log_file
from exporter.logs.configuration import RotatedFile

Open = Callable[[Path], RotatedFile]


@pytest.fixture
def rotated_file() -> Iterator[Open]:
    """Return what opens a file that is closed after the test."""
    with ExitStack() as stack:

        def open_(path: Path) -> RotatedFile:
            file = RotatedFile(path)
            stack.callback(lambda: file._file.close())
            return file

        yield open_


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of a file that is rotated at 200 bytes."""
    monkeypatch.setattr(log_file, "FILE_MAX_BYTES", 200)
    return tmp_path / "exporter.log"


def test_rotation_by_size_and_number(path: Path, rotated_file: Open) -> None:
    """At most ten rotated files: the newest has the number 1."""
    file = rotated_file(path)
    for i in range(40):
        file.write(f"message {i:02} " + "x" * 40)
    rotated = sorted(path.parent.glob("exporter.log.*"))
    assert len(rotated) == 10
    assert all(0 < one.stat().st_size <= 200 for one in rotated)
    assert "message 39" in path.read_text()
    assert "message 38" in path.with_name("exporter.log.1").read_text()


def test_old_rotated_files_are_removed(path: Path, rotated_file: Open) -> None:
    """None older than 30 days stays, also if nothing is rotated."""
    old, recent = path.with_name("exporter.log.3"), path.with_name("exporter.log.2")
    for file, days in ((old, 31), (recent, 29)):
        file.touch()
        os.utime(file, (0, time.time() - days * 24 * 3600))
    rotated_file(path)
    assert [file.exists() for file in (old, recent)] == [False, True]


def test_a_line_that_is_longer_than_a_file_is_written_whole(path: Path, rotated_file: Open) -> None:
    """It gets a file of its own: a line that is cut is no JSON."""
    file = rotated_file(path)
    for line in ("short", "x" * 500, "next"):
        file.write(line)
    assert [path.with_name(f"exporter.log{n}").read_text() for n in (".2", ".1", "")] == [
        "short\n",
        "x" * 500 + "\n",
        "next\n",
    ]


def test_the_size_of_a_file_from_before_counts(path: Path, rotated_file: Open) -> None:
    """Restarts do not let a file grow without a bound."""
    path.write_text("x" * 199 + "\n")
    rotated_file(path).write("new")
    assert path.read_text() == "new\n"


def test_a_folder_that_allows_no_rotation_loses_no_line(path: Path, rotated_file: Open) -> None:
    """The file is opened again, whatever the error of the rotation."""
    file = rotated_file(path)
    file.write("x" * 199)
    (path.parent / "exporter.log.10" / "in the way").mkdir(parents=True)
    (path.parent / "exporter.log.9").touch()
    with pytest.raises(OSError, match="directory"):
        file.write("lost")
    (path.parent / "exporter.log.9").unlink()
    file.write("written")
    assert path.read_text() == "written\n"


def test_others_cannot_read_it(path: Path, rotated_file: Open) -> None:
    """Names of objects and users are in it; so after a rotation."""
    file = rotated_file(path)
    for _ in range(2):
        file.write("x" * 150)
    assert [one.stat().st_mode & 0o777 & ~0o640 for one in (path, path.with_name("exporter.log.1"))] == [0, 0]


def test_a_removed_file_is_made_again(path: Path, rotated_file: Open) -> None:
    """While there can be none, each line is an error, which is counted; none is written to nowhere."""
    file = rotated_file(path)
    file.write("first")
    path.unlink()
    file.write("second")
    assert path.read_text() == "second\n"


def test_a_removed_folder_is_an_error_until_it_is_back(tmp_path: Path, rotated_file: Open) -> None:
    """Each line that is lost is counted."""
    folder = tmp_path / "logs"
    folder.mkdir()
    file = rotated_file(folder / "exporter.log")
    shutil.rmtree(folder)
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            file.write("lost")
    folder.mkdir()
    file.write("kept")
    assert (folder / "exporter.log").read_text() == "kept\n"


def test_a_device_is_not_rotated(rotated_file: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no size, and a file beside it would be one in /dev."""
    monkeypatch.setattr(log_file, "FILE_MAX_BYTES", 1)
    file = rotated_file(Path(os.devnull))
    file.write("one")
    file.write("two")
    assert not Path(f"{os.devnull}.1").exists()


def test_a_full_disk_is_an_error(rotated_file: Open) -> None:
    """The line was not written, or only a part of it."""
    with pytest.raises(OSError, match="No space left") as caught:
        rotated_file(Path("/dev/full")).write("line")
    assert caught.value.errno == errno.ENOSPC


def test_characters_without_an_encoding_are_escaped(path: Path, rotated_file: Open) -> None:
    """Half of a surrogate pair is no text: the rest of the line is."""
    rotated_file(path).write("größe \udc80")
    assert path.read_bytes() == "größe \\udc80\n".encode()


def test_the_sizes_are_the_operators() -> None:
    """Those that the operator sets for lumberjack."""
    assert (log_file.FILE_MAX_BYTES, log_file.FILE_BACKUPS, log_file.FILE_MAX_AGE_SECONDS) == (
        500 * 2**20,
        10,
        30 * 86400,
    )
