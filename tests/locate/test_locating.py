"""The step from a received photo to a sighting: what each answer leads to, in the ledger and on disk, and who is looked at once more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from structlog.testing import capture_logs

from photodiary.archive import layout
from photodiary.archive.store import Archive
from photodiary.darkroom.darkroom import Darkroom
from photodiary.darkroom.limits import DarkroomConfig
from photodiary.diary.calendar import Taken
from photodiary.diary.eyes import DoubtConfig, EyePair, Point, Sighting
from photodiary.diary.photo import Digest, Stage, digest_of
from photodiary.errors import Held, PhotodiaryError, Unreadable, WorkerLost
from photodiary.eyenet.likeness import ENOUGH, Gallery, stored
from photodiary.ledger import facings, gallery, photos, summary
from photodiary.ledger.store import Ledger
from photodiary.locate.locating import Locating
from photodiary.locate.views import DarkroomView, Located, Locator

NOW = 1_700_000_000.0
EYES = EyePair(Point(30.0, 40.0), Point(60.0, 42.0))


@pytest.fixture(scope="module")
def darkroom() -> Iterator[Darkroom]:
    made = Darkroom(DarkroomConfig(workers=1))
    yield made
    made.close()


@dataclass
class Diary:
    """A diary with real ledger, archive and darkroom."""

    ledger: Ledger
    archive: Archive
    darkroom: Darkroom

    def receive(self, grey: int = 90, *, data: bytes | None = None) -> Digest:
        """A photo of 96 x 72 pixels as intake leaves it."""
        path = self.archive.root / "photo.png"
        Image.new("RGB", (96, 72), (grey, 90, 90)).save(path)
        data = path.read_bytes() if data is None else data
        digest = digest_of(data)
        taken = Taken(datetime(2024, 5, 1, 8) + timedelta(hours=grey), None, "exif")
        original = layout.original(digest, taken.wall, "png")
        self.archive.publish(original, data)
        row = photos.NewPhoto(digest, len(data), "png", 96, 72, taken, NOW, original, Stage.RECEIVED)
        assert photos.insert_or_name(self.ledger, row, f"{grey}.png".encode(), NOW)
        return digest

    def step(self, locator: Locator, now: float = NOW, doubt: DoubtConfig | None = None) -> bool:
        return Locating("me", self.ledger, self.archive, self.darkroom, locator, doubt or DoubtConfig(), {}).step(now)

    def row(self, digest: Digest) -> photos.PhotoRow:
        found = photos.find(self.ledger, digest)
        assert found is not None
        return found

    def sightings(self) -> int:
        with self.ledger.read() as db:
            return int(db.execute("SELECT count(*) FROM sightings").fetchone()[0])


@pytest.fixture
def diary(tmp_path: Path, darkroom: Darkroom) -> Iterator[Diary]:
    archive = Archive(tmp_path / "archive")
    archive.prepare()
    ledger = Ledger(archive.root)
    yield Diary(ledger, archive, darkroom)
    ledger.close()


def test_a_received_photo_becomes_a_located_one(diary: Diary, told) -> None:
    """What the locator said is appended, by name and in full, and the photo moves on; then there is nothing left to do."""
    digest = diary.receive()
    said = Sighting("told-1", EYES, 1.25, None, 1)
    locator = told([said])
    assert diary.step(locator)
    row = diary.row(digest)
    assert (row.stage, row.doubtful, row.reason, row.sighting, row.tries) == (Stage.LOCATED, False, None, said, 0)
    assert locator.seen == [(96, 72)], "the size is that of the upright photo"
    assert not diary.step(locator)
    assert diary.sightings() == 1


def test_a_turned_photo_is_looked_at_as_a_person_said_it_stands(diary: Diary, told) -> None:
    """The locator sees a photo of the turned size; what it says is kept in pixels of the upright original."""
    digest = diary.receive()
    facings.say(diary.ledger, [diary.row(digest)], False, 90, facings.BY, NOW)
    locator = told([Sighting("told-1", EYES, 1.25, None, 1)])
    assert diary.step(locator)
    assert locator.seen == [(72, 96)]
    sighting = diary.row(digest).sighting
    assert sighting is not None and sighting.eyes == EyePair(Point(40.0, 41.0), Point(42.0, 11.0)), "(x, y) of the turned one is (y, 71 - x) of the original"


def test_without_a_face_a_photo_is_left_out(diary: Diary, told) -> None:
    """No face: excluded with the reason no_face, and that is on record."""
    digest = diary.receive()
    assert diary.step(told([Sighting("told-1", None, None, "no_face", 0)]))
    row = diary.row(digest)
    assert (row.stage, row.doubtful, row.reason) == (Stage.EXCLUDED, False, "no_face")
    assert row.sighting is not None and row.sighting.eyes is None
    assert diary.sightings() == 1


@pytest.mark.parametrize(
    ("expected", "reason", "stage", "doubtful", "shown"),
    [
        (2.99, None, Stage.LOCATED, False, None),
        (3.0, None, Stage.LOCATED, False, None),
        (3.01, None, Stage.LOCATED, True, "unsure"),
        (7.0, "covered", Stage.LOCATED, True, "covered"),
        (10.0, "covered", Stage.LOCATED, True, "covered"),
        (10.01, "cut_by_edge", Stage.DOUBTFUL, True, "cut_by_edge"),
        (900.0, None, Stage.DOUBTFUL, True, "unsure"),
        (1.0, "several_faces", Stage.LOCATED, True, "several_faces"),
        (1.0, "not_this_person", Stage.DOUBTFUL, True, "not_this_person"),
        (None, None, Stage.DOUBTFUL, True, "unsure"),
    ],
)
def test_the_expected_error_decides(diary: Diary, told, expected, reason, stage: Stage, doubtful: bool, shown) -> None:
    """Up to ask_above nobody is asked; up to leave_out_above a person is asked and it stays in; above, or of somebody else, it waits without a frame."""
    digest = diary.receive()
    assert diary.step(told([Sighting("told-1", EYES, expected, reason, 1)]))
    row = diary.row(digest)
    assert (row.stage, row.doubtful, row.reason, row.frame) == (stage, doubtful, shown, None)


def test_the_limits_are_the_configured_ones(diary: Diary, told) -> None:
    """A stricter diary asks earlier."""
    digest = diary.receive()
    assert diary.step(told([Sighting("told-1", EYES, 2.5, None, 1)]), doubt=DoubtConfig(ask_above=1, leave_out_above=2))
    assert diary.row(digest).stage is Stage.DOUBTFUL


def test_a_photo_that_kills_twice_is_quarantined(diary: Diary, told) -> None:
    """The first death waits and tries again, the second one ends it; other photos are not held up."""
    deadly, harmless = diary.receive(1), diary.receive(2)
    locator = told([WorkerLost("died"), Sighting("told-1", EYES, 1.0), WorkerLost("died")])
    assert diary.step(locator)
    assert (diary.row(deadly).stage, diary.row(deadly).deaths) == (Stage.RECEIVED, 1)
    assert diary.step(locator), "the other one, though it came later"
    assert diary.row(harmless).stage is Stage.LOCATED
    assert not diary.step(locator, NOW + 1), "not at once again"
    assert diary.step(locator, NOW + 11)
    row = diary.row(deadly)
    assert (row.stage, row.reason, row.deaths) == (Stage.QUARANTINED, "crashed_reader", 2)
    assert not diary.step(locator, NOW + 1e6)
    assert diary.archive.read(str(row.original)), "its file stays"


def test_a_worker_that_really_dies_counts(diary: Diary, told) -> None:
    """Real workers that are given no time are lost, once for each try."""
    digest = diary.receive()
    diary.darkroom = Darkroom(DarkroomConfig(workers=1, seconds=1e-9))
    for later in (0, 20):
        assert diary.step(told([]), NOW + later)
    diary.darkroom.close()
    assert (diary.row(digest).stage, diary.row(digest).reason) == (Stage.QUARANTINED, "crashed_reader")


@pytest.mark.parametrize(("error", "reason"), [(Unreadable("too_large", "huge"), "too_large"), (Held("cut"), "truncated")])
def test_a_photo_that_cannot_be_read_is_quarantined(diary: Diary, told, error: Exception, reason: str) -> None:
    """What cannot be decoded any more goes to quarantine under its reason."""
    digest = diary.receive()
    assert diary.step(told([error]))
    assert (diary.row(digest).stage, diary.row(digest).reason) == (Stage.QUARANTINED, reason)


def test_a_missing_original_is_tried_again(diary: Diary, told) -> None:
    """When the archive cannot be read just now, nothing is decided and no death is counted."""
    digest = diary.receive()
    path = diary.archive.root / str(diary.row(digest).original)
    path.rename(path.with_suffix(".away"))
    said = Sighting("told-1", EYES, 1.0)
    diary.darkroom = Darkroom(DarkroomConfig(workers=1))  # one that cannot remember it
    assert diary.step(told([said]))
    assert (diary.row(digest).stage, diary.row(digest).deaths, diary.row(digest).tries) == (Stage.RECEIVED, 0, 1)
    path.with_suffix(".away").rename(path)
    assert diary.step(told([said]), NOW + 11)
    diary.darkroom.close()
    assert diary.row(digest).stage is Stage.LOCATED


def test_photos_are_taken_in_the_order_they_came(diary: Diary, told) -> None:
    """The oldest first, each exactly once."""
    digests = [diary.receive(grey) for grey in (9, 3, 7)]
    locator = told([Sighting("told-1", EYES, 1.0 + n) for n in range(3)])
    while diary.step(locator):
        pass
    assert [diary.row(d).sighting.expected_error for d in digests] == [1.0, 2.0, 3.0]


# -- several at once ---------------------------------------------------------------------------------------------------------------


def test_a_backlog_is_seen_several_at_a_time(diary: Diary, told) -> None:
    """While photos wait they are taken as many together as the locator likes, the oldest first, each answer kept with its photo."""
    digests = [diary.receive(grey) for grey in (9, 3, 7, 5, 1)]
    locator = told([Sighting("told-1", EYES, 1.0 + n / 4) for n in range(5)], together=2)
    while diary.step(locator):
        pass
    assert locator.companies == [2, 2, 1]
    assert [diary.row(d).sighting.expected_error for d in digests] == [1.0, 1.25, 1.5, 1.75, 2.0]
    assert diary.sightings() == 5


def test_one_that_cannot_be_read_does_not_hold_up_its_company(diary: Diary, told) -> None:
    """Of photos looked at together each has its own fate: quarantined, tried again, or located."""
    digests = [diary.receive(grey) for grey in (1, 2, 3, 4)]
    good = Sighting("told-1", EYES, 1.0)
    assert diary.step(told([Unreadable("too_large", "huge"), good, WorkerLost("died"), good], together=4))
    assert [diary.row(d).stage for d in digests] == [Stage.QUARANTINED, Stage.LOCATED, Stage.RECEIVED, Stage.LOCATED]
    assert [diary.row(d).deaths for d in digests] == [0, 0, 1, 0]


class Poisoned:
    """A locator that breaks, in a way nobody foresaw, over any company in which one certain photo is."""

    name, kin, sha256, device, together = "told-1", "told-1", "0" * 64, "cpu", 4

    def __init__(self, poison: Digest) -> None:
        self.poison = poison

    def locate_all(self, views, galleries) -> list[Located | PhotodiaryError]:
        if any(view.digest == self.poison for view in views):
            raise RuntimeError("shapes do not match")
        return [Located(Sighting(self.name, EYES, 1.0)) for _ in views]

    def locate(self, view, gallery=None) -> Located:
        (answer,) = self.locate_all([view], [gallery])
        assert isinstance(answer, Located)
        return answer


def test_a_photo_that_breaks_the_step_takes_nobody_along(diary: Diary) -> None:
    """When a step fails over one photo of several, the others get through a little later, and so do those that come after them."""
    digests = [diary.receive(grey) for grey in range(1, 11)]
    locator, now, failures = Poisoned(digests[1]), NOW, 0
    for _ in range(40):
        try:
            if not diary.step(locator, now):
                now += 5
        except RuntimeError:
            failures += 1
    assert [diary.row(d).stage for d in digests] == [Stage.LOCATED, Stage.RECEIVED, *[Stage.LOCATED] * 8]
    assert failures <= 5, "and it is tried ever more rarely itself"


# -- whose face it is --------------------------------------------------------------------------------------------------------------

ME, STRANGER = (np.eye(8, dtype=np.float32)[n] for n in (0, 5))


class Knowing:
    """Knows each photo's face, and compares it with the gallery as the real locator does."""

    name, kin, sha256, device = "knowing-1", "knowing-1", "1" * 64, "cpu"

    def __init__(self, strangers: set[Digest], together: int = 1) -> None:
        self.strangers = strangers
        self.together = together
        self.looks: list[tuple[Digest, bool]] = []  # in order: which photo, whether there was a gallery

    def locate_all(self, views: Sequence[DarkroomView], galleries: Sequence[Gallery | None]) -> list[Located | PhotodiaryError]:
        return [self.locate(view, gallery) for view, gallery in zip(views, galleries, strict=True)]

    def locate(self, view: DarkroomView, gallery: Gallery | None = None) -> Located:
        self.looks.append((view.digest, gallery is not None))
        noise = np.random.default_rng(int(view.digest[:8], 16)).normal(0, 0.05, 8).astype(np.float32)
        face = (STRANGER if view.digest in self.strangers else ME) + noise
        face /= np.linalg.norm(face)
        if gallery is None:
            return Located(Sighting(self.name, EYES, 1.0), stored(face))
        (odds,) = gallery.log_odds([face], (-5.0, 10.0, 0.0))
        return Located(Sighting(self.name, EYES, 1.0, "not_this_person" if odds < 0 else None), stored(face), odds)


def run(diary: Diary, locator: Knowing, most: int = 200) -> int:
    """Steps until there is nothing to do; returns how many."""
    for number in range(most):
        if not diary.step(locator):
            return number
    raise AssertionError("it never ends")


@pytest.mark.parametrize("together", [1, 4])
def test_photos_judged_without_a_gallery_are_looked_at_once_more(diary: Diary, together: int) -> None:
    """Once enough frames are trusted, each photo that was judged before is looked at exactly once more, then it is quiet; a stranger is found out."""
    digests = [diary.receive(grey) for grey in range(1, 15)]
    stranger = digests[2]
    locator = Knowing({stranger}, together)
    run(diary, locator)
    without = [digest for digest, gallery in locator.looks if not gallery]
    within = [digest for digest, gallery in locator.looks if gallery]
    assert without == digests[: len(without)] and len(without) >= ENOUGH
    assert sorted(within) == sorted(digests), "every photo has in the end been compared, and none twice"
    rows = {digest: diary.row(digest) for digest in digests}
    assert (rows[stranger].stage, rows[stranger].doubtful, rows[stranger].reason) == (Stage.DOUBTFUL, True, "not_this_person")
    assert all((row.stage, row.doubtful) == (Stage.LOCATED, False) for digest, row in rows.items() if digest != stranger)
    assert diary.sightings() == 14 + len(without), "every look is on record"
    assert [row.reason for row, _ in photos.everything(diary.ledger) if row.doubtful] == ["not_this_person"], "it is listed"
    assert not rows[stranger].in_film
    assert summary.not_in_film(diary.ledger) == [("this seems to be somebody else", 1)]
    assert run(diary, locator) == 0, "it stays quiet"


def test_before_there_are_enough_nobody_is_looked_at_again(diary: Diary) -> None:
    """With ten photos each would have nine to be compared with: too few, and nothing is looked at twice; the eleventh starts it."""
    digests = [diary.receive(grey) for grey in range(1, ENOUGH + 1)]
    locator = Knowing(set())
    assert run(diary, locator) == ENOUGH
    assert locator.looks == [(digest, False) for digest in digests]
    late = diary.receive(200)
    run(diary, locator)
    assert locator.looks[ENOUGH:] == [(late, True), *[(digest, True) for digest in digests]]


def test_a_new_strangers_photo_is_left_out_at_once(diary: Diary) -> None:
    """With a gallery, somebody else's photo is left out and listed at the first look; the diary's own go on."""
    for grey in range(1, 13):
        diary.receive(grey)
    locator = Knowing(set())
    run(diary, locator)
    before, other, mine = len(locator.looks), diary.receive(100), diary.receive(101)
    locator.strangers.add(other)
    run(diary, locator)
    assert locator.looks[before:] == [(other, True), (mine, True)]
    assert (diary.row(other).stage, diary.row(other).reason) == (Stage.DOUBTFUL, "not_this_person")
    assert diary.row(mine).stage is Stage.LOCATED
    assert gallery.trusted(diary.ledger, locator.name) == 13, "the stranger is in nobody's gallery"


def test_a_diary_of_two_people_comes_to_rest(diary: Diary) -> None:
    """Even when the frames that were trusted at first turn out to be strangers' one after the other, looking again ends."""
    digests = [diary.receive(grey) for grey in range(1, 25)]
    locator = Knowing(set(digests[::2]))
    run(diary, locator)
    assert max(Counter(locator.looks).values()) == 1


def test_without_likeness_nothing_is_looked_at_again(diary: Diary, told) -> None:
    """A model that cannot say what a face looks like judges each photo once."""
    for grey in range(1, 15):
        diary.receive(grey)
    locator = told([Sighting("told-1", EYES, 1.0)] * 14)
    while diary.step(locator):
        pass
    assert locator.galleries == [None] * 14
    assert diary.sightings() == 14


def test_a_photo_that_is_looked_at_again_stays_in_the_film(diary: Diary) -> None:
    """A frame that was published stays in the film while its photo is looked at again, and also when it then seems to be somebody else."""
    digests = [diary.receive(grey) for grey in range(1, 13)]
    locator = Knowing({digests[2]})
    for _ in digests:
        diary.step(locator)
    with diary.ledger.write() as db:
        db.execute("UPDATE photos SET stage = 'aligned', frame = 'frames/' || id || '.jpg'")
    with capture_logs() as said:
        while diary.step(locator):
            assert all(row.in_film for row, _ in photos.everything(diary.ledger))
    assert diary.row(digests[2]).stage is Stage.DOUBTFUL
    (line,) = [entry for entry in said if entry["code"] == "photo.left_out"]
    assert "3.png to check, its frame stays in the film: this seems to be somebody else" in line["event"]


def test_trouble_while_looking_again_ends_too(diary: Diary) -> None:
    """When a photo's original is not to be had, looking again neither spins nor takes anything out of the film."""
    digests = [diary.receive(grey) for grey in range(1, 15)]
    locator = Knowing(set())
    for _ in digests:
        diary.step(locator)
    for row, _ in photos.everything(diary.ledger):
        (diary.archive.root / str(row.original)).unlink()

    def gone(view: DarkroomView, gallery: Gallery | None = None) -> Located:
        view.load()
        raise AssertionError("its original is gone")

    locator.locate_all = lambda views, galleries: [_error(gone, view) for view in views]  # type: ignore[method-assign]
    steps = run(diary, locator)
    assert steps < 40
    assert all(row.stage in (Stage.RECEIVED, Stage.LOCATED) for row, _ in photos.everything(diary.ledger))


def _error(locate, view: DarkroomView) -> PhotodiaryError:
    with pytest.raises(PhotodiaryError) as caught:
        locate(view)
    return caught.value


# -- after another model has taken over --------------------------------------------------------------------------------------------

ASIDE = EyePair(Point(33.0, 40.0), Point(63.0, 42.0))  # a tenth of the eyes' distance further right


def framed(diary: Diary) -> None:
    """Every located photo gets its frame."""
    with diary.ledger.write() as db:
        db.execute("UPDATE photos SET stage = 'aligned', frame = 'frames/' || id || '.jpg' WHERE stage = 'located'")


def judged(diary: Diary, told, count: int) -> list[Digest]:
    """Photos in the film as the model told-1 saw them."""
    digests = [diary.receive(grey) for grey in range(1, count + 1)]
    locator = told([Sighting("told-1", EYES, 1.0)] * count)
    while diary.step(locator):
        pass
    framed(diary)
    return digests


def test_a_new_photo_goes_before_those_that_are_looked_at_again(diary: Diary, told) -> None:
    """While photos wait to be looked at again, one that comes in is looked at next; nothing of the film changes until all were looked at."""
    old = judged(diary, told, 6)
    locator = told([Sighting("told-2", ASIDE, 1.0)] * 7, name="told-2", together=2)
    locating = Locating("me", diary.ledger, diary.archive, diary.darkroom, locator, DoubtConfig(), {})
    assert locating.behind(NOW) and locating.step(NOW)
    new = diary.receive(100)
    assert locating.step(NOW) and diary.row(new).stage is Stage.LOCATED
    assert [diary.row(digest).stage for digest in old] == [Stage.ALIGNED] * 6
    while locating.step(NOW):
        pass
    assert locator.companies == [2, 1, 2, 2] and not locating.behind(NOW)
    assert [diary.row(digest).stage for digest in old] == [Stage.LOCATED] * 6
    assert {diary.row(digest).sighting for digest in old} == {Sighting("told-2", ASIDE, 1.0)}
    assert all(row.in_film for row, _ in photos.everything(diary.ledger) if row.sha256 != new)


def test_a_start_in_the_middle_goes_on_where_it_stood(diary: Diary, told) -> None:
    """Who comes after a crash, between looking and settling or in the middle of either, finds in the ledger what is left to do."""
    old = judged(diary, told, 5)
    locator = told([Sighting("told-2", ASIDE, 1.0)] * 5, name="told-2")
    for steps in (2, 2, 1, 9):  # each with nothing remembered
        locating = Locating("me", diary.ledger, diary.archive, diary.darkroom, locator, DoubtConfig(), {})
        assert all([locating.step(NOW) for _ in range(steps)][:1])
    assert [diary.row(digest).stage for digest in old] == [Stage.LOCATED] * 5 and len(locator.companies) == 5


def test_trouble_while_looking_again_costs_no_frame(diary: Diary, told) -> None:
    """A photo whose reader dies, or whose original cannot be read, stays in the film as it is, is told, and is tried again later; the others go on."""
    bad, gone, good = judged(diary, told, 3)
    locator = told([WorkerLost("it died"), Unreadable("damaged", "it is damaged"), Sighting("told-2", ASIDE, 1.0)], name="told-2")
    with capture_logs() as said:
        while diary.step(locator):
            pass
    assert diary.row(good).stage is Stage.LOCATED and diary.row(good).tries == 0
    for digest in (bad, gone):
        row = diary.row(digest)
        assert (row.stage, row.in_film, row.deaths, row.tries) == (Stage.ALIGNED, True, 0, 1)
    assert [entry["code"] for entry in said if entry["log_level"] == "warning"] == ["photo.retry"] * 2
    assert not diary.step(locator, NOW + 9)
    locator.answers = [Sighting("told-2", ASIDE, 1.0)] * 2
    while diary.step(locator, NOW + 11):
        pass
    assert [diary.row(digest).stage for digest in (bad, gone)] == [Stage.LOCATED] * 2


def test_a_promotion_keeps_the_gallery(diary: Diary) -> None:
    """A personal model compares faces with the trusted frames that its base has seen, from the first photo on."""
    for grey in range(1, 14):
        diary.receive(grey)
    run(diary, Knowing(set()))
    framed(diary)
    mine = Knowing(set())
    mine.name = "mine-1"
    run(diary, mine)
    assert len(mine.looks) == 13 and all(compared for _, compared in mine.looks)
    assert gallery.trusted(diary.ledger, "knowing-1") == 13 and gallery.trusted(diary.ledger, "mine-1") == 0
