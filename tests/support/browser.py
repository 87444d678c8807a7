"""A real browser that watches what a page does wrong: Debian's Chromium, driven by Playwright; nothing is downloaded."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from photodiary.diary.eyes import EyePair, Point

pytest.importorskip("playwright", reason="`make test` installs it: pip install '.[browser]'")

from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import Browser, BrowserContext, CDPSession, Error, Page, ViewportSize, sync_playwright

PHONE: dict[str, Any] = {"viewport": ViewportSize(width=390, height=844), "device_scale_factor": 2, "has_touch": True, "is_mobile": True}
DESK: dict[str, Any] = {"viewport": ViewportSize(width=1280, height=900)}
SIZES = {"phone": PHONE, "desk": DESK}
AXE = Path(AXE_FILE_PATH).read_text(encoding="utf-8")
OVERTAKEN = ("is interrupted by another navigation", "net::ERR_ABORTED")  # in the words of Playwright: the page went elsewhere meanwhile
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def chromium() -> str:
    """Raises RuntimeError where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found is not None:
            return found
    raise RuntimeError("these tests need a Chromium; `sh deploy/system-packages.sh browser` installs one")


@contextmanager
def started() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--disable-gpu", "--no-first-run", "--force-color-profile=srgb"])
        try:
            yield browser
        finally:
            browser.close()


class Window:
    """A page and everything that went wrong on it: script errors, what the browser complained of, answers of 400 and more, requests to elsewhere."""

    def __init__(self, context: BrowserContext, base: str, size: str) -> None:
        self.context, self.base, self._size = context, base, size
        self.wrong: list[str] = []
        self._sessions: list[CDPSession] = []
        self._expected = 0  # an answer that the test is about
        self.page: Page = context.new_page()
        self.page.set_default_timeout(20_000)
        self.page.on("pageerror", lambda error: self.wrong.append(f"script error: {error}"))
        self.page.on("console", lambda said: self._complain(said.type, said.text))
        self.page.on(
            "response", lambda answer: self.wrong.append(f"{answer.status}: {answer.url}") if answer.status >= 400 and answer.status != self._expected else None
        )
        self.page.on("request", lambda asked: None if self._ours(asked.url) else self.wrong.append(f"asked elsewhere: {asked.url}"))
        self.page.on("requestfailed", lambda asked: None if _left_behind(asked.failure) else self.wrong.append(f"failed: {asked.url}: {asked.failure}"))

    def _complain(self, kind: str, words: str) -> None:
        if kind in ("error", "warning") and not (self._expected and f"status of {self._expected}" in words):
            self.wrong.append(f"{kind}: {words}")

    @contextmanager
    def expecting(self, status: int) -> Iterator[None]:
        """This answer is no mistake for once."""
        self._expected = status
        yield
        self._expected = 0

    def _ours(self, url: str) -> bool:
        return url.startswith((self.base, "blob:", "data:"))

    def go(self, path: str) -> Page:
        """Open a page of ours.

        A page's script that has just saved something goes on to another address when the answer is there, which may be in the middle of this: then once
        more.  Any other trouble is raised, and so is this one when it stays.
        """
        for more in (2, 1, 0):
            try:
                self.page.goto(self.base + path, wait_until="load")
                break
            except Error as error:
                if not more or not any(words in error.message for words in OVERTAKEN):
                    raise
                self.page.wait_for_load_state("load")
        return self.page

    def prefers(self, scheme: str) -> None:
        """light or dark, and nothing that moves; a phone stays a phone (Playwright's own way makes it one that hovers)."""
        features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
        if self._size == "phone":
            features |= {"hover": "none", "any-hover": "none", "pointer": "coarse", "any-pointer": "coarse"}
        session = self.context.new_cdp_session(self.page)
        session.send("Emulation.setEmulatedMedia", {"features": [{"name": name, "value": value} for name, value in features.items()]})
        self._sessions.append(session)  # it ends with its session

    def shoot(self, name: str, *, whole: bool = False) -> None:
        """A picture of what is seen for people to look at, where somebody asked for pictures; whole: all of the page."""
        folder = os.environ.get("TEST_SCREENSHOTS")
        if folder:
            self.page.screenshot(path=Path(folder) / f"{self._size}-{name}.png", full_page=whole, animations="disabled")

    def violations(self, *rules: str) -> list[str]:
        """What axe-core finds serious or critical on the page as it is now; rules: only these."""
        self.page.evaluate(AXE)
        only = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": RULES}
        found = self.page.evaluate("only => axe.run(document, {runOnly: only, resultTypes: ['violations']})", only)
        return [
            f"{self.page.url} {entry['id']} ({entry['impact']}): {entry['help']}: {node['html'][:160]} {node['failureSummary'][:300]}"
            for entry in found["violations"]
            if entry["impact"] in ("serious", "critical")
            for node in entry["nodes"]
        ]

    def overflows(self) -> int:
        """CSS pixels by which the page is wider than the window."""
        wide: int = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return wide

    def close(self) -> None:
        self.context.close()


def _left_behind(failure: str | None) -> bool:
    """A picture or film that was still on its way when the page was left."""
    return failure is not None and "ERR_ABORTED" in failure


# -- the stage, as a person sees it -------------------------------------------------------------------------------------------


def until(page: Page, true: str, seconds: float = 20) -> None:
    """Wait until an expression is true.  Playwright's own waiting would need what our pages' policy forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(f"Boolean({true})"):
        assert time.monotonic() < end, f"{page.url}: not within {seconds:g} s: {true}"
        page.wait_for_timeout(30)


def eye_at(page: Page, eye: str) -> Point:
    """Where the mark of an eye is in the window, in CSS pixels."""
    box = page.locator(f'.stage [data-eye="{eye}"] span').bounding_box()
    assert box is not None
    return Point(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def in_window(page: Page, eyes: EyePair, point: Point) -> Point:
    """Where a point of the photo is in the window, told from where the marks of `eyes` are."""
    left, right = (complex(*eye_at(page, eye)) for eye in ("left", "right"))
    a = (right - left) / (complex(*eyes.right) - complex(*eyes.left))
    z = a * (complex(*point) - complex(*eyes.left)) + left
    return Point(z.real, z.imag)


def drag(window: Window, start: Point, end: Point, *, touch: bool, between: str = "") -> None:
    """With a finger or the mouse, in steps; between: take a picture of this name before letting go."""
    steps = [Point(start.x + (end.x - start.x) * k / 6, start.y + (end.y - start.y) * k / 6) for k in range(1, 7)]
    page = window.page
    if touch:
        session = window.context.new_cdp_session(page)

        def finger(kind: str, at: Point | None) -> None:
            points = [] if at is None else [{"x": at.x, "y": at.y, "id": 1}]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        finger("touchStart", start)
        for at in steps:
            finger("touchMove", at)
        if between:
            window.shoot(between)
        finger("touchEnd", None)
        session.detach()
    else:
        page.mouse.move(*start)
        page.mouse.down()
        for at in steps:
            page.mouse.move(*at)
        if between:
            window.shoot(between)
        page.mouse.up()
