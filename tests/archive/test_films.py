"""Films that were replaced stay for a while under their day, and the newest is never missing meanwhile."""

from __future__ import annotations

import errno
import os
from datetime import date
from pathlib import Path

import pytest

from photodiary.archive import films, layout
from photodiary.archive.store import Archive
from photodiary.errors import StorageTrouble

DAY = date(2024, 5, 15)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    made = Archive(tmp_path / "archive")
    made.prepare()
    (made.root / layout.LATEST).write_bytes(b"film")
    return made.root


def test_a_film_is_kept_beside_the_newest(archive: Path) -> None:
    """It has both names at once, again and again, and only a new film takes the first from it; nothing is left in work/."""
    films.keep(archive, DAY)
    films.keep(archive, DAY)
    assert [path.name for path in films.old(archive)] == ["2024-05-15.mp4"]
    assert (archive / layout.LATEST).read_bytes() == b"film" and os.listdir(archive / "work") == ["CACHEDIR.TAG"]
    beside = archive / "work/.tmp-1.mp4"
    beside.write_bytes(b"new film")
    beside.rename(archive / layout.LATEST)
    assert films.old(archive)[0].read_bytes() == b"film"
    assert films.size(archive) == len(b"film") + len(b"new film")


@pytest.mark.parametrize("most", [0, 1, 2, 5])
def test_only_the_newest_old_films_stay(archive: Path, most: int) -> None:
    """The oldest go; the newest film and what is no film of ours stay."""
    for name in ("2024-01-03.mp4", "2023-12-31.mp4", "2024-01-01.mp4", "mine.mp4"):
        (archive / "films" / name).write_bytes(b"x")
    films.thin_out(archive, most)
    assert [path.name for path in films.old(archive)] == ["2023-12-31.mp4", "2024-01-01.mp4", "2024-01-03.mp4"][max(0, 3 - most) :]
    assert (archive / layout.LATEST).exists() and (archive / "films/mine.mp4").exists()


@pytest.mark.parametrize(("code", "raises"), [(errno.EPERM, False), (errno.EOPNOTSUPP, False), (errno.ENOSPC, True), (errno.EIO, True)])
def test_a_disk_without_links_keeps_none_and_a_disk_that_refuses_is_trouble(archive: Path, monkeypatch: pytest.MonkeyPatch, code: int, raises: bool) -> None:
    """The film is made all the same where links are not known; a full disk is tried again."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", refuse)
    if raises:
        with pytest.raises(StorageTrouble, match="2024-05-15"):
            films.keep(archive, DAY)
    else:
        films.keep(archive, DAY)
    assert films.old(archive) == [] and (archive / layout.LATEST).read_bytes() == b"film"
