from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.dots import photo
from tests.support.visitor import BASE, Visitor

from photodiary.archive.drop import Dropped, lying
from photodiary.archive.store import Archive
from photodiary.diary.photo import digest_of
from photodiary.errors import NoReader, StorageTrouble, WorkerLost
from photodiary.ledger import forgetting
from photodiary.ledger.store import Ledger
from photodiary.review.site import Site

NEW = photo(60)


def lie(folder: Path) -> list[Dropped]:
    return list(lying(Archive(folder / "archive")))


def add(visitor: Visitor, *files: tuple[str, bytes], accept: str = "text/html") -> tuple[int, str]:
    """What the page's own form does."""
    answer = visitor.post(
        f"/diary/me/add?csrf={visitor.csrf()}", files=[("photo", (name, data, "image/jpeg")) for name, data in files],
        headers={"Origin": BASE, "Accept": accept},
    )  # fmt: skip
    return answer.status_code, answer.text


def test_a_photo_is_added_beside_the_newest_one(visitor: Visitor, folder: Path) -> None:
    """The page shows the newest frame; what is sent lies in the drop folder whole, and the next page says that it came."""
    text = visitor.get("/diary/me/add").text
    assert "8 March 2024" in text and 'capture="user"' in text and 'accept="image/*"' in text
    assert add(visitor, ("../IMG_60.jpg", NEW))[0] == 303
    (found,) = lie(folder)
    assert found.name == b"IMG_60.jpg" and Path(found.path.decode()).read_bytes() == NEW
    assert "will be in the film soon" in visitor.get("/diary/me/add").text


def test_the_very_first_photo_can_be_sent(empty: Path, sites: Callable[[Path], Site]) -> None:
    """A diary that has no database yet takes it too: it waits until photodiary runs."""
    visitor = Visitor(sites(empty))
    assert add(visitor, ("IMG_60.jpg", NEW))[0] == 303 and len(lie(empty)) == 1
    assert not (empty / "archive" / "ledger.sqlite3").exists()


@pytest.mark.parametrize(("data", "word"), [(b"no photo at all" * 9, "neither"), (b"", "empty"), (NEW[: len(NEW) // 2], "could not be read")])
def test_what_is_no_whole_photo_is_not_taken(visitor: Visitor, folder: Path, data: bytes, word: str) -> None:
    """Who sends something else is told at once, and nothing is kept."""
    code, text = add(visitor, ("x.jpg", data), accept="application/json")
    assert code in (400, 422) and lie(folder) == []
    assert word in text or word == "neither"


def test_nothing_chosen_is_told(visitor: Visitor, folder: Path) -> None:
    """A form without a photo says so; one that is no form at all is not understood."""
    assert add(visitor)[0] == 400
    token = visitor.csrf()
    broken = visitor.post(f"/diary/me/add?csrf={token}", content=b"x", headers={"Content-Type": "multipart/form-data; boundary=b", "Origin": BASE})
    assert broken.status_code == 400 and lie(folder) == []


def test_adding_needs_the_forms_token(visitor: Visitor, folder: Path) -> None:
    """No other page can have a browser of ours send something."""
    for address in ("/diary/me/add", "/diary/me/add?csrf=x"):
        assert visitor.post(address, files={"photo": ("x.jpg", NEW)}, headers={"Origin": BASE}).status_code == 403
    assert visitor.post(f"/diary/me/add?csrf={visitor.csrf()}", files={"photo": ("x.jpg", NEW)}, headers={"Origin": "http://evil.example"}).status_code == 403
    assert lie(folder) == []


def test_a_known_photo_is_not_kept_twice_and_a_forgotten_one_not_at_all(visitor: Visitor, folder: Path) -> None:
    """What is in the diary already is said to be; what was forgotten stays so."""
    assert add(visitor, ("x.jpg", photo(0)), accept="application/json") == (201, '{"kept":["That photo is in the diary already."]}')
    ledger = Ledger(folder / "archive")
    forgetting.wish(ledger, [digest_of(NEW)], 1.0)
    ledger.close()
    code, text = add(visitor, ("x.jpg", NEW), accept="application/json")
    assert code == 422 and "forgotten" in text and lie(folder) == []


def test_a_full_disk_is_told_before_anything_is_written(visitor: Visitor, folder: Path) -> None:
    """Without room for it a photo is refused in words, and nothing of it stays."""

    def full(size: int) -> None:
        raise StorageTrouble("the disk is nearly full")

    me = dataclasses.replace(visitor.site.diaries["me"], room_for=full)
    other = Visitor(dataclasses.replace(visitor.site, diaries={"me": me}))
    code, text = add(other, ("x.jpg", NEW), accept="application/json")
    assert code == 503 and "nearly full" in text
    assert list((folder / "archive/drop").iterdir()) == []


def test_a_format_whose_reader_is_missing_waits(visitor: Visitor, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine cannot read yet is kept for when it can; what kills the reader is not."""

    def missing(digest: str, data: bytes) -> None:
        raise NoReader("pillow-heif is missing")

    def deadly(digest: str, data: bytes) -> None:
        raise WorkerLost("the worker died")

    monkeypatch.setattr(visitor.site.darkroom, "inspect", deadly)
    assert add(visitor, ("x.jpg", NEW))[0] == 422 and lie(folder) == []
    monkeypatch.setattr(visitor.site.darkroom, "inspect", missing)
    assert add(visitor, ("x.jpg", NEW))[0] == 303 and len(lie(folder)) == 1


@pytest.fixture
def phone(site: Site) -> Visitor:
    """A phone's shortcut elsewhere in the home network: no cookie, no form, a token."""
    return Visitor(site, address="192.168.1.7", base="http://192.168.1.5:8463")


def bearer(site: Site, diary: str = "me") -> dict[str, str]:
    return {"Authorization": f"Bearer {site.keys.new_upload_token(diary)}"}


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_phone_sends_by_itself(phone: Visitor, site: Site, folder: Path, method: str) -> None:
    """With its token a phone sends a photo as the body, or as a form, and hears as JSON that it was kept."""
    token = bearer(site)
    answer = phone.request(method, "/upload/me", content=NEW, headers={**token, "X-File-Name": "IMG_60.jpg"})
    assert answer.status_code == 201 and answer.json()["kept"] == ["It is with photodiary and will be in the film soon."]
    assert phone.request(method, "/upload/me", files={"photo": ("IMG_61.jpg", photo(61))}, headers=token).status_code == 201
    assert [found.name for found in lie(folder)] == [b"IMG_60.jpg", b"IMG_61.jpg"]


def test_the_token_opens_nothing_else(phone: Visitor, site: Site, folder: Path) -> None:
    """An upload token sends photos to its diary; it shows no page, and no other diary takes it."""
    token = bearer(site)
    assert phone.get("/", headers=token).status_code == 401 and phone.get("/diary/me/film.mp4", headers=token).status_code == 401
    assert phone.put("/upload/anna", content=NEW, headers=token).status_code == 401
    assert phone.get("/upload/me", headers=token).status_code == 405
    for wrong in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer " + "x" * 43}):
        answer = phone.put("/upload/me", content=NEW, headers=wrong)
        assert answer.status_code == 401 and "token" in answer.json()["error"]
    assert lie(folder) == []
    assert phone.put("/upload/me", content=NEW, headers={**token, "Origin": "http://evil.example"}).status_code == 403


def test_guessing_the_token_is_slow(phone: Visitor, site: Site) -> None:
    """After a few wrong tokens an address has to wait; who has the right one does not."""
    codes = [phone.put("/upload/me", content=b"x", headers={"Authorization": "Bearer " + "x" * 43}).status_code for _ in range(14)]
    assert codes[0] == 401 and codes[-1] == 429
    assert phone.put("/upload/me", content=NEW, headers=bearer(site)).status_code == 201


def test_more_than_a_photo_may_have_is_refused_while_it_comes(site: Site, folder: Path) -> None:
    """The limit of a photo's size holds whether its length is announced or not, and nothing of it stays."""
    small = dataclasses.replace(site, limits=dataclasses.replace(site.limits, max_megabytes=0.5))
    phone = Visitor(small, address="192.168.1.7", base="http://192.168.1.5:8463")
    token = bearer(site)

    def endless() -> Iterator[bytes]:
        yield NEW
        for _ in range(100):
            yield b"\0" * 100_000

    assert phone.put("/upload/me", content=b"\0" * 2_000_000, headers=token).status_code == 413
    assert phone.put("/upload/me", content=endless(), headers=token).status_code == 413
    assert list((folder / "archive/drop").iterdir()) == []
