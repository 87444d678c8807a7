"""Whose turn it is: what arrives now goes before any backlog at every stage, also one of another diary; no film, import or inbox holds up another for good."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from tests.support.daemon import QUICK
from tests.support.dots import DotLocator, drop, photo

from photodiary.align.aligning import Aligning
from photodiary.darkroom.darkroom import Darkroom
from photodiary.diary.photo import Digest, Stage, digest_of
from photodiary.errors import PhotodiaryError, RenderStopped, Transient
from photodiary.eyenet.likeness import Gallery
from photodiary.inbox.inbox import Nudge
from photodiary.ledger import deciding, photos, queue, verdicts, wishes
from photodiary.ledger.store import Ledger
from photodiary.locate.views import Located, View
from photodiary.render.schedule import RenderConfig
from photodiary.run import filming, turns
from photodiary.run.engine import Engine
from photodiary.run.filming import Filming
from photodiary.run.house import House
from photodiary.run.turns import Turns
from photodiary.settings import load

CONFIG = f'{QUICK}[diary.anna]\ninbox = "in-anna"\narchive = "anna"\n'
BACKLOG = range(12)


class Batches(DotLocator):
    """Takes four at once, and remembers how many it was given each time."""

    together = 4

    def __init__(self) -> None:
        super().__init__()
        self.given: list[int] = []

    def locate_all(self, views: Sequence[View], galleries: Sequence[Gallery | None]) -> list[Located | PhotodiaryError]:
        self.given.append(len(views))
        return super().locate_all(views, galleries)


class Two:
    """Two diaries, stepped by hand, so that what comes next is certain.  `me` has a backlog at every stage."""

    def __init__(self, folder: Path, *, imported: bool) -> None:
        self.inboxes = {"me": folder / "inbox", "anna": folder / "in-anna"}
        for inbox in self.inboxes.values():
            inbox.mkdir(parents=True)
        (folder / "config.toml").write_text(CONFIG)
        old = self.inboxes["me"] if not imported else folder / "old"
        old.mkdir(exist_ok=True)
        for number in BACKLOG:
            (old / f"{number:02}.jpg").write_bytes(photo(number))
        self.locator = Batches()
        self.engine = Engine(load(folder / "config.toml"), lambda settings: self.locator)
        self.turns = self.engine.turns
        self.houses: dict[str, House] = {house.name: house for house in self.engine.houses}
        if imported:
            wishes.make(self.houses["me"].ledger, "import", {"paths": [str(old)]}, time.time())
        self.turns.intake()
        self.until(lambda: self.turns.intake() and self.waiting("me", Stage.RECEIVED) >= 9)
        self.turns.locate()
        self.turns.align()
        self.frames = [self.waiting("me", stage) for stage in (Stage.RECEIVED, Stage.LOCATED, Stage.ALIGNED)]
        assert min(self.frames) > 0, "a backlog at every stage"
        self.locator.given.clear()

    def until(self, true: Callable[[], bool]) -> None:
        end = time.monotonic() + 20
        while not true():
            assert time.monotonic() < end
            time.sleep(0.02)

    def waiting(self, name: str, stage: Stage) -> int:
        return photos.waiting(self.houses[name].ledger, stage)

    def arrives(self, name: str, number: int) -> Digest:
        drop(self.inboxes[name], f"new-{number}.jpg", photo(number))
        self.houses[name].inbox.notice(Nudge(f"new-{number}.jpg".encode(), renamed=True))
        return digest_of(photo(number))

    def stage(self, name: str, digest: Digest) -> Stage | None:
        row = photos.find(self.houses[name].ledger, digest)
        return None if row is None else row.stage


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bool], Two]]:
    found: list[Two] = []

    def make(imported: bool) -> Two:
        found.append(Two(tmp_path / "home", imported=imported))
        return found[-1]

    yield make
    for two in found:
        two.engine.close()


@pytest.mark.parametrize("imported", [False, True], ids=["lay there at the start", "imported"])
def test_what_arrives_now_is_next_at_every_stage(made: Callable[[bool], Two], imported: bool) -> None:
    """One step of each loop, and it is framed, alone: not one more of the backlog is taken in, looked at or framed before it."""
    two = made(imported)
    for name, number in (("me", 50), ("anna", 51)):
        before = [two.waiting("me", stage) for stage in (Stage.RECEIVED, Stage.LOCATED, Stage.ALIGNED)]
        digest = two.arrives(name, number)
        assert two.turns.intake() and two.stage(name, digest) is Stage.RECEIVED
        assert two.turns.locate() and two.stage(name, digest) is Stage.LOCATED and two.locator.given.pop() == 1
        assert two.turns.align() and two.stage(name, digest) is Stage.ALIGNED
        after = [two.waiting("me", stage) for stage in (Stage.RECEIVED, Stage.LOCATED, Stage.ALIGNED)]
        assert after == [*before[:2], before[2] + (name == "me")]
    assert two.turns.locate() and two.locator.given.pop() == 4, "the backlog goes on, several at once"


def test_a_decision_goes_before_any_frame(made: Callable[[bool], Two]) -> None:
    """A person who looks at the page sees it acted on at once, whatever arrives and whatever waits."""
    two = made(True)
    two.arrives("anna", 50)
    two.turns.intake()
    two.turns.locate()
    ledger = two.houses["me"].ledger
    row = next(row for row, _ in photos.everything(ledger) if row.stage is Stage.ALIGNED)
    deciding.decide(ledger, [row], verdicts.EXCLUDED, None, time.time())
    assert two.turns.align() and two.stage("me", row.sha256) is Stage.EXCLUDED
    assert two.waiting("anna", Stage.LOCATED) == 1


def test_an_inbox_full_of_photos_does_not_hold_up_an_import(made: Callable[[bool], Two], tmp_path: Path) -> None:
    """They take turns, one photo each."""
    two, old = made(False), tmp_path / "more"
    old.mkdir()
    (old / "70.jpg").write_bytes(photo(70))
    wish = wishes.make(two.houses["me"].ledger, "import", {"paths": [str(old)]}, time.time())
    left = len(BACKLOG) - photos.total(two.houses["me"].ledger)
    assert left == 3
    for _ in range(4):
        assert two.turns.intake()
    assert wishes.get(two.houses["me"].ledger, wish).outcome is not None, "one photo, and the word that it is done"
    assert photos.total(two.houses["me"].ledger) == len(BACKLOG) - left + 1 + 2


def test_they_take_turns_also_when_photos_are_looked_at_slowly(made: Callable[[bool], Two], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where each photo that is looked at lets one more in, it is not always the same side's: neither waits until the other is through."""
    two, old = made(False), tmp_path / "more"
    house, ledger = two.houses["me"], two.houses["me"].ledger
    two.until(lambda: not [step() for step in (two.turns.intake, two.turns.locate) if step()] and photos.total(ledger) == len(BACKLOG))
    old.mkdir()
    for number in range(4):
        (old / f"{70 + number}.jpg").write_bytes(photo(70 + number))
        drop(two.inboxes["me"], f"{80 + number}.jpg", photo(80 + number))
    house.inbox._overseen = False  # as after a start
    house.inbox.scan(time.time(), time.monotonic() - 60)
    wishes.make(ledger, "import", {"paths": [str(old)]}, time.time())
    monkeypatch.setattr(Darkroom, "room", property(lambda darkroom: 0))
    two.locator.together = 1
    for _ in range(8):
        while two.turns.intake():
            pass
        two.turns.locate()
    with ledger.read() as db:
        came = [bytes(row[0]) for row in db.execute("SELECT name FROM names ORDER BY photo_id")][len(BACKLOG) :]
    assert len(came) == 8 and [name[:1] for name in came[:4]] in ([b"7", b"8", b"7", b"8"], [b"8", b"7", b"8", b"7"]), came


def test_trouble_of_one_diary_is_not_the_others() -> None:
    """Where one diary's disk refuses, the others are served all the same; only where nothing else was to be done is it raised."""
    seen: list[str] = []
    nothing: Any = None
    steps, houses = Turns(nothing, nothing, nothing, hurry=False), [cast("House", SimpleNamespace(name=name)) for name in ("me", "anna")]

    def work(house: House) -> bool:
        seen.append(house.name)
        if house.name == "me":
            raise Transient("its disk")
        return len(seen) < 4

    assert steps._each((houses, work)) and seen == ["me", "anna"]
    assert steps._each((houses[:1], work), (houses, lambda house: house.name == "anna")), "who is in trouble is not asked again"
    seen += ["so many"] * 4
    with pytest.raises(Transient, match="its disk"):
        steps._each((houses, work))


# -- films -------------------------------------------------------------------------------------------------------------------------


class Projector:
    """Makes a film of so many pieces, and asks before each whether it is to stop, as the real one does; what it had made it need not make again."""

    def __init__(self, name: str, pieces: int, log: list[str]) -> None:
        self.name, self.pieces, self.log = name, pieces, log
        self.made = 0
        self.should_stop: Callable[[], bool] = lambda: False
        self.meanwhile: dict[int, Callable[[], object]] = {}  # what else happens once so many are made

    def stale(self) -> bool:
        return False

    def render(self, now: float, *, full: bool = False, **_: object) -> None:
        before = self.made = 0 if full else self.made
        while self.made < self.pieces:
            self.meanwhile.pop(self.made, lambda: None)()
            if self.made > before and self.should_stop():
                raise RenderStopped("stopped")
            self.made += 1
            self.log.append(self.name)


def test_a_long_film_gives_way_to_one_that_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its turn it stops where it is, the other diary's film is made, and it goes on; one that is encoded anew throughout is never begun again."""
    monkeypatch.setattr(filming, "TURN_S", 0.0)
    monkeypatch.setattr(filming, "ASK_EVERY_S", 0.0)
    log: list[str] = []
    films = Filming(RenderConfig(), lambda: None)
    houses: list[Any] = []
    for name, pieces in (("long", 5), ("short", 1)):
        projector = Projector(name, pieces, log)
        projector.should_stop = films.gives_way
        ledger = Ledger(tmp_path / name)
        houses.append(SimpleNamespace(
            name=name, ledger=ledger, archive=None, zone=ZoneInfo("UTC"), rendering=projector, reserve=SimpleNamespace(troubles={})
        ))  # fmt: skip
    long, short = houses
    wishes.make(long.ledger, "render", {}, time.time())
    assert films.in_turn(houses) == [long]
    long.rendering.meanwhile[2] = lambda: wishes.make(short.ledger, "render", {}, time.time())
    assert films.step(long, houses) == (True, False) and log == ["long", "long"]
    assert films.in_turn(houses) == [short, long], "whose turn was longest ago comes first"
    assert films.step(short, houses) == (True, False) and films.in_turn(houses) == [long]
    assert films.step(long, houses) == (True, False) and log == ["long", "long", "short", "long", "long", "long"]
    wishes.make(long.ledger, "render", {"full": True}, time.time())
    wishes.make(short.ledger, "render", {}, time.time())
    assert films.step(long, houses) == (True, False) and log[6:] == ["long"] * 5


def test_a_backlog_is_not_taken_in_far_ahead(made: Callable[[bool], Two], monkeypatch: pytest.MonkeyPatch) -> None:
    """No more photos of a backlog are taken in than are looked at soon; what arrives now comes in all the same, and the rest follows."""
    two = made(False)
    waiting = two.waiting("me", Stage.RECEIVED)
    _, size = queue.decoded(two.houses["me"].ledger, Stage.RECEIVED, time.time(), 100)
    monkeypatch.setattr(Darkroom, "room", property(lambda darkroom: 2 * size))  # of two diaries
    for _ in range(5):
        two.turns.intake()
    assert two.waiting("me", Stage.RECEIVED) == waiting > 0
    assert two.turns.intake_sleep() == turns.AHEAD_S, "it does not spin meanwhile"
    two.arrives("me", 50)
    assert two.turns.intake() and two.waiting("me", Stage.RECEIVED) == waiting + 1
    two.until(lambda: not [step() for step in (two.turns.intake, two.turns.locate, two.turns.align) if step()])
    assert two.waiting("me", Stage.ALIGNED) == len(BACKLOG) + 1


@pytest.mark.parametrize("many", [1, 10])
def test_small_photos_are_not_taken_in_far_ahead_either(made: Callable[[bool], Two], monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    """However small they are, no more wait than readers remember who has them."""
    two = made(False)
    monkeypatch.setattr(turns, "MANY", many)
    assert two.turns._ahead(two.houses["me"]) == (two.waiting("me", Stage.RECEIVED) >= many)
    assert 1 <= two.waiting("me", Stage.RECEIVED) < 10


def test_a_backlog_is_not_taken_in_while_framing_lags_behind(made: Callable[[bool], Two], monkeypatch: pytest.MonkeyPatch) -> None:
    """More photos that wait for their frames than waited for the format hold up intake, unless they wait for the format: it is chosen from what comes in."""
    two = made(False)
    monkeypatch.setattr(turns, "PLENTY", 0)
    while two.turns.locate():
        pass
    waiting = two.waiting("me", Stage.LOCATED)
    assert waiting > 0 and two.turns._ahead(two.houses["me"])
    monkeypatch.setattr(Aligning, "makes_frames", lambda aligning: False)
    assert not two.turns._ahead(two.houses["me"])
    monkeypatch.undo()
    two.until(lambda: not [step() for step in (two.turns.intake, two.turns.locate, two.turns.align) if step()])
    assert two.waiting("me", Stage.ALIGNED) == len(BACKLOG)
