"""A photo's own page and the timeline: everything that may be decided about one photo, as facts and wishes, and where it stands."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path

import pytest
from tests.support.visitor import Visitor

from photodiary.diary.facing import Facing
from photodiary.diary.photo import Stage
from photodiary.ledger import forgetting, picks, takes, wishes

from .test_cards import act, opened, row_of, rows, send


def page_of(visitor: Visitor, sha256: str) -> str:
    answer = visitor.get(f"/diary/me/photo/{sha256}")
    assert answer.status_code == 200
    return answer.text


def test_a_photo_tells_its_life(visitor: Visitor, folder: Path) -> None:
    """Names, date and its source, who says where the eyes are, what was decided, and where in the film it is: as `photos why` tells it."""
    row = rows(folder)[2]
    text = page_of(visitor, row.sha256)
    for words in ("IMG_0002.jpg", "as the camera wrote it", "placed by the model dots-1", "nothing by you", "In the film, photo 3 of 8", row.sha256):
        assert words in text
    send(visitor, f"/diary/me/photo/{row.sha256}/say", act="not_me")
    text = page_of(visitor, row.sha256)
    assert "called somebody else by you" in text and "The service is not running" in text
    act(folder)
    assert "Left out: somebody else, as you said." in page_of(visitor, row.sha256)


def test_the_page_says_when_the_service_has_acted(visitor: Visitor, folder: Path) -> None:
    """What was said is told as noted until somebody acted on it, with what it means that the service does not run; then as it is."""
    row = rows(folder)[0]
    state = f"/diary/me/photo/{row.sha256}/state"
    assert row.frame is not None
    look = f"/diary/me/picture/{row.sha256}/look?v={row.frame.rpartition('_')[2][:-4]}"
    assert visitor.get(state).json() == {"words": "In the film, photo 1 of 8.", "settled": True, "acted": True, "running": False, "look": look}
    send(visitor, f"/diary/me/photo/{row.sha256}/say", act="excluded")
    told = visitor.get(state).json()
    assert not told["settled"] and "acts on this when it starts (`photodiary run`)" in told["words"]
    act(folder)
    assert visitor.get(state).json()["words"] == "Left out by you. The film is made anew once the service runs."


def test_a_new_date_moves_it(visitor: Visitor, folder: Path) -> None:
    """A date is taken as the clock showed it; one that is none, or to come, is refused in words."""
    row = rows(folder)[0]
    where = f"/diary/me/photo/{row.sha256}/date"
    for wrong in ("", "yesterday", "2099-01-01T00:00", "1700-01-01", "2024-05-01T10:00+02:00"):
        assert visitor.submit(where, wall=wrong).status_code in (400, 409)
    answer = visitor.submit(where, wall="2024-05-15T08:30")
    assert answer.headers["location"] == f"/diary/me/photo/{row.sha256}?was=2024-03-01T08:30:00"  # one tap back
    assert '<input type="hidden" name="wall" value="2024-03-01T08:30:00">' in visitor.get(answer.headers["location"]).text
    act(folder)
    taken = row_of(folder, row.sha256).taken
    assert taken is not None and (taken.wall, taken.source) == (datetime(2024, 5, 15, 8, 30), "person")


def test_one_photo_is_turned_round_and_back(visitor: Visitor, folder: Path) -> None:
    """Mirrored and turned by a form, with its way back."""
    row = rows(folder)[0]
    where = f"/diary/me/photo/{row.sha256}/round"
    answer = visitor.submit(where, mirrored="1", turned="180")
    act(folder)
    assert row_of(folder, row.sha256).facing == Facing(True, 180)
    assert visitor.submit(where, mirrored="1", turned="45").status_code == 400
    at = re.search(r"undo=([\d.]+)", answer.headers["location"])
    assert at is not None
    visitor.submit("/diary/me/undo", at=at.group(1))
    act(folder)
    assert row_of(folder, row.sha256).facing == Facing()


def test_a_phones_whole_period_is_mirrored(visitor: Visitor, folder: Path) -> None:
    """All photos of this size between two days are mirrored, no others; the page suggests the days from the photos around."""
    chosen = rows(folder)
    with opened(folder) as ledger, ledger.write() as db:
        db.execute("UPDATE photos SET width = 300, height = 400 WHERE id = ?", (chosen[1].id,))  # the same phone, held upright
        db.execute("UPDATE photos SET width = 777 WHERE id = ?", (chosen[2].id,))  # another phone
    text = page_of(visitor, chosen[0].sha256)
    assert 'name="first" type="date" value="2024-03-01"' in text and 'name="last" type="date" value="2024-04-10"' in text and "8 photos around this one" in text
    where = f"/diary/me/photo/{chosen[0].sha256}/period"
    answer = visitor.submit(where, first="2024-03-02", last="2024-03-05", way="mirrored")
    assert answer.status_code == 303 and "Noted for 3 photos" in visitor.get(answer.headers["location"]).text
    act(folder)
    assert [row_of(folder, row.sha256).facing.mirrored for row in chosen] == [False, True, False, True, True, False, False, False]
    assert visitor.submit(where, first="2020-01-01", last="2020-02-01", way="mirrored").status_code == 400
    assert visitor.submit(where, first="soon", last="2024-03-05", way="mirrored").status_code == 400


def test_deleting_for_good_needs_the_letters(visitor: Visitor, folder: Path) -> None:
    """Without the first eight letters typed nothing happens; with them it is wished for, the page knows it no more, and the browser drops its pictures."""
    row = rows(folder)[0]
    where = f"/diary/me/photo/{row.sha256}/forget"
    for typed in ("", "yes", row.sha256[:7], row.sha256[1:9]):
        assert visitor.submit(where, typed=typed).status_code == 400
    with opened(folder) as ledger:
        assert not forgetting.is_forgotten(ledger, row.sha256)
    answer = visitor.submit(where, typed=f" {row.sha256[:8].upper()} ")
    assert answer.status_code == 303 and answer.headers["clear-site-data"] == '"cache"'
    with opened(folder) as ledger:
        assert forgetting.is_forgotten(ledger, row.sha256)
        wish = wishes.oldest_open(ledger, "forget")
        assert wish is not None and wish.details == {"sha256": [row.sha256]}
        forgetting.take_out(ledger, row.sha256)
    text = visitor.get("/diary/me").text
    assert "as soon as photodiary runs" in text and "Out of reach" in text
    assert visitor.get(f"/diary/me/photo/{row.sha256}").status_code == 404


def test_what_could_not_be_read_is_tried_again(visitor: Visitor, folder: Path) -> None:
    """A file that was no photo has a page with its reason and one button; what could be read cannot be tried again."""
    [broken] = rows(folder, Stage.QUARANTINED)
    text = page_of(visitor, broken.sha256)
    assert "broken.jpg" in text and "Could not be read: not a photo" in text and "Try again" in text
    assert visitor.submit(f"/diary/me/photo/{broken.sha256}/retry").status_code == 303
    with opened(folder) as ledger:
        assert wishes.oldest_open(ledger, "retry") is not None
    assert visitor.submit(f"/diary/me/photo/{rows(folder)[0].sha256}/retry").status_code == 409
    for part in ("whole?v=1", "close?x=0&y=0&side=100"):
        assert visitor.get(f"/diary/me/picture/{broken.sha256}/{part}").status_code == 404


def test_what_a_photo_cannot_be_asked(visitor: Visitor, folder: Path) -> None:
    """Addresses that name no photo, or name it otherwise than by its whole SHA-256, are not found."""
    row = rows(folder)[0]
    for name in (row.sha256[:12], row.sha256.upper(), "0" * 64, "..%2fledger.sqlite3", "IMG_0000.jpg", row.sha256 + "%00"):
        assert visitor.get(f"/diary/me/photo/{name}").status_code == 404
        assert visitor.get(f"/diary/me/picture/{name}/whole").status_code == 404


# -- the timeline ----------------------------------------------------------------------------------------------------------------


def linked(text: str) -> list[str]:
    return re.findall(r'href="/diary/me/photo/([0-9a-f]{64})" class="tile', text)


def test_the_timeline_shows_all_photos_by_month(visitor: Visitor, folder: Path) -> None:
    """Every photo has a tile with its day in words, newest first, pictures loaded only when they come into sight; what could not be read has none."""
    answer = visitor.get("/diary/me/timeline")
    assert len(linked(answer.text)) == 10 and "March 2024" in answer.text and "April 2024" in answer.text and "Without a date" in answer.text
    assert answer.text.count('loading="lazy"') == 9
    assert 'aria-label="8 March 2024, 08:30"' in answer.text
    assert linked(answer.text)[2:] == [row.sha256 for row in reversed(rows(folder))]


@pytest.mark.parametrize(("show", "number"), [("film", 8), ("check", 1), ("out", 1), ("unread", 1), ("takes", 0), ("undated", 1), ("nonsense", 10)])
def test_the_timeline_is_filtered(visitor: Visitor, show: str, number: int) -> None:
    """Only what is in the film, to check, left out, could not be read, and so on; the numbers stand on the chips."""
    answer = visitor.get(f"/diary/me/timeline?show={show}")
    assert answer.status_code == 200 and len(linked(answer.text)) == number


def test_the_timeline_comes_in_parts(visitor: Visitor, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part is a few whole months; the next one is linked, and together they are all photos, each once."""
    from photodiary.review import cards_timeline

    monkeypatch.setattr(cards_timeline, "ENOUGH", 2)
    found, path, parts = [], "/diary/me/timeline", 0
    while path:
        text = visitor.get(path).text
        found += linked(text)
        parts += 1
        older = re.search(r'class="older"><a [^>]*href="([^"]+)"', text)
        path = f"/diary/me/timeline{older.group(1)}" if older else ""
    assert parts == 2 and len(found) == len(set(found)) == 10
    assert "To the newest" in visitor.get("/diary/me/timeline?from=2024-03").text
    assert visitor.get("/diary/me/timeline?from=2031-99").status_code == 200


def test_other_takes_are_named(visitor: Visitor, folder: Path) -> None:
    """A photo whose moment another take shows says so, links it, and is found among the other takes."""
    first, second = rows(folder)[:2]
    with opened(folder) as ledger, ledger.write() as db:
        for row in (first, second):
            takes.note(db, row.id, "e" * 64, None)
    hidden, shown = (first, second) if not row_of(folder, first.sha256).in_film else (second, first)
    text = page_of(visitor, hidden.sha256)
    assert "Kept aside: another take of the same moment shows." in text and f"/diary/me/photo/{shown.sha256}" in text
    assert linked(visitor.get("/diary/me/timeline?show=takes").text) == [hidden.sha256]


def test_an_archive_of_the_page_needs_no_service(visitor: Visitor, folder: Path) -> None:
    """Nothing that the page writes moves a photo: only the holder of the lock does."""
    before = [(row.sha256, row.stage, row.sighting_id) for row in rows(folder)]
    for row in rows(folder):
        send(visitor, f"/diary/me/photo/{row.sha256}/say", act="excluded")
    assert [(row.sha256, row.stage, row.sighting_id) for row in rows(folder)] == before


MARKS = {"sharp": 0.5, "light": 0.5, "dark": 0.0, "bright": 0.0, "open": 1.0, "turned": 0.1}


def test_a_day_tells_why_a_photo_shows_and_another_may_be_chosen(visitor: Visitor, folder: Path) -> None:
    """The day and the photos say what shows and why; one tap shows another one, and one takes that back."""
    first, second = (row.sha256 for row in rows(folder)[:2])
    with opened(folder) as ledger:
        picks.adopt(ledger, "day")
        with ledger.write() as db:  # on one day, and one of them with closed eyes
            db.execute("UPDATE photos SET taken_wall = '2024-03-01T09:00:00' WHERE sha256 = ?", (second,))
            for sha256, eyes, value in ((first, 0.98, 8.0), (second, 0.02, 5.0)):
                mine = "photo_id = (SELECT id FROM photos WHERE sha256 = ?)"
                db.execute(f"UPDATE looks SET marks = ?, score = ? WHERE {mine}", (json.dumps({**MARKS, "open": eyes}), value, sha256))
    day = visitor.get("/diary/me/day/2024-03-01").text
    assert "Shows: eyes open" in day and "Eyes closed" in day and "kept aside" in day and day.count("Show this one instead") == 1
    assert "Shown rather than the other one of this day: eyes open." in page_of(visitor, first)
    text = page_of(visitor, second)
    assert "Kept aside: another photo of this day shows. This one: eyes closed." in text and "Also of this day" in text and f"/diary/me/photo/{first}" in text
    answer = visitor.submit(f"/diary/me/photo/{second}/pick", back="day")
    assert answer.headers["location"].startswith("/diary/me/day/2024-03-01?undo=")
    act(folder)
    assert (row_of(folder, second).in_film, row_of(folder, first).other_take) == (True, True)
    assert "You chose it rather than the other one of this day." in page_of(visitor, second)
    assert "Kept aside: you chose another photo of this day." in page_of(visitor, first)
    at = re.search(r"undo=([\d.]+)", answer.headers["location"])
    assert at is not None and "Undo" in visitor.get(answer.headers["location"]).text
    visitor.submit("/diary/me/undo", at=at.group(1))
    act(folder)
    assert row_of(folder, first).in_film
    send(visitor, f"/diary/me/photo/{second}/say", act="excluded")
    act(folder)
    assert visitor.submit(f"/diary/me/photo/{second}/pick").status_code == 409
