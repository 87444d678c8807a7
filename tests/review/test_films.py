from __future__ import annotations

import io
import json
import sqlite3
from pathlib import Path

import av
import numpy as np
from tests.support.visitor import Visitor

from photodiary.ledger import reels
from photodiary.ledger.store import Ledger


def frame_at(film: bytes, seconds: float) -> np.ndarray:
    """What a player shows at that moment, RGB."""
    with av.open(io.BytesIO(film)) as container:
        shown = None
        for picture in container.decode(video=0):
            if picture.time is not None and picture.time > seconds + 1e-6:
                break
            shown = picture.to_ndarray(format="rgb24")
    assert shown is not None
    return shown


def test_the_photo_on_the_screen_is_the_one_that_is_named(visitor: Visitor, folder: Path) -> None:
    """Stopped in the middle of each photo's time, the film shows just the frame of the photo that the index names there."""
    index = visitor.get("/diary/me/film.json").json()
    film = visitor.get(f"/diary/me/film.mp4?v={index['version']}").content
    assert index["frames"] == len(index["photos"]) == 8
    for number, photo in enumerate(index["photos"]):
        shown = frame_at(film, (number + 0.5) * index["seconds"] / index["frames"]).astype(int)
        distances = []
        for other in index["photos"]:
            with av.open(io.BytesIO(visitor.get(f"/diary/me/frame/{other['sha256']}").content)) as still:
                distances.append(np.abs(next(still.decode(video=0)).to_ndarray(format="rgb24").astype(int) - shown).mean())
        assert int(np.argmin(distances)) == number and photo["words"].startswith(f"{number + 1} March 2024")


def test_the_index_is_of_this_very_film(visitor: Visitor, folder: Path) -> None:
    """A photo that left the film since is still named where the film shows it, one that left the diary is not; no other takes its place."""
    before = visitor.get("/diary/me/film.json").json()["photos"]
    with sqlite3.connect(folder / "archive" / "ledger.sqlite3") as db:
        db.execute("UPDATE photos SET stage = 'excluded', reason = 'excluded' WHERE sha256 = ?", (before[2]["sha256"],))
        db.execute("PRAGMA foreign_keys=OFF")
        db.execute("DELETE FROM photos WHERE sha256 = ?", (before[4]["sha256"],))
    assert visitor.get("/diary/me/film.json").json()["photos"] == [*before[:4], None, *before[5:]]


def test_a_film_whose_order_was_not_noted_has_no_names(visitor: Visitor, folder: Path) -> None:
    """For an older film nothing is named rather than something wrong; it plays all the same."""
    before = visitor.get("/diary/me/film.json").json()
    assert all(before["photos"])
    with sqlite3.connect(folder / "archive" / "ledger.sqlite3") as db:
        db.execute("UPDATE reels SET shows = NULL")
    assert visitor.get("/diary/me/film.json").json() == {**before, "photos": []}


def test_players_may_jump(visitor: Visitor, folder: Path) -> None:
    """Any part of the film can be asked for, one at a time; parts of an older film are not mixed with the newest."""
    whole = (folder / "archive/films/latest.mp4").read_bytes()
    answer = visitor.get("/diary/me/film.mp4", headers={"Range": "bytes=100-199"})
    assert answer.status_code == 206 and answer.content == whole[100:200] and answer.headers["content-range"] == f"bytes 100-199/{len(whole)}"
    assert answer.headers["cache-control"].startswith("private") and answer.headers["content-type"] == "video/mp4"
    assert visitor.get("/diary/me/film.mp4", headers={"Range": "bytes=-50"}).content == whole[-50:]
    for wrong in (f"bytes={len(whole)}-", "bytes=0-0," * 1000 + "0-1", "bytes=x", "bytes=5-1"):
        answer = visitor.get("/diary/me/film.mp4", headers={"Range": wrong})
        assert answer.status_code in (400, 416) and len(answer.content) < 4000, wrong
    assert visitor.get("/diary/me/film.mp4?v=0123456789ab").status_code == 404


def test_a_link_in_the_films_place_is_not_followed(visitor: Visitor, folder: Path) -> None:
    """What lies where the film should is only shown when it is a file."""
    film = folder / "archive/films/latest.mp4"
    film.unlink()
    assert visitor.get("/diary/me/film.mp4").status_code == 404 and "no film yet" in visitor.get("/diary/me/film").text
    film.symlink_to("/etc/passwd")
    assert visitor.get("/diary/me/film.mp4").status_code == 404


def test_only_the_newest_films_order_is_kept(folder: Path) -> None:
    """Of a film that was replaced nothing is known any more, so that no photo that is forgotten stands in it."""
    ledger = Ledger(folder / "archive")
    reel = reels.newest_reel(ledger)
    assert reel is not None and len(reels.shown_by_newest(ledger)) == 8
    reels.publish_reel(ledger, reel, ["frames/2024/a.jpg"])
    with ledger.read() as db:
        assert [row[0] for row in db.execute("SELECT shows FROM reels WHERE shows IS NOT NULL")] == [json.dumps(["frames/2024/a.jpg"])]
    ledger.close()


def test_the_page_plays_it(visitor: Visitor) -> None:
    """The film stands on its page under an address that changes with it, and can be saved; /film leads there."""
    text = visitor.get("/diary/me/film").text
    version = visitor.get("/diary/me/film.json").json()["version"]
    assert visitor.get("/progress.json").json()["diaries"][0]["version"] == version
    assert f'src="/diary/me/film.mp4?v={version}"' in text and "8 photos" in text and "download" in text
    assert visitor.get("/film").headers["location"] == "/diary/me/film"
