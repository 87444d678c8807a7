"""Further films and the small copy: each plays and can be saved, and nothing is opened by a name that a visitor made up."""

from __future__ import annotations

import shutil
import sqlite3
import time
from pathlib import Path

import pytest
from tests.support.visitor import Visitor


@pytest.fixture
def films(folder: Path) -> Path:
    """Two further films that the ledger knows, one of three photos and one whose file is gone, and a film that it does not know."""
    films = folder / "archive" / "films"
    (films / "year-2024.mp4").write_bytes((films / "latest.mp4").read_bytes())
    shutil.copy(films / "latest.mp4", films / "2024-01-01.mp4")
    with sqlite3.connect(folder / "archive" / "ledger.sqlite3") as db:
        for name in ("year-2024", "gone"):
            db.execute(
                "INSERT INTO reels (path, frames, seconds, fingerprint, bytes, rendered_at, sha256, shows) SELECT ?, 3, 0.25, 'x', bytes, rendered_at, ?, shows"
                " FROM reels WHERE path = 'films/latest.mp4'",
                (f"films/{name}.mp4", name[0] * 64),
            )
    return films


def test_every_film_is_listed_and_plays(visitor: Visitor, films: Path) -> None:
    """The film's page names all films that are there; each has a page of its own with its player, its index and its file."""
    page = visitor.get("/diary/me/film").text
    assert 'href="/diary/me/film?name=year-2024"' in page and "year 2024" in page and "gone" not in page and "2024-01-01" not in page
    further = visitor.get("/diary/me/film?name=year-2024").text
    assert 'src="/diary/me/film.mp4?name=year-2024&amp;v=yyyyyyyyyyyy"' in further and "<h1>year 2024</h1>" in further and 'href="/diary/me/film"' in further
    assert ' poster="' in page and ' poster="' not in further, "the newest photo need not be one of that film"
    index = visitor.get("/diary/me/film.json?name=year-2024").json()
    assert (index["frames"], index["version"]) == (3, "y" * 12) and len(index["photos"]) == 8
    (films / "year-2024.mp4").write_bytes(b"another film")
    file = visitor.get("/diary/me/film.mp4?name=year-2024")
    assert file.content == b"another film" and file.headers["content-disposition"].endswith("me-year-2024.mp4")
    assert visitor.get("/diary/me/film.mp4?name=latest").content == visitor.get("/diary/me/film.mp4").content != b"another film"
    assert visitor.get("/diary/me/film.mp4?name=year-2024&v=old").status_code == 404


@pytest.mark.parametrize(
    "name", ["2024-01-01", "month", "", "../latest", "..%2F..%2Fledger.sqlite3%00", "latest.mp4", "films/year-2024", "/etc/passwd", "year-2024/../latest"]
)  # fmt: skip
def test_no_film_is_opened_by_a_name_that_was_made_up(visitor: Visitor, films: Path, name: str) -> None:
    """Only a film that the ledger knows is shown, indexed, saved or made smaller."""
    for address in ("film", "film.mp4", "film.json"):
        assert visitor.get(f"/diary/me/{address}?name={name}").status_code == 404
    assert visitor.submit(f"/diary/me/share?name={name}").status_code == 404
    assert not (films / "share.mp4").exists()


def test_a_link_in_place_of_a_film_is_not_followed(visitor: Visitor, films: Path, tmp_path: Path) -> None:
    """Whoever can write into the films' folder cannot have the page show another file."""
    (tmp_path / "secret").write_bytes(b"secret")
    for name in ("year-2024.mp4", "share.mp4"):
        (films / name).unlink(missing_ok=True)
        (films / name).symlink_to(tmp_path / "secret")
    assert visitor.get("/diary/me/film.mp4?name=year-2024").status_code == visitor.get("/diary/me/share.mp4").status_code == 404


def test_a_small_copy_is_made_by_a_button(visitor: Visitor, films: Path) -> None:
    """One tap has it made, the page says how far it is and then what it is like, and it can be saved; only a form of ours may ask for it."""
    assert visitor.get("/diary/me/share.mp4").status_code == 404
    assert visitor.post("/diary/me/share", data={}).status_code == 403 and visitor.get("/diary/me/share").status_code == 405
    asked = visitor.submit("/diary/me/share?name=year-2024")
    assert (asked.status_code, asked.headers["location"]) == (303, "/diary/me/film?name=year-2024")
    assert "A small copy of the film year-2024 is being made" in visitor.get("/diary/me/film").text
    until = time.monotonic() + 30
    while "The small copy of the film year-2024 is there: " not in (page := visitor.get("/diary/me/film").text) and time.monotonic() < until:
        time.sleep(0.1)
    assert "year-2024 is there: " in page and 'href="/diary/me/share.mp4"' in page and "Make the small copy again" in page
    assert visitor.get("/diary/me/share.mp4").content == (films / "year-2024.mp4").read_bytes()
