"""Takes in the ledger: one of a moment shows, whatever came first; the others are kept and take its place when it goes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from photodiary.diary.calendar import Taken
from photodiary.diary.canvas import Canvas, similarity
from photodiary.diary.eyes import EyePair, Point, Sighting
from photodiary.diary.photo import Digest, Stage, digest_of
from photodiary.diary.takes import SIDE
from photodiary.ledger import deciding, forgetting, photos, reels, schema, store, summary, takes, verdicts
from photodiary.ledger.photos import NewPhoto, PhotoRow
from photodiary.ledger.reels import ReelRow
from photodiary.ledger.store import FILE, Ledger

NINE = datetime(2024, 5, 15, 9, 12, 44)
BERLIN = ZoneInfo("Europe/Berlin")
CELLS = SIDE * SIDE
STRIPES = bytes(60 + 120 * (cell // 3 % 2) for cell in range(CELLS))
CIRCLES = bytes(round(((cell % SIDE - 11.5) ** 2 + (cell // SIDE - 11.5) ** 2) * 0.9) % 256 for cell in range(CELLS))
EYES = EyePair(Point(100.0, 150.0), Point(200.0, 150.0))
CANVAS = Canvas(320, 320, Point(110.0, 140.0), Point(210.0, 140.0))


@dataclass(frozen=True)
class Photo:
    """What a test says of a photo; `key` stands for its bytes."""

    key: str
    name: str
    picture: str | None = None
    signature: bytes | None = STRIPES
    wall: datetime | None = NINE
    source: str = "exif"
    width: int = 3000
    bytes_: int = 1000

    @property
    def digest(self) -> Digest:
        return digest_of(self.key.encode())


HEIC = Photo("heic", "IMG_1.HEIC", "a" * 64)
JPEG = Photo("jpeg", "IMG_1.JPG", "b" * 64, bytes_=2000)
SMALL = Photo("small", "IMG-20240515-WA0001.jpg", "c" * 64, wall=datetime(2024, 5, 15, 12), source="name", width=1200, bytes_=300)
OTHER = Photo("other", "IMG_2.JPG", "d" * 64, CIRCLES)


def put(ledger: Ledger, photo: Photo, *, framed: bool = True) -> PhotoRow:
    taken = None if photo.wall is None else Taken(photo.wall, None, photo.source)
    new = NewPhoto(
        photo.digest, photo.bytes_, "jpeg", photo.width, 4000, taken, None if taken is None else taken.utc(BERLIN).timestamp(),
        f"originals/{photo.digest[:16]}.jpg", Stage.UNDATED if taken is None else Stage.RECEIVED, picture=photo.picture, signature=photo.signature,
    )  # fmt: skip
    photos.insert_or_name(ledger, new, photo.name.encode(), 1.0)
    if framed and taken is not None:
        frame(ledger, photo)
    return row(ledger, photo)


def frame(ledger: Ledger, photo: Photo, now: float = 1.0) -> None:
    canvas = reels.current_canvas(ledger)
    number = reels.adopt_canvas(ledger, CANVAS, frozen=True, source="auto", words="words", now=0.0) if canvas is None else canvas.id
    number = number or reels.all_canvases(ledger)[-1].id
    if row(ledger, photo).stage is Stage.RECEIVED:
        photos.append_sighting(ledger, row(ledger, photo), Sighting("net-1", EYES, 1.0), Stage.LOCATED, doubtful=False, reason=None, now=1.0)
    reels.publish_frame(ledger, row(ledger, photo), f"frames/{photo.digest[:16]}.jpg", 50, similarity(EYES, CANVAS), number, lambda: now)


def row(ledger: Ledger, photo: Photo) -> PhotoRow:
    found = photos.find(ledger, photo.digest)
    assert found is not None
    return found


def showing(ledger: Ledger) -> set[str]:
    """Keys of what shows, agreed by all who can tell."""
    keys = {photo.digest: photo.key for photo in (HEIC, JPEG, SMALL, OTHER, *MADE)}
    found = {keys[photo.sha256]: photo for photo, _ in photos.everything(ledger) if photo.in_film}
    frames = [shown.frame for shown in reels.film_photos(ledger, reels.all_canvases(ledger)[-1].id)]
    assert sorted(photo.frame or "" for photo in found.values()) == sorted(frames)
    assert summary.counts(ledger).in_film == reels.film_news(ledger).frames == len(frames)
    assert sorted(reels.film_position(ledger, photo) or 0 for photo in found.values()) == list(range(1, len(frames) + 1))
    return set(found)


def made(photo: Photo) -> Photo:
    MADE.append(photo)
    return photo


MADE: list[Photo] = []
TOUCHED = made(Photo("touched", "IMG_1_rated.JPG", JPEG.picture, wall=datetime(2024, 5, 17, 18), bytes_=1990))
VERSION = made(Photo("version", "IMG_1.JPG", "e" * 64, CIRCLES, width=800, bytes_=400))


def decide(ledger: Ledger, photo: Photo, kind: str, value: datetime | None = None) -> None:
    deciding.decide(ledger, [row(ledger, photo)], kind, value, 9.0)
    assert deciding.heed(ledger, BERLIN, 10.0)


def forget(ledger: Ledger, photo: Photo) -> None:
    forgetting.wish(ledger, [photo.digest], 9.0)
    forgetting.take_out(ledger, photo.digest)
    forgetting.erased(ledger, photo.digest, 10.0)
    forgetting.wipe(ledger, [photo.digest], 11.0)


# -- who belongs together, and who shows ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(itertools.permutations([HEIC, JPEG, SMALL, OTHER])))
def test_the_order_of_arrival_changes_nothing(tmp_path: Path, order: tuple[Photo, ...]) -> None:
    """HEIC, JPEG and a messenger's copy of one moment are takes, of which the richest shows; another photo of that second stays by itself."""
    ledger = Ledger(tmp_path)
    for photo in order:
        put(ledger, photo)
    assert showing(ledger) == {"jpeg", "other"}
    assert set(takes.of(ledger, HEIC.digest).others) == {JPEG.digest, SMALL.digest}
    assert takes.of(ledger, OTHER.digest).others == []
    assert [row(ledger, photo).other_take for photo in (HEIC, JPEG, SMALL, OTHER)] == [True, False, True, False]
    counts = summary.counts(ledger)
    assert (counts.in_film, counts.other_takes, counts.total) == (2, 2, 4)
    assert takes.of(ledger, SMALL.digest).shown == JPEG.digest
    ledger.close()


def test_a_photo_that_joins_two_groups_makes_them_one(ledger: Ledger) -> None:
    """Takes are what is connected: the last to come may be the link."""
    copy = made(Photo("copy", "signal.jpg", TOUCHED.picture, wall=NINE + timedelta(hours=2), source="mtime", width=100))
    for photo in (HEIC, replace_picture(copy, "f" * 64, CIRCLES), TOUCHED):
        put(ledger, photo)
    assert showing(ledger) == {"heic", "copy", "touched"}
    put(ledger, JPEG)  # the second of the one, the pixels of the other
    assert {len(takes.of(ledger, photo.digest).others) for photo in (HEIC, JPEG, TOUCHED)} == {2}
    assert showing(ledger) == {"jpeg", "copy"}


def replace_picture(photo: Photo, picture: str, signature: bytes) -> Photo:
    return Photo(photo.key, photo.name, picture, signature, photo.wall, photo.source, photo.width)


def test_of_equal_pictures_the_newest_shows(ledger: Ledger) -> None:
    """What differs in metadata only shows once, as it came last."""
    put(ledger, JPEG)
    put(ledger, TOUCHED)
    assert showing(ledger) == {"touched"}
    assert summary.film_missing(ledger) == [{"day": "2024-05-15", "reason": "another take of the same moment shows"}]


def test_until_the_newer_has_its_frame_the_older_shows(ledger: Ledger) -> None:
    """A moment is never missing from the film because a better take is on its way."""
    put(ledger, HEIC)
    put(ledger, JPEG, framed=False)
    assert showing(ledger) == {"heic"}
    frame(ledger, JPEG)
    assert showing(ledger) == {"jpeg"}


def test_a_newer_version_shows_though_it_is_smaller(ledger: Ledger) -> None:
    """What comes under the same name at the same second supersedes; where it cannot show, the older does."""
    put(ledger, JPEG)
    put(ledger, VERSION)
    assert showing(ledger) == {"version"}
    decide(ledger, VERSION, verdicts.EXCLUDED)
    assert showing(ledger) == {"jpeg"}


def test_photos_from_before_are_not_joined_by_looks_that_nobody_knows(ledger: Ledger) -> None:
    """Rows without a digest and a signature stay by themselves, also among each other and in the same second."""
    for number in range(3):
        put(ledger, made(Photo(f"old {number}", f"{number}.jpg", None, None)))
    assert showing(ledger) == {"old 0", "old 1", "old 2"}
    put(ledger, JPEG)
    assert takes.of(ledger, JPEG.digest).others == []


def test_an_undated_photo_is_joined_by_its_pixels(ledger: Ledger) -> None:
    """A copy whose date was stripped is a take of the dated one; it shows nowhere."""
    put(ledger, JPEG)
    stripped = put(ledger, made(Photo("stripped", "x.jpg", JPEG.picture, wall=None)))
    assert stripped.stage is Stage.UNDATED
    assert showing(ledger) == {"jpeg"}
    assert takes.of(ledger, JPEG.digest).others == [stripped.sha256]


def test_what_could_be_read_at_last_is_matched_too(ledger: Ledger) -> None:
    """A photo that was in quarantine finds its takes when it is read."""
    put(ledger, JPEG)
    photos.insert_or_name(ledger, NewPhoto(HEIC.digest, 5, None, None, None, None, None, None, Stage.QUARANTINED, "damaged"), HEIC.name.encode(), 1.0)
    assert takes.of(ledger, JPEG.digest).others == []
    put(ledger, HEIC)
    assert takes.of(ledger, JPEG.digest).others == [HEIC.digest]
    assert showing(ledger) == {"jpeg"}


# -- decisions -----------------------------------------------------------------------------------------------------------------


def test_another_take_shows_in_the_place_of_one_that_is_left_out(ledger: Ledger) -> None:
    """Left out, put back, without a face: what could show best does."""
    put(ledger, JPEG)
    put(ledger, HEIC)
    decide(ledger, JPEG, verdicts.EXCLUDED)
    assert showing(ledger) == {"heic"}
    assert takes.of(ledger, JPEG.digest).shown == HEIC.digest
    decide(ledger, JPEG, verdicts.RESTORED)
    assert showing(ledger) == {"jpeg"}
    photos.append_sighting(ledger, back(ledger, JPEG), Sighting("net-2", None, None, "no_face", 0), Stage.EXCLUDED, doubtful=False, reason="no_face", now=2.0)
    assert row(ledger, JPEG).stage is not Stage.EXCLUDED, "a person put it back"


def back(ledger: Ledger, photo: Photo) -> PhotoRow:
    """Sent round again, as a new model does."""
    with ledger.write() as db:
        db.execute("UPDATE photos SET stage = 'received' WHERE sha256 = ?", (photo.digest,))
    return row(ledger, photo)


def test_without_a_face_another_take_shows(ledger: Ledger) -> None:
    """The richest take in which nobody can be seen leaves its place to the next."""
    put(ledger, HEIC)
    put(ledger, JPEG, framed=False)
    photos.append_sighting(ledger, row(ledger, JPEG), Sighting("net-1", None, None, "no_face", 0), Stage.EXCLUDED, doubtful=False, reason="no_face", now=2.0)
    assert showing(ledger) == {"heic"}


def test_a_picture_that_was_left_out_stays_out_with_other_metadata(ledger: Ledger) -> None:
    """The last word about a picture counts for every photo with its pixels, also one that comes later; putting any of them back lets them in."""
    put(ledger, JPEG)
    decide(ledger, JPEG, verdicts.EXCLUDED)
    put(ledger, TOUCHED)
    assert showing(ledger) == set()
    assert row(ledger, TOUCHED).other_take and takes.of(ledger, TOUCHED.digest).shown is None
    put(ledger, HEIC)
    assert showing(ledger) == {"heic"}, "other pixels of that moment are another matter"
    decide(ledger, HEIC, verdicts.EXCLUDED)
    decide(ledger, TOUCHED, verdicts.RESTORED)
    assert showing(ledger) == {"touched"}


def test_among_equal_pictures_a_persons_word_goes_first(ledger: Ledger) -> None:
    """Eyes that a person placed are not lost when an app changes the photo's metadata."""
    put(ledger, JPEG)
    photos.append_sighting(ledger, back(ledger, JPEG), Sighting("placed", EYES), Stage.LOCATED, doubtful=False, reason=None, now=2.0)
    frame(ledger, JPEG)
    put(ledger, TOUCHED)
    assert showing(ledger) == {"jpeg"}


def test_a_redated_photo_leaves_its_moment_and_finds_its_new_one(ledger: Ledger) -> None:
    """Takes follow the dates: what it joined falls apart, and where it goes it is compared anew."""
    for photo in (HEIC, JPEG, SMALL):
        put(ledger, photo)
    decide(ledger, JPEG, verdicts.REDATED, datetime(2024, 6, 1, 8, 30))
    assert row(ledger, JPEG).stage is Stage.LOCATED, "its frame is named by its date"
    assert showing(ledger) == {"heic", "jpeg"}
    assert takes.of(ledger, JPEG.digest).others == []
    assert takes.of(ledger, HEIC.digest).others == [SMALL.digest]
    decide(ledger, HEIC, verdicts.REDATED, datetime(2024, 6, 1, 12))
    assert takes.of(ledger, HEIC.digest).others == [JPEG.digest], "on that day it looks the same, and a person's time is a round one"
    assert takes.of(ledger, SMALL.digest).others == []
    assert showing(ledger) == {"jpeg", "small"}


def test_a_take_that_does_not_show_is_redated_with_its_frame(ledger: Ledger) -> None:
    """Also a photo that is kept aside gets a frame of its new date."""
    put(ledger, JPEG)
    put(ledger, HEIC)
    decide(ledger, HEIC, verdicts.REDATED, datetime(2024, 6, 1, 8, 30))
    assert row(ledger, HEIC).stage is Stage.LOCATED
    assert reels.film_news(ledger).remaking == 1
    assert showing(ledger) == {"jpeg", "heic"}


# -- forgetting ----------------------------------------------------------------------------------------------------------------


def test_forgetting_leaves_neither_digest_nor_signature(tmp_path: Path) -> None:
    """No byte of what the photo looked like is in the database afterwards, and the take that is left is one by itself."""
    ledger = Ledger(tmp_path)
    secret = made(Photo("secret", "s.jpg", "5ec2e7" + "0" * 58, bytes(x ^ 1 for x in STRIPES), bytes_=5000))
    put(ledger, JPEG)
    put(ledger, secret)
    assert showing(ledger) == {"secret"}
    forget(ledger, secret)
    assert showing(ledger) == {"jpeg"}
    assert takes.of(ledger, JPEG.digest).others == []
    ledger.close()
    left = b"".join(path.read_bytes() for path in tmp_path.glob(f"{FILE}*"))
    assert secret.signature not in left and b"5ec2e7" not in left and STRIPES in left


def test_when_the_link_is_forgotten_the_others_part(ledger: Ledger) -> None:
    """What only a forgotten photo joined is two moments again."""
    for photo in (HEIC, JPEG, TOUCHED):
        put(ledger, photo)
    assert showing(ledger) == {"touched"}
    forget(ledger, JPEG)
    assert showing(ledger) == {"heic", "touched"}


def test_when_the_newer_version_is_forgotten_the_older_is_not_superseded(ledger: Ledger) -> None:
    """The newer version goes before all other takes; without it they count as before."""
    for photo in (JPEG, VERSION, HEIC):
        put(ledger, photo)
    assert showing(ledger) == {"version"}, "also before another encoding of what was changed"
    forget(ledger, VERSION)
    assert showing(ledger) == {"jpeg"}


# -- when a film is due --------------------------------------------------------------------------------------------------------


def test_a_take_that_does_not_show_is_no_news(ledger: Ledger) -> None:
    """No film is made for a frame that it would not show, nor waits for one that is made again; a better take is news."""
    put(ledger, HEIC)
    reels.publish_reel(ledger, ReelRow("films/latest.mp4", 1, 0.1, "f", 1, 5.0))
    put(ledger, SMALL, framed=False)
    frame(ledger, SMALL, now=6.0)
    assert (reels.film_news(ledger).new, reels.film_news(ledger).remaking) == (0, 0)
    with ledger.write() as db:
        db.execute("UPDATE photos SET stage = 'located' WHERE sha256 = ?", (SMALL.digest,))
    assert reels.film_news(ledger).remaking == 0
    put(ledger, JPEG, framed=False)
    frame(ledger, JPEG, now=7.0)
    assert (reels.film_news(ledger).new, reels.film_news(ledger).frames) == (1, 1)


def test_a_reader_of_an_older_diary_knows_no_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A diary that no program since has opened for writing is read as it was: whatever has a frame shows."""
    monkeypatch.setattr(store, "MIGRATIONS", schema.MIGRATIONS[:3])
    older = Ledger(tmp_path)
    with older.write() as db:
        db.execute(
            "INSERT INTO photos (sha256, bytes, received_at, stage, frame, canvas_id, taken_wall, taken_utc, taken_from)"
            " VALUES (?, 1, 1.0, 'aligned', 'frames/a.jpg', NULL, '2024-05-15T09:12:44', 1.0, 'exif')",
            (JPEG.digest,),
        )
    older.close()
    monkeypatch.undo()
    reader = Ledger(tmp_path, writable=False)
    assert (row(reader, JPEG).in_film, row(reader, JPEG).other_take) == (True, False)
    assert (summary.counts(reader).in_film, summary.counts(reader).other_takes, reels.film_news(reader).frames) == (1, 0, 1)
    assert summary.film_missing(reader) == []
    assert takes.of(reader, JPEG.digest) == takes.Moment([], None)
    reader.close()
    Ledger(tmp_path).close()
    reader = Ledger(tmp_path, writable=False)
    assert row(reader, JPEG).in_film
    reader.close()
