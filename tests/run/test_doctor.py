"""`doctor` names each damage in words, and `--fix` mends what can be made again and nothing else."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.daemon import Diary
from tests.support.dots import DotLocator, drop, photo

from photodiary.archive import layout
from photodiary.archive.store import Archive
from photodiary.darkroom.darkroom import Darkroom
from photodiary.darkroom.limits import DarkroomConfig
from photodiary.diary.photo import Digest, digest_of
from photodiary.ledger import forgetting, photos, reels
from photodiary.ledger.store import FILE, Ledger
from photodiary.run import doctor as doctoring
from photodiary.run import films, keeping, once
from photodiary.run.doctor import Doctor, Finding
from photodiary.run.lock import DaemonLock
from photodiary.settings import Settings, load

PHOTOS = 4
OLD = 3600.0


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diary of four photos with their film."""
    diary = Diary(tmp_path_factory.mktemp("doctor") / "me")
    for number in range(PHOTOS):
        drop(diary.inbox, f"IMG_{number}.jpg", photo(number))
    once.with_engine(load(diary.config), lambda config: DotLocator(), lambda engine: None, scan=True)
    return diary.folder


@pytest.fixture(scope="module")
def darkroom() -> Iterator[Darkroom]:
    made = Darkroom(DarkroomConfig(workers=1))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctoring, "SECOND_LOOK_S", 0.01)


class Patient:
    """A copy of the diary, to be damaged."""

    def __init__(self, folder: Path, darkroom: Darkroom) -> None:
        self.settings: Settings = load(folder / "config.toml")
        self.root, self.inbox, self.darkroom = folder / "archive", folder / "inbox", darkroom
        self.ledger = Ledger(self.root)
        self.rows = [row for row, _ in photos.everything(self.ledger)]

    def examine(self, *, alone: bool = False, quick: bool = False) -> list[Finding]:
        return Doctor(Archive(self.root), self.ledger, self.darkroom, alone, quick, lambda text: None).examine()

    def mend(self) -> dict[str, str]:
        """What was mended, by file."""
        found = self.examine(alone=True)
        done = keeping._mended(self.settings, "me", Archive(self.root), self.darkroom, self.ledger, lambda text: None, found)
        return {finding.file: words for finding, words in done.items()}

    def original(self, number: int = 0) -> Path:
        return self.root / str(self.rows[number].original)

    def frame(self, number: int = 0) -> Path:
        return self.root / str(self.rows[number].frame)

    @property
    def film(self) -> Path:
        return self.root / "films/latest.mp4"


@pytest.fixture
def patient(healthy: Path, tmp_path: Path, darkroom: Darkroom) -> Iterator[Patient]:
    shutil.copytree(healthy, tmp_path / "me")
    made = Patient(tmp_path / "me", darkroom)
    yield made
    made.ledger.close()


def old(path: Path) -> Path:
    """Written long ago."""
    os.utime(path, (time.time() - OLD,) * 2)
    return path


def put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return old(path)


def flipped(path: Path, where: float) -> None:
    """A kilobyte of a file is not what it was."""
    data = bytearray(path.read_bytes())
    start = int(len(data) * where)
    data[start : start + 1000] = bytes(byte ^ 0x5A for byte in data[start : start + 1000])
    path.write_bytes(data)


def test_a_sound_diary_has_no_findings(patient: Patient) -> None:
    """Nothing is wrong with a diary that was never damaged, quick or not."""
    assert patient.examine() == [] == patient.examine(quick=True, alone=True)
    assert patient.mend() == {}


def test_what_is_encoded_already_is_no_finding(patient: Patient) -> None:
    """A segment that no film needs, or that is damaged, is nothing a person has to know of: films are proved when they are made, and segments can be
    made again; what an interrupted run left beside them is told and removed."""
    put(patient.root / layout.segment("0" * 64), b"of no film")
    for segment in (patient.root / layout.SEGMENTS).glob("*.segment"):
        old(segment).write_bytes(b"torn")
    assert patient.examine() == [] == patient.examine(alone=True)
    left = put(patient.root / layout.SEGMENTS / ".tmp-1", b"half a segment")
    (finding,) = patient.examine()
    assert (finding.kind, finding.file) == ("temporary", "segments/.tmp-1") and patient.mend() == {"segments/.tmp-1": "removed"}
    assert not left.exists() and patient.examine() == []


def test_further_films_are_looked_at_too(patient: Patient) -> None:
    """A film of `[films.NAME]` that is gone or is not what was made is told by its name, and made again."""
    config = patient.inbox.parent / "config.toml"
    config.write_text(config.read_text() + '[films.month]\nof = "30 days"\n')
    patient.settings = load(config)
    assert patient.examine() == []
    assert films.rendering_of(patient.settings, "me", patient.ledger, Archive(patient.root)).render(time.time()) is not None
    month = patient.root / "films/month.mp4"
    good = month.read_bytes()
    assert patient.examine() == []
    for damage, said in ((lambda: old(month).write_bytes(good.replace(b"isom", b"isok", 1)), "not those that were made"), (month.unlink, "it is missing")):
        damage()  # type: ignore[no-untyped-call]
        (finding,) = patient.examine()
        assert (finding.kind, finding.file) == ("film", "films/month.mp4") and said in finding.what
        assert patient.mend() == {"films/month.mp4": "made again"} and month.read_bytes() == good


DAMAGE: dict[str, tuple[Callable[[Patient], object], str, str, str]] = {
    "frame is gone": (lambda p: p.frame().unlink(), "frames/", "the frame is missing", "made again"),
    "frame is cut short": (lambda p: p.frame().write_bytes(p.frame().read_bytes()[:-200]), "frames/", "the frame is damaged", "made again"),
    "frame is empty": (lambda p: p.frame().write_bytes(b""), "frames/", "the frame is empty", "made again"),
    "frame has another size": (lambda p: p.frame().write_bytes(photo(1)), "frames/", "is 400 x 300 in jpeg instead of 320x320", "made again"),
    "film is gone": (lambda p: p.film.unlink(), "films/latest.mp4", "it is missing", "made again"),
    "film is cut short": (lambda p: old(p.film).write_bytes(p.film.read_bytes()[:-3000]), "films/latest.mp4", "the film is not whole", "made again"),
    "film has a damaged picture": (lambda p: flipped(p.film, 0.5), "films/latest.mp4", "the film is not whole", "made again"),
    "film has another byte": (
        lambda p: old(p.film).write_bytes(p.film.read_bytes().replace(b"isom", b"isok", 1)),
        "films/",
        "not those that were made",
        "made again",
    ),
    "frame of nothing": (lambda p: put(p.root / "frames/2024/x.jpg", b"x"), "frames/2024/x.jpg", "of no photo", "removed"),
    "temporary in originals": (lambda p: put(p.root / "originals/.tmp-1", b"x"), "originals/.tmp-1", "interrupted run", "removed"),
    "leftover in work": (lambda p: put(p.root / "work/a/b", b"x"), "work/a/b", "interrupted run", "removed"),
    "original is gone": (lambda p: p.original().unlink(), "originals/", "the original is missing", "copied from the inbox again"),
    "original is damaged": (lambda p: flipped(p.original(), 0.3), "originals/", "not what it was when it came", "copied from the inbox again"),
    "original without a row": (lambda p: put(p.root / "originals/2024/new.jpg", photo(9)), "originals/2024/new.jpg", "does not know it", "taken in as"),
    "original twice": (lambda p: put(p.root / "originals/2024/twin.jpg", photo(1)), "originals/2024/twin.jpg", "does not know it", "the same bytes are in"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_each_damage_is_named_and_mended(patient: Patient, damage: str) -> None:
    """Whatever is damaged is named with its file in one line, is mended, and leaves a sound diary in which no original is missing."""
    act, file, what, mended = DAMAGE[damage]
    originals = {row.sha256 for row in patient.rows}
    act(patient)
    [finding] = patient.examine()
    assert finding.file.startswith(file) and what in finding.what and "\n" not in finding.in_words()
    done = patient.mend()
    assert list(done) == [finding.file] and mended in done[finding.file]
    assert patient.examine(alone=True) == []
    assert originals <= {digest_of(path.read_bytes()) for path in (patient.root / "originals").rglob("*") if path.is_file()}


def test_frames_are_mended_to_the_same_pixels(patient: Patient) -> None:
    """A frame that is made again is the frame that was lost, byte by byte."""
    before = patient.frame(2).read_bytes()
    patient.frame(2).unlink()
    patient.mend()
    assert patient.frame(2).read_bytes() == before


def test_a_frame_is_kept_when_its_original_is_lost(patient: Patient) -> None:
    """Where nothing can make a frame again, the damaged one stays, and both are named."""
    patient.original().unlink()
    (patient.inbox / "IMG_0.jpg").unlink()
    patient.frame().write_bytes(patient.frame().read_bytes()[:-200])
    assert patient.mend() == {}
    assert {finding.kind for finding in patient.examine()} == {"original_missing", "frame"} and patient.frame().exists()


def test_a_damaged_original_stays_where_there_is_no_good_copy(patient: Patient) -> None:
    """Another photo under the same name in the inbox never takes an original's place."""
    flipped(patient.original(), 0.3)
    (patient.inbox / "IMG_0.jpg").write_bytes(photo(7))
    before = patient.original().read_bytes()
    assert patient.mend() == {} and patient.original().read_bytes() == before


def test_an_original_that_is_no_photo_is_named_and_left(patient: Patient) -> None:
    """What a person put into originals/ by mistake is never removed."""
    path = put(patient.root / "originals/notes.txt", b"dear diary")
    assert patient.mend() == {} and path.exists()
    assert [finding.kind for finding in patient.examine()] == ["stray_original"]


def test_quick_does_not_read_originals(patient: Patient) -> None:
    """`--quick` sees that an original has another size, not that its bytes differ."""
    flipped(patient.original(), 0.3)
    assert patient.examine(quick=True) == []
    patient.original().write_bytes(b"short")
    assert [finding.kind for finding in patient.examine(quick=True)] == ["original_damaged"]


def test_what_was_written_just_now_is_no_finding(patient: Patient) -> None:
    """Beside a daemon, a file younger than a minute may be about to get its row; while nothing runs it is a leftover."""
    for relative in ("originals/2024/new.jpg", "originals/.tmp-1", "frames/2024/x.jpg", "work/.tmp-2.mp4"):
        (patient.root / relative).write_bytes(photo(9))
    assert patient.examine() == []
    assert len(patient.examine(alone=True)) == 4


def test_what_a_daemon_is_writing_is_no_finding(patient: Patient) -> None:
    """What is unfinished since the daemon began is the daemon's, however long it takes, and so is the room of a backup that is going on."""
    archive = Archive(patient.root)
    lock = DaemonLock(patient.root)
    old(patient.root / "daemon.lock")
    path = patient.root / "work/.tmp-film.mp4"
    path.write_bytes(b"x")
    os.utime(path, (time.time() - OLD / 2,) * 2)
    with archive.room() as room:
        put(room / FILE, b"x")
        assert patient.examine() == []
    put(patient.root / "work/.tmp-gone/ledger.sqlite3", b"x")
    lock.release()
    assert {finding.file for finding in patient.examine()} == {"work/.tmp-film.mp4", "work/.tmp-gone/ledger.sqlite3"}
    assert len(patient.mend()) == 2
    assert os.listdir(patient.root / "work") == ["CACHEDIR.TAG"]


def test_what_is_moved_while_it_is_looked_at_is_no_finding(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame that is made anew between the reading of its row and of its file is looked at under its new name."""
    rows = list(photos.everything(patient.ledger))
    new = str(patient.frame().with_name("new.jpg").relative_to(patient.root))
    patient.frame().rename(patient.root / new)
    with patient.ledger.write() as db:
        db.execute("UPDATE photos SET frame = ? WHERE sha256 = ?", (new, rows[0][0].sha256))
    doctor = Doctor(Archive(patient.root), patient.ledger, patient.darkroom, False, True, lambda text: None)
    with monkeypatch.context() as patched:
        patched.setattr(photos, "everything", lambda ledger: iter(rows))
        assert list(doctor.photos()) == []


def forget(patient: Patient, number: int) -> Digest:
    digest = patient.rows[number].sha256
    forgetting.wish(patient.ledger, [digest], time.time())
    return digest


def test_a_photo_that_is_being_forgotten_is_no_finding_and_its_end_is_mended(patient: Patient) -> None:
    """Between a wish to forget and its end nothing is called missing; `--fix` brings it to its end."""
    digest = forget(patient, 1)
    patient.original(1).unlink()
    assert patient.examine() == []
    assert patient.mend() == {f"photo {digest[:12]}": "erased"}
    assert photos.find(patient.ledger, digest) is None and patient.examine(alone=True) == []
    reel = reels.newest_reel(patient.ledger)
    assert reel is not None and reel.frames == PHOTOS - 1


def test_bytes_of_a_forgotten_photo_are_found_and_removed(patient: Patient) -> None:
    """Whatever of a forgotten photo lies in the archive, under its own name or another, is named and goes."""
    digest, data, place = forget(patient, 1), patient.original(1).read_bytes(), patient.original(1)
    patient.mend()
    put(place, data)
    put(patient.root / "originals/copy.jpg", data)
    assert {finding.kind for finding in patient.examine()} == {"forgotten_file", "stray_original"}
    patient.mend()
    assert not place.exists() and not (patient.root / "originals/copy.jpg").exists()
    assert photos.find(patient.ledger, digest) is None and patient.examine(alone=True) == []


def test_a_damaged_database_is_named_and_nothing_else_is_believed(patient: Patient) -> None:
    """When the database is damaged, that is the one finding, and `--fix` touches nothing."""
    patient.ledger.close()
    with closing(sqlite3.connect(patient.root / FILE)) as raw:
        page, size = raw.execute("SELECT rootpage, page_size FROM sqlite_master, pragma_page_size WHERE name = 'photos'").fetchone()
    with (patient.root / FILE).open("r+b") as file:
        file.seek((page - 1) * size + size // 2)
        file.write(b"\x5a" * (size // 2))
    patient.ledger = Ledger(patient.root)
    patient.frame().unlink()
    found = patient.examine(alone=True)
    assert found and {finding.kind for finding in found} == {"ledger"} and "restore" in found[0].todo
    assert patient.mend() == {}
