"""The file for node_exporter is whole, readable by others, and written when there is something to say."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from photodiary.errors import StorageTrouble
from photodiary.metrics.textfile import ANEW_S, Textfile


def test_it_is_written_when_something_is_new_or_a_minute_has_gone_by(tmp_path: Path) -> None:
    """The same again is not written; other news, or the same after a minute, is; whatever the umask, others may read it, and nothing else lies beside it."""
    path = tmp_path / "photodiary.prom"
    file = Textfile(path)
    before = os.umask(0o077)
    try:
        assert file.write(b"a 1\nage 0\n", b"a 1\n", 100.0)
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
        assert not file.write(b"a 1\nage 9\n", b"a 1\n", 115.0)
        assert path.read_bytes() == b"a 1\nage 0\n"
        inode = path.stat().st_ino
        assert file.write(b"a 2\nage 15\n", b"a 2\n", 130.0)
        assert path.stat().st_ino != inode, "another file took its place, whole"
        assert file.write(b"a 2\nage 99\n", b"a 2\n", 130.0 + ANEW_S)
        assert path.read_bytes() == b"a 2\nage 99\n"
    finally:
        os.umask(before)
    assert os.listdir(tmp_path) == [path.name]
    file.remove()
    assert os.listdir(tmp_path) == []


def test_what_cannot_be_written_is_said_and_tried_again(tmp_path: Path) -> None:
    """Without its folder the file and what to do are named; with it, it is written at once, also when nothing is new."""
    path = tmp_path / "gone" / "photodiary.prom"
    file = Textfile(path)
    with pytest.raises(StorageTrouble, match=rf"{path}: the metrics cannot be written: No such file or directory; let this service write in {path.parent}"):
        file.write(b"a 1\n", b"a 1\n", 1.0)
    path.parent.mkdir()
    assert file.write(b"a 1\n", b"a 1\n", 2.0)


def test_a_link_that_somebody_laid_is_not_followed(tmp_path: Path) -> None:
    """Others may write in such a folder: what they put where ours is made first is removed, and what it points at stays as it is."""
    precious = tmp_path / "precious"
    precious.write_text("mine")
    path = tmp_path / "photodiary.prom"
    (tmp_path / f".photodiary.prom.{os.getpid()}").symlink_to(precious)
    Textfile(path).write(b"a 1\n", b"a 1\n", 1.0)
    assert precious.read_text() == "mine" and path.read_bytes() == b"a 1\n" and not path.is_symlink()
