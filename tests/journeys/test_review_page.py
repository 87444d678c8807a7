"""The page in a real browser, with the real service behind it: doubt, two drags, and the film is right; by finger, mouse, keyboard, and without scripts.

Pictures for people to look at go to $TEST_SCREENSHOTS.
"""

from __future__ import annotations

import contextlib
import io
import math
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from tests.support.browser import SIZES, Browser, Page, Window, drag, eye_at, in_window, started, until
from tests.support.daemon import QUICK, Diary
from tests.support.portraits import Portrait, portraits

from photodiary.darkroom import warp
from photodiary.diary.canvas import Canvas, apply
from photodiary.diary.eyes import EyePair, Point
from photodiary.diary.facing import Facing, onto
from photodiary.ledger import photos, reels
from photodiary.ledger.photos import PhotoRow
from photodiary.ledger.store import Ledger

# The film's pictures are compared with frames, whose light the film would even out.
CONFIG = QUICK.replace('canvas = "320x320 eyes 30% apart at 44%"', 'canvas = "540x676 eyes 28% apart at 42%"').replace("[film]", "[film]\neven_out = false")
PLAIN = ["plain0", "plain1", "plain2", "plain3", "plain4", "plain5", "plain6", "plain7"]
READY = "window.photodiary?.asking?.stage.matrix !== undefined"
LAYERS = "window.photodiary.asking.stage.layers"
CARD = "window.photodiary.asking.card.sha256"
pytestmark = pytest.mark.slow


@dataclass
class Lived:
    """A diary whose daemon runs, and the page on it."""

    diary: Diary
    photos: dict[str, Portrait]
    base: str

    def path(self, name: str) -> str:
        return f"/diary/me/photo/{self.photos[name].sha256}"

    def row(self, name: str) -> PhotoRow:
        with contextlib.closing(Ledger(self.diary.archive, writable=False)) as ledger:
            row = photos.find(ledger, self.photos[name].sha256)
        assert row is not None
        return row

    def canvas(self) -> Canvas:
        with contextlib.closing(Ledger(self.diary.archive, writable=False)) as ledger:
            row = reels.current_canvas(ledger)
        assert row is not None
        return row.canvas

    def until(self, name: str, true: Callable[[PhotoRow], bool], what: str) -> PhotoRow:
        """Wait for a state of a photo."""
        end = time.monotonic() + 40
        while not true(row := self.row(name)):
            assert time.monotonic() < end, f"{name}: {what}; {row}\n{self.diary.told()[-2000:]}"
            time.sleep(0.05)
        return row

    def frame(self, row: PhotoRow) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO((self.diary.archive / str(row.frame)).read_bytes())).convert("RGB"), np.float32)

    def film(self) -> list[np.ndarray]:
        with av.open(str(self.diary.archive / "films/latest.mp4")) as film:
            return [picture.to_ndarray(format="rgb24").astype(np.float32) for picture in film.decode(video=0)]

    def as_it_should_be(self, name: str, eyes: EyePair, facing: Facing | None = None) -> np.ndarray:
        """The frame of a photo with these eyes, made here from its pixels."""
        canvas = self.canvas()
        matrix = np.array(onto(eyes, facing or Facing(), canvas))
        return warp.frame(self.photos[name].pixels, matrix, (canvas.width, canvas.height)).astype(np.float32)


@contextlib.contextmanager
def served(diary: Diary) -> Iterator[str]:
    """The page of a diary in its own process; gives its address."""
    log = diary.folder / "page.log"
    with log.open("w") as told:
        process = subprocess.Popen(
            [sys.executable, "-m", "photodiary", "review", "--port", "0", "--config", str(diary.config)],
            env=diary.environment, stdout=subprocess.PIPE, stderr=told, text=True,
        )  # fmt: skip
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+:\d+", process.stdout.readline())
        assert found is not None, log.read_text()
        yield found[0]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    """Thirteen days with their film: eight plain ones, three that are to check, one with two faces, one without any."""
    diary = Diary(tmp_path_factory.mktemp("page") / "me", config=CONFIG, real_model=True)
    made = portraits()
    for portrait in made.values():
        (diary.inbox / portrait.name).write_bytes(portrait.data)
    diary.start()
    try:
        with served(diary) as base:
            diary.until(lambda s: s["photos"]["total"] == 13 and s["photos"]["received"] == 0, "all photos looked at", 120)
            diary.until(lambda s: s["reel"] is not None and s["reel"]["frames"] == 12 and s["photos"]["located"] == 0, "the film", 60)
            yield Lived(diary, made, base)
        assert diary.stop() == 0
    finally:
        diary.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started() as browser:
        yield browser


@pytest.fixture
def windows(browser: Browser) -> Iterator[Callable[..., Window]]:
    """Opens windows; after the test nothing may have gone wrong in any of them."""
    made: list[Window] = []

    def make(base: str, size: str, **options: object) -> Window:
        context = browser.new_context(**{**SIZES[size], **options})
        made.append(Window(context, base, size))
        return made[-1]

    yield make
    wrong = [words for window in made for words in window.wrong]
    for window in made:
        window.close()
    assert wrong == []


def near(got: EyePair | None, wanted: EyePair) -> float:
    """The larger of the eyes' distances, in pixels of the photo."""
    assert got is not None
    return got.distance(wanted)


def test_the_browser_tells_what_goes_wrong(lived: Lived, windows: Callable[..., Window]) -> None:
    """What the other tests rely on: a script's error, what the policy forbids, another server, a missing page, and a picture without words are all noticed."""
    window = windows(lived.base, "desk")
    page = window.go("/")
    assert window.wrong == [] and window.violations() == []
    page.evaluate("setTimeout(() => { throw new Error('mistake'); })")
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.inline = 1'}))")
    page.evaluate("fetch('/diary/me/nothing').catch(() => {})")
    page.evaluate("fetch('http://192.0.2.1/').catch(() => {})")
    page.evaluate("document.body.append(Object.assign(document.createElement('img'), {src: '/static/icon.svg'}))")
    page.evaluate("document.body.append(Object.assign(document.createElement('div'), {className: 'too-wide'}))")
    page.evaluate("document.querySelector('.too-wide').style.cssText = 'width: 3000px; height: 1px'")
    for words in ("script error: mistake", "script-src", "404: ", "connect-src"):
        end = time.monotonic() + 10
        while not any(words in said for said in window.wrong):
            assert time.monotonic() < end, (words, window.wrong)
            page.wait_for_timeout(30)
    assert page.evaluate("window.inline") is None, "a script in the page does not run"
    assert any("image-alt" in said for said in window.violations()) and window.overflows() > 0
    window.wrong.clear()


# -- by keyboard alone ------------------------------------------------------------------------------------------------------------


def test_the_keyboard_alone_is_enough(lived: Lived, windows: Callable[..., Window]) -> None:
    """Skip, move each eye by pixels, save, take back, and open a day: no mouse is needed, and one always sees where one is."""
    window = windows(lived.base, "desk")
    page = window.go("/diary/me/check")
    until(page, READY)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip" and page.locator(".skip").bounding_box() is not None
    page.keyboard.press("Enter")
    for _ in range(8):
        if (shown := page.evaluate(CARD)) == lived.photos["blurred"].sha256:
            break
        page.keyboard.press("s")
        until(page, f"{CARD} !== '{shown}'")
    before = lived.row("blurred")
    assert before.sighting is not None and before.sighting.eyes is not None and before.doubtful
    for key, times in (("ArrowRight", 3), ("Shift+ArrowDown", 1), ("e", 1), ("ArrowLeft", 2)):
        for _ in range(times):
            page.keyboard.press(key)
    assert page.evaluate("getComputedStyle(document.activeElement.querySelector('span') ?? document.activeElement).display") != "none"
    window.shoot("6-by-keyboard")
    page.keyboard.press("Enter")
    left, right = before.sighting.eyes
    row = lived.until("blurred", lambda row: row.sighting is not None and row.sighting.by == "placed", "the label is in force")
    assert row.sighting is not None
    assert near(row.sighting.eyes, EyePair(Point(left.x + 3, left.y + 10), Point(right.x - 2, right.y))) < 0.02, "by whole pixels of the photo"
    until(page, f"{CARD} !== '{lived.photos['blurred'].sha256}'")
    page.keyboard.press("u")
    lived.until("blurred", lambda row: row.sighting is not None and row.sighting.by != "placed" and row.doubtful, "taken back, it is asked about again")
    until(page, f"{CARD} === '{lived.photos['blurred'].sha256}'")
    window.go("/")
    page.locator("a.day").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", "one sees where one is"
    page.keyboard.press("Enter")
    page.get_by_role("heading", level=1, name="2 April 2025").wait_for()


# -- without scripts --------------------------------------------------------------------------------------------------------------


def test_without_scripts_it_can_be_read_and_corrected(lived: Lived, windows: Callable[..., Window]) -> None:
    """The calendar, a card with its picture, numbers typed and saved, a sentence that says so, and taking it back: all plain pages and forms."""
    window = windows(lived.base, "phone", java_script_enabled=False)
    page = window.go("/")
    assert page.locator("a.day").count() == 13
    assert "3 days in the film" not in page.locator("main").inner_text() and "12 days in the film" in page.locator("main").inner_text()
    page.get_by_role("link", name=re.compile("^To check")).click()
    for _ in range(8):
        if lived.photos["two"].sha256 in str(page.locator(".ask-form").get_attribute("action")):
            break
        page.locator(".skip-card").click()
    page.wait_for_load_state("networkidle")
    window.shoot("7-without-scripts", whole=True)
    page.locator("details.numbers summary").click()
    before = lived.row("two")
    assert before.reason == "several_faces" and before.sighting is not None and before.sighting.eyes is not None
    wanted = EyePair(*(Point(eye.x - 720.25, eye.y + 0.5) for eye in before.sighting.eyes))
    for name, value in zip(("left_x", "left_y", "right_x", "right_y"), (*wanted.left, *wanted.right), strict=True):
        page.locator(f'[name="{name}"]').fill(f"{value:.2f}")
    page.get_by_role("button", name="Save these numbers").click()
    assert "Noted: your eyes are where you put them." in page.locator("main").inner_text()
    row = lived.until("two", lambda row: row.sighting is not None and row.sighting.by == "placed", "the label is in force")
    assert row.sighting is not None and near(row.sighting.eyes, wanted) < 0.011 and not row.doubtful
    page.get_by_role("button", name="Undo").click()
    assert "Taken back." in page.locator("main").inner_text()
    lived.until("two", lambda row: row.reason == "several_faces", "it is asked about again")
    for path, words in (("/diary/me/timeline", "April 2025"), ("/diary/me/film", "The film"), (lived.path("plain3"), "In the film")):
        window.go(path)
        assert words in page.locator("main").inner_text()


# -- from a doubt to the film -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "name"), [("phone", "dark"), ("desk", "shaded")])
def test_a_doubt_is_settled_by_two_drags_and_the_film_follows(lived: Lived, windows: Callable[..., Window], size: str, name: str) -> None:
    """From the calendar to the card, both eyes dragged to where they are, one tap: label, matrix, frame and film are as they must be, to the pixel."""
    window = windows(lived.base, size)
    page = window.go("/")
    before, film = lived.row(name), lived.film()
    assert before.doubtful and before.in_film and before.sighting is not None and before.sighting.eyes is not None
    old = lived.frame(before)
    window.shoot("1-calendar")
    page.get_by_role("link", name=re.compile(r"^Check \d+ photos?")).click()
    skip_to(page, lived.photos[name].sha256)
    assert f"{lived.photos[name].day:%-d %b %Y}" in page.locator(".ask-day").inner_text()
    until(page, f"{LAYERS}.parts.some(part => part.image)")
    assert window.overflows() == 0
    window.shoot("2-doubt")
    truth = lived.photos[name].eyes
    assert truth is not None
    wanted = EyePair(Point(truth.left.x + 9, truth.left.y + 5), Point(truth.right.x + 9, truth.right.y + 5))  # not where the model is anyway
    shown = before.sighting.eyes
    targets = [in_window(page, shown, eye) for eye in wanted]
    for eye, target in zip(("left", "right"), targets, strict=True):
        drag(window, eye_at(page, eye), target, touch=size == "phone", between=f"3-dragging-{eye}")
    a_pixel = near(EyePair(*targets), EyePair(*(in_window(page, shown, Point(eye.x + 1, eye.y)) for eye in wanted)))
    window.shoot("4-placed")
    page.get_by_role("button", name="Save these eyes").click()
    row = lived.until(name, lambda row: row.sighting is not None and row.sighting.by == "placed" and row.frame != before.frame, "the frame is made anew")
    assert row.sighting is not None and row.matrix is not None
    eyes = row.sighting.eyes
    assert near(eyes, wanted) < 1.0 / max(0.2, a_pixel), "as exact as a pixel of the window"
    assert not row.doubtful and row.in_film and eyes is not None
    canvas = lived.canvas()
    assert max(math.dist(apply(row.matrix, eye), point) for eye, point in zip(eyes, (canvas.left, canvas.right), strict=True)) < 1e-6
    new, should = lived.frame(row), lived.as_it_should_be(name, eyes)
    assert np.abs(new - should).mean() < 3.0 < np.abs(new - old).mean(), "the frame is the photo on these eyes, and no longer the old one"
    window.shoot("5-next")
    lived.diary.until(lambda s: s["photos"]["located"] == 0 and shown_in(lived, new) is not None, "the film shows it")
    after = lived.film()
    place = shown_in(lived, new)
    assert place is not None and len(after) == len(film)
    assert np.abs(after[place] - new).mean() < 5.0 and np.abs(film[place] - old).mean() < 5.0, "at the same place of the film"
    assert np.abs(after[place] - old).mean() > np.abs(after[place] - new).mean() + 1.0


def skip_to(page: Page, sha256: str) -> None:
    """In the queue, past the cards before a photo's."""
    for _ in range(8):
        until(page, READY)
        if (shown := page.evaluate(CARD)) == sha256:
            return
        page.locator(".skip-card").click()
        until(page, f"{CARD} !== '{shown}'")
    raise AssertionError("it is not asked about")


def shown_in(lived: Lived, frame: np.ndarray) -> int | None:
    """At which place the film shows a frame; None: nowhere."""
    off = [float(np.abs(picture - frame).mean()) for picture in lived.film()]
    best = int(np.argmin(off))
    return best if off[best] < 4.0 else None  # the quickest preset leaves them up to 3.4 apart


# -- ten photos, one minute -------------------------------------------------------------------------------------------------------


def test_ten_photos_one_minute(lived: Lived, windows: Callable[..., Window]) -> None:
    """Two taps a photo where nothing is proposed, the model's eyes beside one's own afterwards, the next one at once; the last can be taken back."""
    window = windows(lived.base, "phone")
    page = window.go("/diary/me/ten")
    by_digest = {portrait.sha256: name for name, portrait in lived.photos.items()}
    placed: list[str] = []
    for number in range(2):
        until(page, READY)
        name = by_digest[page.evaluate(CARD)]
        portrait = lived.photos[name]
        assert page.locator(".stage .eye:visible").count() == 0, "nothing is proposed"
        truth = portrait.eyes
        if truth is None:
            truth = EyePair(Point(100.0, 100.0), Point(200.0, 100.0))
        if number == 0:
            window.shoot("8-ten")
        box = page.locator(".stage").bounding_box()
        assert box is not None
        for eye in truth:
            at = page.evaluate("point => window.photodiary.asking.stage.toStage(point)", {"x": eye.x, "y": eye.y})
            page.touchscreen.tap(box["x"] + at["x"], box["y"] + at["y"])
        page.get_by_role("button", name="Save these eyes").click()
        row = lived.until(name, lambda row: row.sighting is not None and row.sighting.by == "placed", "the label is in force")
        assert row.sighting is not None and near(row.sighting.eyes, truth) < 4.0
        page.get_by_text(re.compile("The model was|Thank you")).wait_for()
        window.shoot(f"9-ten-told-{number}")
        placed.append(name)
        if number == 0:
            page.get_by_role("button", name="Next").click()
            until(page, f"{CARD} !== '{portrait.sha256}'")
    assert page.locator(".ask-left").inner_text() == "2 of 10"
    page.get_by_role("button", name="Undo").click()
    lived.until(placed[1], lambda row: row.sighting is not None and row.sighting.by != "placed", "taken back")
    assert lived.row(placed[0]).sighting.by == "placed"  # type: ignore[union-attr]


# -- the film, and everything a person may decide about a photo -------------------------------------------------------------------


def test_the_film_names_the_photo_and_one_tap_opens_it(lived: Lived, windows: Callable[..., Window]) -> None:
    """The newest film plays; stopped, it names the photo on the screen, step by step; opened, the photo is mirrored, left out, put back, all from its page."""
    window = windows(lived.base, "desk")
    page = window.go("/diary/me/film")
    until(page, "document.getElementById('film').readyState >= 2")
    page.evaluate("document.getElementById('film').play()")
    until(page, "document.getElementById('film').currentTime > 0.05")
    page.evaluate("document.getElementById('film').pause()")
    page.locator("#shown-page").wait_for()
    page.evaluate("document.getElementById('film').currentTime = 0.01")
    page.get_by_text("1 April 2025, ").wait_for()
    page.get_by_role("button", name="The photo after").click()
    page.get_by_text("2 April 2025, ").wait_for()
    window.shoot("10-film")
    page.get_by_role("link", name="Open this photo").click()
    page.wait_for_url(f"**{lived.path('plain1')}")
    before = lived.row("plain1")
    assert before.sighting is not None and before.sighting.eyes is not None
    page.get_by_text("Which way round").click()
    page.get_by_label("Mirror this photo").check()
    window.shoot("11-way-round", whole=True)
    page.get_by_role("button", name="Save for this photo").click()
    row = lived.until("plain1", lambda row: row.facing.mirrored and row.frame != before.frame, "mirrored")
    should = lived.as_it_should_be("plain1", before.sighting.eyes, Facing(True))
    assert np.abs(lived.frame(row) - should).mean() < 3.0
    page.get_by_role("button", name="Undo").first.click()
    lived.until("plain1", lambda row: not row.facing.mirrored and row.frame == before.frame, "as it was")
    window.go(lived.path("plain1"))
    until(page, READY)
    page.get_by_role("button", name="Leave out").click()
    lived.until("plain1", lambda row: not row.in_film, "left out")
    window.go(lived.path("plain1"))
    window.shoot("12-left-out")
    page.get_by_role("button", name="Put it back").click()
    lived.until("plain1", lambda row: row.in_film, "back")
    assert lived.row("plain1").frame == before.frame


def test_a_photo_is_deleted_for_good_only_when_its_letters_are_typed(lived: Lived, windows: Callable[..., Window]) -> None:
    """The first letters of its SHA-256 are asked for; with others nothing happens, with these nothing of it is left."""
    window = windows(lived.base, "phone")
    page = window.go(lived.path("nobody"))
    page.get_by_text("Delete it for good").click()
    field = page.get_by_label(re.compile("To go on, type"))
    field.fill("00000000")
    page.get_by_role("button", name="Delete for good").click()
    assert page.evaluate("!document.getElementById('typed').checkValidity()"), "the browser says so before anything is sent"
    window.shoot("13-delete", whole=True)
    field.fill(lived.photos["nobody"].sha256[:8])
    page.get_by_role("button", name="Delete for good").click()
    lived.diary.until(lambda s: s["photos"]["total"] == 12, "gone")


# -- for everybody ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", ["phone", "desk"])
def test_every_page_is_for_everybody_light_and_dark(lived: Lived, windows: Callable[..., Window], size: str) -> None:
    """axe-core finds nothing serious or critical on any page, no page is wider than its window, and nothing goes wrong in a script, light or dark."""
    window = windows(lived.base, size)
    pages = {
        "calendar": "/", "year": "/diary/me/2025", "day": "/diary/me/day/2025-04-03", "no-day": "/diary/me/day/2025-04-20", "queue": "/diary/me/check",
        "ten": "/diary/me/ten", "photo": lived.path("plain3"), "two-faces": lived.path("two"), "timeline": "/diary/me/timeline",
        "to-check": "/diary/me/timeline?show=check", "film": "/diary/me/film", "add": "/diary/me/add", "learning": "/learning", "unread": "/diary/me/unread",
    }  # fmt: skip
    problems = look_at(window, pages)
    with window.expecting(404):
        problems += look_at(window, {"nothing": "/diary/me/nothing"})
    assert problems == []


@pytest.mark.parametrize("size", ["phone", "desk"])
def test_the_first_page_is_for_everybody_too(tmp_path: Path, windows: Callable[..., Window], size: str) -> None:
    """Before the first photo the page says what to do, and that the service does not run; each way in works."""
    diary = Diary(tmp_path / "me", config=CONFIG)
    with served(diary) as base:
        window = windows(base, size)
        names = {"first-run": "/", "first-add": "/diary/me/add", "first-queue": "/diary/me/check", "first-ten": "/diary/me/ten"}
        names |= {"first-timeline": "/diary/me/timeline", "first-film": "/diary/me/film"}
        assert look_at(window, names) == []
        window.go("/")
        assert "not running" in window.page.locator("main").inner_text() and str(diary.inbox) in window.page.locator("main").inner_text()
        window.close()


def look_at(window: Window, pages: dict[str, str]) -> list[str]:
    """What is wrong with these pages, light and dark."""
    found = []
    for name, path in pages.items():
        page = window.go(path)
        window.prefers("light")
        if page.evaluate("document.querySelector('.ask') !== null"):
            until(page, READY)
            until(page, f"{LAYERS}.whole !== null || {LAYERS}.broken")
            found += [f"{path}: the photo cannot be seen"] if page.evaluate(f"{LAYERS}.broken") else []
        found += window.violations()
        if (wide := window.overflows()) > 0:
            found.append(f"{path}: {wide} px wider than the window")
        window.shoot(f"page-{name}-light", whole=True)
        window.prefers("dark")
        found += window.violations("color-contrast")
        window.shoot(f"page-{name}-dark", whole=True)
    return found


def test_the_script_computes_what_the_service_does(lived: Lived, windows: Callable[..., Window]) -> None:
    """For any eyes, mirrored or turned, the preview's transform in the browser is the one that frames are made with."""
    window = windows(lived.base, "desk")
    page = window.go("/diary/me/check")
    until(page, READY)
    rng, canvas = np.random.default_rng(7), lived.canvas()
    target = {"left": list(canvas.left), "right": list(canvas.right)}
    for _ in range(40):
        numbers = rng.uniform(0, 4000, 4)
        eyes = EyePair(Point(*numbers[:2]), Point(*numbers[2:]))
        facing = Facing(bool(rng.integers(2)), rng.choice(np.array([None, 0, 90, 180, 270], object)))
        asked = {
            "eyes": {"left": {"x": eyes.left.x, "y": eyes.left.y}, "right": {"x": eyes.right.x, "y": eyes.right.y}},
            "facing": {"mirrored": facing.mirrored, "turned": facing.turned}, "target": target,
        }  # fmt: skip
        a, b, c, d, e, f = page.evaluate("({eyes, facing, target}) => window.photodiary.geometry.onto(eyes, facing, target)", asked)
        assert np.allclose([[a, c, e], [b, d, f]], onto(eyes, facing, canvas), rtol=1e-9, atol=1e-6)
