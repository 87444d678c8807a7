"""What is asked, and what a person answers with a tap, a drag or a form: facts with their wishes, no more and no less."""

from __future__ import annotations

import html
import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from PIL import Image
from tests.support.dots import find_dots
from tests.support.visitor import Visitor

from photodiary.diary.eyes import EyePair, Point, Sighting
from photodiary.diary.photo import Digest, Stage
from photodiary.ledger import deciding, labels, photos, reviewing
from photodiary.ledger.photos import PhotoRow
from photodiary.ledger.store import Ledger

CHECK = "/diary/me/check"


@contextmanager
def opened(folder: Path) -> Iterator[Ledger]:
    with closing(Ledger(folder / "archive")) as ledger:
        yield ledger


def rows(folder: Path, stage: Stage = Stage.ALIGNED) -> list[PhotoRow]:
    with opened(folder) as ledger:
        return [row for row, _ in photos.everything(ledger) if row.stage is stage]


def row_of(folder: Path, sha256: str) -> PhotoRow:
    with opened(folder) as ledger:
        row = photos.find(ledger, Digest(sha256))
    assert row is not None
    return row


def eyes_of(row: PhotoRow) -> EyePair:
    assert row.sighting is not None and row.sighting.eyes is not None
    return row.sighting.eyes


def act(folder: Path) -> None:
    """What the service does about it."""
    with opened(folder) as ledger:
        while deciding.heed(ledger, UTC, 9e9):
            pass


Doubt = Callable[..., PhotoRow]


@pytest.fixture
def doubt(folder: Path) -> Doubt:
    """Has a model be unsure about a photo of the film, counted from the newest one; newer still is the photo without a face."""

    def make(number: int = 0, reason: str = "unsure", error: float = 4.0) -> PhotoRow:
        with opened(folder) as ledger:
            framed = [row for row, _ in photos.everything(ledger) if row.frame is not None]
            row = framed[-1 - number]
            eyes = eyes_of(row)
            with ledger.write() as db:
                photos.move(db, row, Stage.RECEIVED)
            again = photos.find(ledger, row.sha256)
            assert again is not None
            moved = EyePair(Point(eyes.left.x + 3, eyes.left.y), eyes.right)
            photos.append_sighting(ledger, again, Sighting("dots-2", moved, error, reason), Stage.LOCATED, doubtful=True, reason=reason, now=1.0)
        return row_of(folder, row.sha256)

    return make


def card_in(answer: httpx.Response) -> dict[str, Any]:
    """The card that a page was made with."""
    found = re.search(r'data-card="([^"]*)"', answer.text)
    assert found is not None, answer.text[:2000]
    card: dict[str, Any] = json.loads(html.unescape(found.group(1)))
    return card


def send(visitor: Visitor, path: str, **fields: Any) -> httpx.Response:
    """As the page's own scripts post."""
    token = visitor.__dict__.setdefault("token", "") or visitor.csrf("/diary/me/ten")
    visitor.__dict__["token"] = token
    headers = {"X-CSRF-Token": token, "Accept": "application/json", "Origin": str(visitor.base_url).rstrip("/")}
    return visitor.post(path, json=fields, headers=headers)


def numbers(eyes: EyePair) -> dict[str, str]:
    return {"left_x": str(eyes.left.x), "left_y": str(eyes.left.y), "right_x": str(eyes.right.x), "right_y": str(eyes.right.y)}


# -- the queue -------------------------------------------------------------------------------------------------------------------


def test_the_queue_shows_the_newest_doubt_with_its_reason(visitor: Visitor, folder: Path, doubt: Doubt) -> None:
    """Photo, proposed eyes, the reason in words, how far off it may be, and the frames beside it; the others are counted."""
    first, second = doubt(1, "covered", 8.0), doubt(2)
    answer = visitor.get(f"{CHECK}?reason=covered")
    card = card_in(answer)
    assert card["sha256"] == first.sha256 and card["words"] == "the eyes may be covered" and card["px"] == "perhaps 8 px off in the film"
    assert card["eyes"] == [round(number, 2) for point in eyes_of(first) for number in point]
    framed = [row.sha256 for row in rows(folder)]
    assert (card["before"]["page"][-64:], card["after"]["page"][-64:]) == (framed[-2], framed[-1])  # not the one that is in doubt itself
    assert second.sha256 not in framed and second.sha256 not in answer.text
    everything = visitor.get(CHECK)
    assert "3 left" in everything.text and card_in(everything)["reason"] == "no_face"  # newest first; without a face one is asked too


def test_every_answer_leads_to_the_next_card(visitor: Visitor, doubt: Doubt) -> None:
    """Scripts get the cards behind one photo, a few at once, so that the next is there before it is needed; the end of the queue is said."""
    asked = [doubt(0), doubt(1), doubt(2)]
    told = visitor.get(f"{CHECK}/cards").json()
    assert len(told["cards"]) == 3 and told["more"] and told["left"] == 4
    behind = visitor.get(f"{CHECK}/cards?after={told['cards'][0]['sha256']}").json()
    assert [card["sha256"] for card in behind["cards"]][:2] == [card["sha256"] for card in told["cards"]][1:]
    assert {row.sha256 for row in asked} < {card["sha256"] for card in told["cards"] + behind["cards"]}
    assert visitor.get(f"{CHECK}/cards?after={behind['cards'][-1]['sha256']}").json() == {"cards": [], "left": 4, "more": False}
    only = visitor.get(f"{CHECK}/cards?reason=no_face").json()
    assert [card["reason"] for card in only["cards"]] == ["no_face"] and only["left"] == 1


def test_skipping_to_the_end_offers_what_was_skipped(visitor: Visitor, doubt: Doubt) -> None:
    """Behind the last one the page says how many were skipped, and a photo that is no longer asked about still marks the place."""
    asked = [doubt(0), doubt(1)]
    cards = visitor.get(f"{CHECK}/cards").json()["cards"]
    assert [card["sha256"] for card in cards[1:]] == [row.sha256 for row in asked]
    assert "but for 3 skipped" in visitor.get(f"{CHECK}?after={asked[1].sha256}").text
    visitor.submit(f"/diary/me/photo/{asked[0].sha256}/say", act="excluded")
    assert [card["sha256"] for card in visitor.get(f"{CHECK}/cards?after={asked[0].sha256}").json()["cards"]] == [asked[1].sha256]


def test_a_diary_without_doubts_says_so(visitor: Visitor, folder: Path, empty: Path, sites: Any) -> None:
    """Nothing to check is a page too, also of a diary that has not begun."""
    [faceless] = rows(folder, Stage.EXCLUDED)
    visitor.submit(f"/diary/me/photo/{faceless.sha256}/say", act="no_face")
    assert "Nothing to check" in visitor.get(CHECK).text
    new = Visitor(sites(empty))
    for path in ("check", "ten", "timeline"):
        assert new.get(f"/diary/me/{path}").status_code == 200


# -- answers ---------------------------------------------------------------------------------------------------------------------


def test_one_tap_confirms_what_was_shown(visitor: Visitor, folder: Path, doubt: Doubt) -> None:
    """The proposed eyes become a confirmed label with a wish; the photo leaves the queue at once, though nobody has acted yet."""
    row = doubt()
    answer = send(visitor, f"/diary/me/photo/{row.sha256}/say", act="confirm", sighting=row.sighting_id)
    assert answer.status_code == 200 and answer.json()["left"] == 1
    with opened(folder) as ledger:
        [(_, label)] = list(labels.in_force(ledger))
        assert (label.by, label.eyes) == ("confirmed", eyes_of(row))
        assert reviewing.pending(ledger, row.sha256)
    act(folder)
    after = row_of(folder, row.sha256)
    assert (after.doubtful, after.stage) == (False, Stage.LOCATED)


def test_numbers_that_were_typed_are_not_lost_to_the_first_button(visitor: Visitor, folder: Path, doubt: Doubt) -> None:
    """Without scripts, Enter in a number's field confirms: what was typed there is placed instead of the eyes that were shown."""
    row = doubt()
    eyes = EyePair(Point(150.25, 120.5), Point(210.75, 118.0))
    answer = visitor.submit(f"/diary/me/photo/{row.sha256}/say", act="confirm", then="check", sighting=str(row.sighting_id), **numbers(eyes))
    assert answer.status_code == 303
    act(folder)
    after = row_of(folder, row.sha256)
    assert after.sighting is not None and (after.sighting.by, after.sighting.eyes) == ("placed", eyes)


def test_dragged_eyes_are_placed(visitor: Visitor, folder: Path, doubt: Doubt) -> None:
    """Four numbers become a placed label, from a form as from a script, and the form goes on to the next card with a way to undo it."""
    row = doubt()
    eyes = EyePair(Point(150.25, 120.5), Point(210.75, 118.0))
    answer = visitor.submit(f"/diary/me/photo/{row.sha256}/say", act="place", then="check", **numbers(eyes))
    assert answer.status_code == 303 and answer.headers["location"].startswith(f"{CHECK}?after={row.sha256}&undo=")
    assert "Undo" in visitor.get(answer.headers["location"]).text
    act(folder)
    after = row_of(folder, row.sha256)
    assert after.sighting is not None and (after.sighting.by, after.sighting.eyes) == ("placed", eyes)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"left_x": "nan", "left_y": "1", "right_x": "2", "right_y": "3"}, 400),
        ({"left_x": "1e999", "left_y": "1", "right_x": "2", "right_y": "3"}, 400),
        ({"left_x": "1", "left_y": "1", "right_x": "2"}, 400),
        ({"left_x": "100", "left_y": "100", "right_x": "100", "right_y": "100"}, 400),
        ({"left_x": "-5000", "left_y": "100", "right_x": "-4900", "right_y": "100"}, 400),
        ({"left_x": "drop table", "left_y": "100", "right_x": "-4900", "right_y": "100"}, 400),
    ],
)
def test_eyes_that_cannot_be_are_refused(visitor: Visitor, folder: Path, fields: dict[str, str], status: int) -> None:
    """Numbers that are none, too few of them, eyes on one point or outside the photo: nothing is written, and the person is told why."""
    row = rows(folder)[0]
    answer = send(visitor, f"/diary/me/photo/{row.sha256}/say", act="place", **fields)
    assert answer.status_code == status and answer.json()["error"].endswith(".")
    with opened(folder) as ledger:
        assert list(labels.in_force(ledger)) == [] and not reviewing.pending(ledger, row.sha256)


def test_eyes_that_changed_meanwhile_are_not_confirmed(visitor: Visitor, folder: Path, doubt: Doubt) -> None:
    """A tap confirms what was on the screen: when a model looked again since, the person is asked to look again too, unless it says the same."""
    before = rows(folder)[-1]
    row = doubt()
    assert row.sha256 == before.sha256 and row.sighting_id != before.sighting_id
    say = f"/diary/me/photo/{row.sha256}/say"
    assert send(visitor, say, act="confirm", sighting=before.sighting_id).status_code == 409
    assert send(visitor, say, act="confirm", sighting=before.sighting_id, **numbers(eyes_of(before))).status_code == 409
    assert send(visitor, say, act="confirm", sighting=before.sighting_id, **numbers(eyes_of(row))).status_code == 200


@pytest.mark.parametrize(("said", "reason"), [("not_me", "not_me"), ("no_face", "faceless"), ("excluded", "excluded")])
def test_left_out_and_taken_back(visitor: Visitor, folder: Path, doubt: Doubt, said: str, reason: str) -> None:
    """ "Not me", "no face" and "leave out" take a photo out; undone, it is looked at once more; undone twice it says that there is nothing left."""
    row = doubt()
    told = send(visitor, f"/diary/me/photo/{row.sha256}/say", act=said).json()
    act(folder)
    assert (row_of(folder, row.sha256).stage, row_of(folder, row.sha256).reason) == (Stage.EXCLUDED, reason)
    assert send(visitor, "/diary/me/undo", at=told["at"]).json()["photos"] == [row.sha256]
    act(folder)
    assert row_of(folder, row.sha256).stage is Stage.RECEIVED
    again = send(visitor, "/diary/me/undo", at=told["at"])
    assert again.status_code in (400, 409) and "nothing to take back" in again.json()["error"]
    assert send(visitor, "/diary/me/undo", at="yesterday").status_code == 400


def test_a_label_and_a_sure_model_that_differ_are_both_shown(visitor: Visitor, folder: Path) -> None:
    """A slip of a digit: the card shows both pairs and asks which is right; either answer settles it, the own one stays a placed label."""
    row = rows(folder)[-1]
    model = eyes_of(row)
    away = EyePair(Point(model.left.x + 60, model.left.y), Point(model.right.x + 60, model.right.y))
    say = f"/diary/me/photo/{row.sha256}/say"
    send(visitor, say, act="place", **numbers(away))
    act(folder)
    card = card_in(visitor.get(f"{CHECK}?reason=label_differs"))
    assert (card["reason"], card["question"]) == ("label_differs", "Which is right?")
    assert card["model"] == [round(number, 2) for point in model for number in point] and card["eyes"][0] == round(away.left.x, 2)
    send(visitor, say, act="mine")
    act(folder)
    after = row_of(folder, row.sha256)
    assert not after.doubtful and after.sighting is not None and after.sighting.by == "placed"
    send(visitor, say, act="model")
    act(folder)
    after = row_of(folder, row.sha256)
    assert after.sighting is not None and (after.sighting.by, after.sighting.eyes) == ("confirmed", model)


def test_all_alike_at_once(visitor: Visitor, folder: Path, doubt: Doubt) -> None:
    """The real number of those asked about for the same reason is shown and left out together, and taken back together; a number that is old is refused."""
    chosen = {doubt(0).sha256, doubt(1).sha256, doubt(2).sha256}
    doubt(3, "covered")
    page = visitor.get(f"{CHECK}?reason=unsure")
    assert re.search(r'name="number" value="3"', page.text) and "like this: leave out" in page.text
    assert visitor.submit(f"{CHECK}/all", reason="unsure", number="2").status_code == 409
    answer = visitor.submit(f"{CHECK}/all", reason="unsure", number="3")
    assert answer.status_code == 303
    act(folder)
    out = {row.sha256 for row in rows(folder, Stage.EXCLUDED) if row.reason == "excluded"}
    assert out == chosen
    at = re.search(r"undo=([\d.]+)", answer.headers["location"])
    assert at is not None and len(send(visitor, "/diary/me/undo", at=at.group(1)).json()["photos"]) == 3


def test_nothing_unclear_is_acted_on(visitor: Visitor, folder: Path) -> None:
    """An unknown act, a photo that is not there and a digest that is none are refused, and nothing is written."""
    row = rows(folder)[0]
    assert send(visitor, f"/diary/me/photo/{row.sha256}/say", act="deleted").status_code == 400
    assert send(visitor, f"/diary/me/photo/{row.sha256}/say").status_code == 400
    assert send(visitor, f"/diary/me/photo/{'0' * 64}/say", act="excluded").status_code == 404
    assert send(visitor, "/diary/me/photo/..%2f..%2fledger.sqlite3/say", act="excluded").status_code == 404
    with opened(folder) as ledger:
        assert not reviewing.pending(ledger, row.sha256)


# -- ten photos ------------------------------------------------------------------------------------------------------------------


def test_ten_photos_hide_where_the_eyes_are_thought_to_be(visitor: Visitor, folder: Path) -> None:
    """No card of the round says where the eyes are; once placed, the answer says how far off the model was, and the photo does not come again."""
    answer = visitor.get("/diary/me/ten")
    card = card_in(answer)
    assert card["eyes"] is None and card["others"] == [] and card["frame"] is None
    model = eyes_of(row_of(folder, card["sha256"]))
    assert f"{model.left.x:g}" not in answer.text
    placed = EyePair(Point(model.left.x + 1.0, model.left.y), model.right)
    told = send(visitor, card["say"], act="place", **numbers(placed)).json()
    assert told["model"]["off"] == round(100 * 1.0 / placed.iod, 1)
    act(folder)
    cards = visitor.get("/diary/me/ten/cards").json()
    assert card["sha256"] not in [other["sha256"] for other in cards["cards"]] and (cards["placed"], cards["needed"]) == (1, 7)
    assert all(other["eyes"] is None for other in cards["cards"])


def test_ten_photos_without_scripts(visitor: Visitor, folder: Path) -> None:
    """The form goes to the next photo and tells how far off the model was; ten done, the page thanks and says how many are still needed."""
    card = card_in(visitor.get("/diary/me/ten"))
    eyes = eyes_of(row_of(folder, card["sha256"]))
    answer = visitor.submit(card["say"], act="place", then="ten", done="0", **numbers(eyes))
    page = visitor.get(answer.headers["location"])
    assert "The model was 0.0 %" in page.text and "1 of 10" in page.text
    thanks = visitor.get("/diary/me/ten?done=10").text
    assert "Thank you" in thanks and "7 more, and the diary can learn from them." in thanks


# -- pictures --------------------------------------------------------------------------------------------------------------------


def test_pictures_for_placing_show_the_photo_where_it_is(visitor: Visitor, folder: Path) -> None:
    """The whole photo, a part of it and the aligned frame are pictures of the photo with the eyes exactly where the numbers say, kept for good."""
    import numpy as np

    row = rows(folder)[0]
    eyes = eyes_of(row)
    base = f"/diary/me/picture/{row.sha256}"

    def picture(path: str) -> Any:
        answer = visitor.get(path)
        assert answer.status_code == 200 and answer.headers["content-type"] == "image/jpeg" and "immutable" in answer.headers["cache-control"]
        return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"))

    whole = picture(f"{base}/whole?v=1")
    assert whole.shape == (300, 400, 3)
    found = find_dots(whole)
    assert found is not None and found.distance(eyes) < 0.6
    part = picture(f"{base}/close?v=1&x=100&y=50&side=200")
    inside = find_dots(part)
    assert part.shape == (200, 200, 3) and inside is not None
    assert inside.distance(EyePair(Point(eyes.left.x - 100, eyes.left.y - 50), Point(eyes.right.x - 100, eyes.right.y - 50))) < 0.6
    card = card_in(visitor.get(f"/diary/me/photo/{row.sha256}"))
    target = card["canvas"]
    aligned = find_dots(picture(f"{base}/aligned?canvas={target['id']}&mirrored=0&eyes={','.join(map(str, card['eyes']))}"))
    assert aligned is not None and aligned.distance(EyePair(Point(*target["left"]), Point(*target["right"]))) < 1.0
    look = picture(card["frame"]["look"])
    assert look.shape == (320, 320, 3)


@pytest.mark.parametrize(
    "path", ["close?x=0&y=0&side=1", "close?x=9999&y=0&side=100", "close?x=a&y=0&side=100", "close?x=nan&y=0&side=100", "close", "aligned?canvas=1&eyes=1,2,3",
             "aligned?canvas=1&mirrored=0&eyes=1,1,1,1", "aligned?canvas=99&mirrored=0&eyes=100,100,200,100"],
)  # fmt: skip
def test_parts_that_are_not_there_are_refused(visitor: Visitor, folder: Path, path: str) -> None:
    """Numbers from outside choose a part of the photo and nothing else; what makes no picture is refused before the darkroom is asked."""
    row = rows(folder)[0]
    assert visitor.get(f"/diary/me/picture/{row.sha256}/{path}").status_code in (400, 404)


def test_a_photo_that_cannot_be_shown_has_a_calm_placeholder(visitor: Visitor, folder: Path) -> None:
    """Where the original is gone or damaged, a small drawing stands in its place, and no browser keeps it."""
    row = rows(folder)[0]
    assert row.original is not None
    (folder / "archive" / row.original).write_bytes(b"\xff\xd8\xff\xe0" + bytes(200))
    answer = visitor.get(f"/diary/me/picture/{row.sha256}/whole?v=1")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("image/svg+xml") and answer.headers["cache-control"] == "no-store"
    assert "cannot be shown just now" in answer.text
    assert visitor.get(f"/diary/me/photo/{row.sha256}").status_code == 200
