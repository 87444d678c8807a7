"""The page of a retraining: says what happened in plain words, is whole for any outcome, safe for any name, and draws the marks where the eyes are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.dots import find_dots, jpeg, picture
from tests.support.pages import Reader

from photodiary.darkroom.inmemory import PixelView
from photodiary.diary.canvas import apply
from photodiary.diary.eyes import EyePair, Point
from photodiary.retrain import learning_photos, learning_report

EYES = [1500.0, 1000.0, 1900.0, 1030.0]
EVIL = """<img src=x onerror=alert(1)>"'&lt;"""
JPEG = b"\xff\xd8\xff-not-looked-at"


def photo(number: int, before: float | None, after: float | None, *, diary: str = "me", day: str | None = "2024-03-01") -> dict[str, Any]:
    """Photo `number`, whose left eye was `before` and is `after` % of the distance between the eyes too far right; None: no face was found."""
    iod = float(np.hypot(400, 30))
    eyes = {f"eyes_{when}": None if off is None else [EYES[0] + off * iod / 100, *EYES[1:]] for when, off in (("before", before), ("after", after))}
    errors = {when: 100.0 if off is None else min(off, 100.0) for when, off in (("before", before), ("after", after))}
    return {"diary": diary, "sha256": f"{number:064x}", "day": day, **errors, "eyes": EYES, **eyes}


def three(errors: list[float]) -> dict[str, float]:
    return {"median": float(np.median(errors)), "p90": float(np.percentile(errors, 90)), "max": max(errors)}


def outcome(photos: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """A promoted model by the photos' own numbers, as the retraining writes it to its file and another process reads it."""
    judged = {when: three([photo[when] for photo in photos]) if photos else None for when in ("before", "after")}
    diaries = {name: {"placed": 1, **judged, "better": 0.95, "film_iod": 300.0} for name in {photo["diary"] for photo in photos}}
    told = {
        "finished_at": 1795629600.0, "seconds": 733.0, "placed": len(photos), "confirmed": 12, "needed": 0, "promoted": True, "model": "personal-1",
        "current_before": "base-1", "reason": "The new model is surely better.", "better": 0.973, **judged, "diaries": diaries,
        "gates": [{"name": "surely_better", "passed": True, "words": "97 of 100 draws; 90 are asked for."}], "photos": photos, **more,
    }  # fmt: skip
    read: dict[str, Any] = json.loads(json.dumps(told))
    return read


FIFTY = [photo(n, 1.0 + n / 40, 0.75 + n / 40) for n in range(48)] + [photo(48, 0.5, 0.9), photo(49, 0.5, 0.52)]
FEW = {"promoted": False, "model": None, "after": None, "better": None, "gates": []}


def page(told: Mapping[str, Any], pictures: Mapping[str, bytes] | None = None) -> str:
    shown = {strip.sha256: JPEG for strip in learning_photos.strips(told)} if pictures is None else pictures
    return learning_report.page(told, shown, ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("told", "headline"),
    [
        (outcome(FIFTY), "Your 50 corrections made the eyes 16 % more exact"),
        (outcome(FIFTY, after={"median": 1.56, "p90": 0.9, "max": 2.0}), "Your 50 corrections made a better model"),
        (outcome([], **FEW, placed=5, needed=3), "Not promoted: 3 more corrections are needed"),
        (outcome([], **FEW, placed=7, needed=1), "Not promoted: 1 more correction is needed"),
        (outcome([], **FEW, placed=0, needed=8), "Nothing to learn from yet: 8 corrections are needed"),
        (outcome(FIFTY, promoted=False, model=None), "Not promoted: the model you have stays"),
    ],
)
def test_the_headline_says_what_happened(told: dict[str, Any], headline: str) -> None:
    """One plain sentence for better, too few, none and refused; the gain is that of the medians, and a gain that rounds to nothing isn't claimed."""
    text = page(told).replace("\N{NO-BREAK SPACE}", " ")
    assert f"<h1>{headline}</h1>" in text and f"<title>{headline}</title>" in text


def test_the_numbers_are_said_in_words() -> None:
    """Before and after, in per cent and in pixels of the film, how many got better and worse, how it was judged, when, and how long it took."""
    text = Reader(page(outcome(FIFTY))).text
    assert "25 November 2026, 19:00 · 50 corrections · 12 minutes · now in use: personal-1" in text
    assert "1.31 %or less: half of the photosbefore: 1.56 %" in text
    assert "48 of 50got better1 got worse, 1 stayed as they were" in text
    assert "Each photo was judged by a model that had not seen it" in text and "has learnt from all of them" in text
    assert "the better one 97 times in 100" in text
    assert "In the film of me, where the eyes are 300 pixels apart, half of the photos are within 4.7 pixels before and 3.9 after" in text
    assert "12 photos that you confirmed with one tap taught with less weight and judged nothing" in text
    assert "photodiary models rollback" in text
    more = Reader(page(outcome(FIFTY, in_question=3, unread={"ab": "damaged"}))).text
    assert "3 corrections lie far from where the model is sure: they wait for your second word and taught nothing" in more
    assert "1 photo could not be read and took no part" in more and "took no part" not in text and "second word" not in text


def test_a_refused_model_is_told_with_its_reason() -> None:
    """The reason and the gate that was not passed stand on the page, the photos too, and nothing says that it is in use."""
    gates = [
        {"name": "nothing_forgotten", "passed": True, "words": "fine"},
        {"name": "surely_better", "passed": False, "words": "better with a probability of 4%"},
    ]
    read = Reader(page(outcome(FIFTY, promoted=False, model=None, reason="It is not surely better.", gates=gates)))
    assert "It is not surely better." in read.text and "Better with a probability of 4%." in read.text
    assert [value for _, key, value in read.attributes if key == "aria-label" and value.endswith("passed")] == ["passed", "not passed"]
    assert "base-1 goes on finding the eyes" in read.text and "Photos that got better" in read.text
    assert "now in use" not in read.text and "learnt from all" not in read.text and "rollback" not in read.text


def test_below_eight_nothing_is_judged() -> None:
    """With too few corrections the page says how many more it takes and what the model does today, and shows no comparison."""
    text = Reader(page(outcome([], **FEW, placed=5, needed=3, before={"median": 0.8, "p90": 1.0, "max": 1.1}))).text
    assert "Place the eyes in 3 more photos" in text and "at most 0.80 % off" in text
    assert "Before and after" not in text and "judged by a model" not in text


def test_the_most_changed_photos_are_shown() -> None:
    """Six that got better and four that got worse at most, the most changed first; one that hardly moved is neither."""
    better, worse = learning_photos.chosen(outcome([*[photo(n, 1.0, 1.0 - n / 50) for n in range(20)], *[photo(50 + n, 1.0, 1.0 + n / 50) for n in range(10)]]))
    assert [int(one["sha256"], 16) for one in better] == [19, 18, 17, 16, 15, 14]
    assert [int(one["sha256"], 16) for one in worse] == [59, 58, 57, 56]
    assert learning_photos.chosen(outcome([photo(1, 1.0, 1.04), photo(2, 1.0, 0.96)])) == ([], [])


def test_the_page_obeys_a_strict_policy() -> None:
    """default-src 'none'; style-src 'self'; img-src 'self' data: - no script, no inline style, and the only file asked for is the style beside it."""
    read = Reader(page(outcome(FIFTY, curve=[{"samples": 100, "loss": 2.0, "median": 0.9}, {"samples": 900, "loss": 1.0, "median": 0.8}])))
    assert not {"script", "style", "iframe", "object", "form"} & set(read.elements)
    assert not [attribute for attribute in read.attributes if attribute[1] in ("style", "srcset")]
    assert {link for link in read.links if not link.startswith(("data:image/jpeg;base64,", "#p"))} == {learning_report.STYLE}


def test_each_picture_travels_once() -> None:
    """A JPEG stands once on the page however often it is shown, also when two diaries have the same photo, and one that is missing is not missed."""
    two = outcome([photo(1, 2.0, 1.0), photo(1, 3.0, 1.0, diary="other"), photo(2, 2.0, 1.0)])
    read = Reader(page(two))
    assert sum(link.startswith("data:") for link in read.links) == 2
    assert read.links.count(f"#p{1:064x}") == 5  # of two cards, four enlarged eyes and one strip
    assert sum(link.startswith("data:") for link in Reader(page(two, {f"{2:064x}": JPEG})).links) == 1
    assert len(learning_photos.strips(two)) == 2


def test_names_cannot_break_out() -> None:
    """A diary, model, reason or gate made of mark-up is shown as it is and never becomes an element."""
    gates = [{"name": EVIL, "passed": True, "words": EVIL}]
    told = outcome([photo(1, 2.0, 1.0, diary=EVIL), photo(2, 1.0, 2.0)], model=EVIL, current_before=EVIL, reason=EVIL, gates=gates)
    read = Reader(page(told))
    assert "img" not in read.elements
    assert read.text.count(EVIL) >= 5


def test_diaries_are_told_apart() -> None:
    """With several diaries each has its line and each photo says whose it is; with one, neither is said."""
    two = Reader(page(outcome([photo(1, 2.0, 1.0, diary="anna"), photo(2, 2.0, 1.0, diary="ben")]))).text
    assert "Diary by diary" in two and "anna, 1 March 2024" in two and "ben, 1 March 2024" in two
    one = Reader(page(outcome([photo(1, 2.0, 1.0, day=None)]))).text
    assert "Diary by diary" not in one and "me, " not in one.replace("film of me, ", "") and "without a date" in one


@pytest.mark.parametrize("far", [0.5, 30.0, 400.0])
def test_a_strip_shows_both_eyes_level_and_all_marks(far: float) -> None:
    """Your eyes lie level and in the middle of the picture, and what a model said lies inside it, however far off it was."""
    told = outcome([photo(1, far, 0.1)])
    (strip,) = learning_photos.strips(told)
    left, right = (apply(strip.matrix, Point(*EYES[i : i + 2])) for i in (0, 2))
    assert left.y == pytest.approx(right.y) and left.y == pytest.approx((strip.canvas.height - 1) / 2)
    assert (left.x + right.x) / 2 == pytest.approx((strip.canvas.width - 1) / 2)
    seen = apply(strip.matrix, Point(*told["photos"][0]["eyes_before"][:2]))
    assert 20 < seen.x < strip.canvas.width - 20 and 20 < seen.y < strip.canvas.height - 20


def test_marks_lie_on_the_eyes() -> None:
    """In a picture made as the strip asks, the drawn rings have the eyes in their middle, in the strip and enlarged."""
    eyes = EyePair(Point(150.3, 120.2), Point(230.8, 141.7))
    told = outcome([{**photo(1, 2.0, 1.0), "eyes": [*eyes.left, *eyes.right], "eyes_before": [*eyes.left, 231.9, 141.7], "eyes_after": None}])
    (strip,) = learning_photos.strips(told)
    (pixels,) = PixelView(picture(eyes)).crops([strip.matrix], (strip.canvas.width, strip.canvas.height))
    dots = find_dots(pixels)
    assert dots is not None
    text = page(told, {strip.sha256: jpeg(pixels)})
    rings = [Point(float(x) - 0.5, float(y) - 0.5) for x, y in re.findall(r'class="label" cx="([\d.]+)" cy="([\d.]+)" r="20"', text)]
    assert dots.distance(EyePair(*rings)) < 1.0
    shown = [
        tuple(float(number) for number in found)
        for found in re.findall(r'translate\((\S+) (\S+)\) scale\((\S+)\)"><use.*?class="label" cx="([\d.]+)" cy="([\d.]+)"', text)
    ]
    assert len(shown) == 2
    for (x, y, scale, ring_x, ring_y), dot in zip(shown, dots, strict=True):  # SVG counts pixels from their corner
        assert (x + scale * (dot.x + 0.5), y + scale * (dot.y + 0.5)) == pytest.approx((ring_x, ring_y), abs=1.0 * scale)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.none() | st.floats(0, 900), st.none() | st.floats(0, 900)), min_size=1, max_size=12), st.floats(0, 1))
def test_whatever_came_out_the_page_is_whole(errors: list[tuple[float | None, float | None]], better: float) -> None:
    """Errors of any size, faces lost or found, leave a page whose every element is closed and whose every chart has finite places."""
    text = page(outcome([photo(n, before, after) for n, (before, after) in enumerate(errors)], better=better))
    Reader(text)
    assert not re.search(r"[\"\s,(](nan|-?inf)\b", text, re.IGNORECASE)


def test_curves_are_drawn_where_there_are_any() -> None:
    """The curves of learning are on the page when they have two points at least; before that nothing is made up."""
    points = [{"samples": 100, "loss": 2.0, "median": None}, {"samples": 4000, "loss": 1.0, "median": 0.8}]
    text = Reader(page(outcome(FIFTY, curve=points))).text
    assert "Loss in trainingpictures" not in text  # a chart's text lies inside it, the heading is the figure's
    assert "Loss in training" in text and "From 2 to 1." in text and "kept aside" not in text
    assert "Loss in training" not in Reader(page(outcome(FIFTY, curve=None))).text


def test_the_page_is_written_whole(tmp_path: Path) -> None:
    """Page and style lie in a folder for its owner only, made on demand; a second outcome takes the place of the first and nothing else is left."""
    folder = tmp_path / "retrain" / "report"
    first = learning_report.write(folder, outcome([], **FEW, placed=0, needed=8), {})
    assert first == folder / "index.html" and "Nothing to learn" in first.read_text(encoding="utf-8")
    assert folder.stat().st_mode & 0o077 == 0
    learning_report.write(folder, outcome(FIFTY), {})
    assert "more exact" in first.read_text(encoding="utf-8")
    assert sorted(path.name for path in folder.iterdir()) == ["index.html", "report.css"]
