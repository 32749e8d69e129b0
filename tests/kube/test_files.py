"""Files that were read, and whether they have changed since."""

import os
from pathlib import Path

import pytest

from exporter.kube.files import FileReader, have_changed


def test_a_file_that_is_written_again_has_changed(tmp_path: Path) -> None:
    """With the same content, too: its time is another."""
    path = tmp_path / "a"
    path.write_bytes(b"a")
    files = FileReader()
    assert files.read(path) == b"a"
    assert not have_changed(files.files)
    os.utime(path, ns=(0, 1))
    assert have_changed(files.files)


def test_a_mounted_volume_that_is_exchanged_has_changed(tmp_path: Path) -> None:
    """Kubernetes replaces a link to a folder; the files keep their paths."""
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "token").write_text("same")
        os.utime(tmp_path / version / "token", ns=(0, 0))
    (tmp_path / "data").symlink_to(tmp_path / "1")
    files = FileReader()
    files.read(tmp_path / "data" / "token")
    (tmp_path / "data").unlink()
    (tmp_path / "data").symlink_to(tmp_path / "2")
    assert have_changed(files.files)


def test_a_missing_file_that_appears_has_changed(tmp_path: Path) -> None:
    """And so has one that is deleted; while nothing happens nothing has changed."""
    path, files = tmp_path / "a", FileReader()
    with pytest.raises(FileNotFoundError):
        files.read(path)
    assert [file.stamp for file in files.files] == [None]
    assert not have_changed(files.files)
    path.touch()
    assert have_changed(files.files)
    files = FileReader()
    files.read(path)
    path.unlink()
    assert have_changed(files.files)
