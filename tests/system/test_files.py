"""Files that others write or replace: never waited for, never held beyond a bound."""

import os
from pathlib import Path

import pytest
import yaml

from exporter.system.files import MAX_FILE_BYTES, MAX_SETTINGS, check_yaml, read_file


def test_a_file_of_the_maximum_is_read(tmp_path: Path) -> None:
    """One byte more is refused, before all of it is read."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100)
    assert read_file(path, 100) == b"x" * 100
    with pytest.raises(OSError, match="it is larger than 99 bytes"):
        read_file(path, 99)


def test_a_gigabyte_is_refused(tmp_path: Path) -> None:
    """Without its memory."""
    path = tmp_path / "file"
    path.touch()
    os.truncate(path, 1 << 30)
    with pytest.raises(OSError, match=f"it is larger than {MAX_FILE_BYTES} bytes"):
        read_file(path)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    """A named pipe without a writer would be waited for, and a device has no end."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(OSError, match="it is not a regular file"):
            read_file(path)
    with pytest.raises(IsADirectoryError):
        read_file(tmp_path)


def test_a_link_is_followed(tmp_path: Path) -> None:
    """Kubernetes mounts Secrets and ConfigMaps as links."""
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to("file")
    assert read_file(tmp_path / "link") == b"text"


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 10)}]\n" for number in range(1, 10)
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [(LAUGHS, "aliases that expand to too much"), ("[" * 1001, "more than 1000 levels of nesting")],
    ids=["aliases", "nesting"],
)
@pytest.mark.parametrize("loader", [yaml.CSafeLoader, yaml.SafeLoader])
def test_yaml_that_grows_is_refused(text: str, reason: str, loader: type) -> None:
    """Before anything is made of it."""
    with pytest.raises(yaml.YAMLError, match=reason):
        check_yaml(text.encode(), loader)


def test_settings_with_too_many_values_are_refused() -> None:
    """Each takes much more memory than the two bytes that it has in the file."""
    with pytest.raises(yaml.YAMLError, match="more than 100000 values"):
        check_yaml(b"[" + b"a," * 4_000_000 + b"]", max_values=MAX_SETTINGS)


def test_usual_yaml_is_accepted() -> None:
    """Anchors that are used a few times, too."""
    check_yaml(b"a: &a {b: 1}\nc: [*a, *a]\n")
