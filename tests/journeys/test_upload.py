"""A photo that a phone sends to the page becomes a frame of the film, also when the daemon is killed on the way."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.support.daemon import Diary
from tests.support.dots import photo
from tests.support.page import Page


def sent(page: Page, token: str, data: bytes, name: str) -> int:
    return page.ask("PUT", "/upload/me", data, **{"Host": "192.168.1.5", "Authorization": f"Bearer {token}", "X-File-Name": name})[0]


def lie(diary: Diary) -> list[str]:
    return os.listdir(diary.archive / "drop") if (diary.archive / "drop").exists() else []


def test_a_sent_photo_becomes_a_frame(diary: Diary) -> None:
    """Sent before the daemon runs, while it runs, and just before it is killed: each photo is in the film once, and nothing is left in the drop folder."""
    page = Page(diary.config)
    try:
        token = page.verb("--upload-token").partition("Bearer ")[2].split()[0]
        assert sent(page, token, photo(0), "IMG_0.jpg") == 201
        assert len(lie(diary)) == 1 and diary.me()["photos"]["held"] == 1 and diary.me()["photos"]["total"] == 0
        diary.start()
        diary.until(lambda me: me["photos"]["in_film"] == 1, "photo 1 in the film")
        assert sent(page, token, photo(1), "IMG_1.jpg") == 201
        diary.until(lambda me: me["photos"]["in_film"] == 2, "photo 2 in the film")
        assert sent(page, token, photo(2), "IMG_2.jpg") == 201
        diary.kill()
        assert sent(page, token, photo(3), "../IMG_3.jpg") == 201
        diary.start()
        diary.until(lambda me: me["photos"]["in_film"] == 4, "photo 4 in the film")
        rows = diary.photos()
        assert sorted(name for row in rows for name in row["names"]) == ["IMG_0.jpg", "IMG_1.jpg", "IMG_2.jpg", "IMG_3.jpg"]
        assert all((diary.archive / row["original"]).is_file() for row in rows) and lie(diary) == []
        assert diary.me()["photos"]["held"] == 0
        diary.until_film_of(4)
        index = json.loads(page.ask("GET", "/diary/me/film.json")[2])
        assert [found["sha256"] for found in index["photos"]] == [row["sha256"] for row in rows]
        assert Path(diary.archive, "films/latest.mp4").read_bytes() == page.ask("GET", "/diary/me/film.mp4")[2]
    finally:
        assert page.close() == 0
