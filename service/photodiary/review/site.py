"""What the page's handlers are handed: the diaries, the keys, the darkroom, and how a page is made."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from photodiary.archive.store import Archive
from photodiary.darkroom.darkroom import Darkroom
from photodiary.darkroom.limits import DarkroomConfig
from photodiary.diary.eyes import DoubtConfig
from photodiary.diary.photo import Digest
from photodiary.errors import PhotodiaryError
from photodiary.ledger.photos import PhotoRow
from photodiary.ledger.store import FILE, Ledger
from photodiary.review import paths
from photodiary.review.config import ReviewConfig
from photodiary.review.keys import Keys

HERE = Path(__file__).parent
TEMPLATES, STATIC = HERE / "templates", HERE / "static"
SHA256 = re.compile(r"[0-9a-f]{64}")
SAID_AT_MOST = 500  # visitors whose next page has a word for them


@dataclass(frozen=True)
class Diary:
    """One diary as the page may use it: its ledger for reading, and for appending facts and wishes; `nudge` wakes the daemon, if there is one."""

    name: str
    inbox: Path
    archive: Archive
    zone: tzinfo
    nudge: Callable[[], bool]
    room_for: Callable[[int], None]  # so many bytes; raises StorageTrouble when the disk has no room for them

    @property
    def begun(self) -> bool:
        """Whether its database is there and has its tables."""
        if not (self.archive.root / FILE).exists():
            return False
        with self.reading() as ledger:
            return not ledger.is_new

    @contextmanager
    def reading(self) -> Iterator[Ledger]:
        """Its ledger, opened mode=ro for the while.  Raises LedgerTrouble (none yet among others) and StorageTrouble."""
        ledger = Ledger(self.archive.root, writable=False)
        try:
            yield ledger
        finally:
            ledger.close()

    @contextmanager
    def writing(self) -> Iterator[Ledger]:
        """Its ledger for appending facts and wishes; the daemon is nudged when the block ends well.  A diary without a database is not given one."""
        with self.reading():
            pass
        ledger = Ledger(self.archive.root)
        try:
            yield ledger
        finally:
            ledger.close()
        self.nudge()


@dataclass(frozen=True)
class Site:
    """Everything that a handler may use.  status: `photodiary status --json`; learn: wish for a retraining, returns a sentence about it.

    share: have a small copy made of a diary's film of that name, None the main one, returns a sentence about it; sharing: how far that is, and whether it
    still goes on, None when there is nothing to say.  alike: the other diary whose person a photo of a diary looks like, None for none.
    """

    config: ReviewConfig
    diaries: dict[str, Diary]
    keys: Keys
    darkroom: Darkroom
    limits: DarkroomConfig
    doubt: DoubtConfig
    state: Path
    status: Callable[[], dict[str, Any]]
    learn: Callable[[], str]
    share: Callable[[str, str | None], str]
    sharing: Callable[[str], tuple[str, bool] | None]
    alike: Callable[[str, PhotoRow], str | None] = lambda diary, photo: None
    _said: OrderedDict[str, list[str]] = field(default_factory=OrderedDict)
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _jinja: Environment = field(init=False)

    def __post_init__(self) -> None:
        jinja = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        jinja.globals.update(static=static, paths=paths)
        jinja.filters.update(number=lambda value: f"{value:,}", words=words)
        object.__setattr__(self, "_jinja", jinja)

    def show(self, diaries: dict[str, Diary]) -> None:
        """Serve these diaries from now on.  The mapping is replaced, never changed: a handler may be going through it."""
        object.__setattr__(self, "diaries", diaries)

    def diary(self, request: Request) -> Diary:
        """The diary in the request's address.  Raises HTTPException 404."""
        found = self.diaries.get(request.path_params["diary"])
        if found is None:
            raise HTTPException(404, "There is no such diary.")
        return found

    def page(self, request: Request, template: str, *, code: int = 200, **values: Any) -> Response:
        """A page for people.  Every template may use `request`, `csrf`, `said`, `header`, `paths`, `static`, `diaries` and `diary` (a name, or None)."""
        visit = request.state.visit
        name = request.path_params.get("diary") if hasattr(request, "path_params") else None
        context = {
            "request": request, "csrf": visit.csrf, "header": self._header(), "said": self._heard(visit.sid), "diaries": list(self.diaries),
            "diary": name if name in self.diaries else next(iter(self.diaries)) if len(self.diaries) == 1 else None, "code": code,
        }  # fmt: skip
        return HTMLResponse(self._jinja.get_template(template).render({**context, **values}), code, {"Cache-Control": "no-store"})

    def bare(self, template: str, *, code: int = 200, **values: Any) -> Response:
        """A page that shows nothing of any diary, for who has not been let in."""
        return HTMLResponse(self._jinja.get_template(template).render(values), code)

    def say(self, request: Request, sentence: str) -> None:
        """Have the visitor's next page begin with this sentence."""
        with self._turn:
            self._said.setdefault(request.state.visit.sid, []).append(sentence)
            while len(self._said) > SAID_AT_MOST:
                self._said.popitem(last=False)

    def _heard(self, sid: str) -> list[str]:
        with self._turn:
            return self._said.pop(sid, [])

    def _header(self) -> dict[str, Any]:
        """How things stand, for the head of every page; a diary that cannot be read is no reason not to show one."""
        try:
            return self.status()
        except PhotodiaryError as error:
            return {"model": {"name": None, "device": None}, "degraded": [str(error)], "diaries": []}


def digest(request: Request) -> Digest:
    """The photo in the request's address: 64 hexadecimal digits and nothing else.  Raises HTTPException 404."""
    text = request.path_params["sha256"]
    if not SHA256.fullmatch(text):
        raise HTTPException(404, "There is no such photo.")
    return Digest(text)


def back(to: str) -> Response:
    """After a form: to a page, so that going back or loading again does not send the form twice."""
    return RedirectResponse(to, 303)


def data(content: Any, code: int = 200) -> Response:
    """JSON for the page's own scripts."""
    return JSONResponse(content, code, {"Cache-Control": "no-store"})


def words(sentence: str) -> Markup:
    """A sentence of ours for a page: what a person types stands in `backticks` in it, and as code on the page."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(sentence))))  # noqa: S704 - escaped before


_versions: dict[str, str] = {}


def static(name: str) -> str:
    """The address of one of our own scripts, styles or pictures; it changes with the file, so that browsers may keep it for good."""
    if name not in _versions:
        _versions[name] = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={_versions[name]}"
