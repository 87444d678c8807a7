"""Promise: the same photo twice, conflict copies."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from tests.promises.switch import Switch
from tests.support import phones
from tests.support.daemon import Diary
from tests.support.dots import drop, eyes_of, jpeg, photo, picture

SWITCHES = (
    Switch(
        "photos are known by the hash of their bytes", "test_the_same_bytes_under_two_names_are_one_photo", "inbox/intake.py",
        "digest = digest_of(data)", "digest = digest_of(data + name)",
    ),
    Switch(
        "a digest of the picture joins what differs in metadata only", "test_of_photos_that_differ_in_metadata_only_the_newest_shows", "diary/takes.py",
        "if a.picture is not None and a.picture == b.picture:", "if False:",
    ),
    Switch(
        "the same name and second make a version", "test_a_new_version_supersedes_the_older_which_is_kept", "diary/takes.py",
        "return _same_second(a, b) and not a.names.isdisjoint(b.names)", "return False",
    ),
    Switch(
        "the newer version goes first, though it has fewer pixels", "test_a_new_version_supersedes_the_older_which_is_kept", "ledger/takes.py",
        '(row["id"] in older, row["id"])', '(0, row["id"])',
    ),
    Switch(
        "photos of one second that look alike are takes", "test_other_encodings_of_a_moment_are_takes_of_which_one_shows", "diary/takes.py",
        "return is_burst(a.signature, b.signature)", "return False",
    ),
    Switch(
        "a copy without a date from the camera is found by its looks", "test_a_messenger_copy_is_a_take", "diary/takes.py",
        "return not by_camera and is_copy(a.signature, b.signature)", "return False",
    ),
    Switch(
        "different photos of one second stay two", "test_two_people_in_one_second_are_two_photos", "diary/takes.py",
        "_apart(a, b) <= BURST_APART * least", "True",
    ),
    Switch(
        "a picture that a person left out stays out, whatever its metadata", "test_leaving_out_what_shows", "ledger/takes.py",
        "AND NOT {_LEFT_OUT}", "",
    ),
)  # fmt: skip


def day(number: int) -> str:
    return f"2024:04:{number:02} 08:30:00"


def later_date(data: bytes) -> bytes:
    """The same picture with another date in its metadata."""
    assert data.count(b"2024:03:03 08:30:00") == 1
    return data.replace(b"2024:03:03 08:30:00", b"2024:03:05 18:15:00")


def version(number: int) -> bytes:
    """Photo `number`, cut and lightened as with an editor, at the date it had."""
    older = Image.open(io.BytesIO(photo(number)))
    edited = np.clip(np.asarray(older.crop((20, 20, 380, 280))).astype(int) + (40, 40, 40), 0, 255).astype(np.uint8)
    return jpeg(edited, f"2024:03:{1 + number:02} 08:30:00")


def messenger(number: int) -> bytes:
    """What arrives at the other end: smaller, coarser, without metadata."""
    with Image.open(io.BytesIO(photo(number))) as image:
        return jpeg(np.asarray(image.resize((320, 240), Image.Resampling.LANCZOS)), None, quality=70)


FIRST = {
    "IMG_1.jpg": photo(1),
    "IMG_2.jpg": photo(2),
    "IMG_3.jpg": photo(3),
    "IMG_4.HEIC": phones.heic(picture(eyes_of(4), seed=4), taken=day(4), chroma=444),
    "IMG_5.jpg": photo(5),
    "IMG_7.jpg": jpeg(picture(eyes_of(7), seed=7), day(7)),
}
THEN = {
    "IMG_1.sync-conflict-20240302-083000-ABCDEFG.jpg": FIRST["IMG_1.jpg"],
    "IMG_2_rated.jpg": later_date(FIRST["IMG_2.jpg"]),
    "IMG_3.jpg": version(3),
    "IMG_4.jpg": jpeg(picture(eyes_of(4), seed=4), day(4)),
    "shared/IMG_4.webp": phones.encoded("webp", picture(eyes_of(4), seed=4), taken=day(4)),
    "IMG-20240306-WA0001.jpg": messenger(5),
    "IMG_8.jpg": jpeg(picture(eyes_of(8), seed=8), day(7)),
}


def settled(diary: Diary, known: Callable[[dict[str, Any]], bool], what: str) -> None:
    """Wait until everything that came is through, and the film shows what the diary says."""
    diary.until(
        lambda s: known(s["photos"]) and not s["photos"]["received"] + s["photos"]["located"] + s["photos"]["held"]
        and s["reel"] is not None and s["reel"]["frames"] == s["photos"]["in_film"], what, 90,
    )  # fmt: skip


@pytest.fixture(scope="module")
def diary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Diary]:
    """A running diary into which everything came, the later versions later."""
    diary = Diary(tmp_path_factory.mktemp("twice") / "me")
    (diary.inbox / "shared").mkdir()
    diary.start()
    for name, data in FIRST.items():
        drop(diary.inbox, name, data)
    settled(diary, lambda n: n["total"] == len(FIRST), "the first are in")
    for name, data in THEN.items():
        drop(diary.inbox, name, data)
    settled(diary, lambda n: n["total"] + n["duplicates"] == len(FIRST) + len(THEN), "all are in")
    yield diary
    diary.close()


def named(diary: Diary, *beginnings: str) -> list[dict[str, Any]]:
    return [row for row in diary.photos() if any(Path(name).name.startswith(beginnings) for name in row["names"])]


def shown(diary: Diary, *beginnings: str) -> list[str]:
    return [Path(row["names"][0]).name for row in named(diary, *beginnings) if row["in_film"]]


def kept(diary: Diary, *contents: bytes) -> bool:
    """Whether originals lie in the archive byte for byte."""
    there = {path.read_bytes() for path in (diary.archive / "originals").rglob("*") if path.is_file()}
    return there.issuperset(contents)


def film(diary: Diary) -> int:
    with av.open(str(diary.archive / "films/latest.mp4")) as container:
        return sum(1 for _ in container.decode(video=0))


def test_the_same_bytes_under_two_names_are_one_photo(diary: Diary) -> None:
    """A conflict copy with the same bytes is a further name of the one photo."""
    (row,) = named(diary, "IMG_1")
    assert set(row["names"]) == {"IMG_1.jpg", "IMG_1.sync-conflict-20240302-083000-ABCDEFG.jpg"}
    assert row["in_film"]


def test_of_photos_that_differ_in_metadata_only_the_newest_shows(diary: Diary) -> None:
    """A photo that came again with nothing but its metadata changed is one picture in the film, at the date of the newest; both are kept."""
    assert len(named(diary, "IMG_2")) == 2
    assert shown(diary, "IMG_2") == ["IMG_2_rated.jpg"]
    assert kept(diary, FIRST["IMG_2.jpg"], THEN["IMG_2_rated.jpg"])


def test_a_new_version_supersedes_the_older_which_is_kept(diary: Diary) -> None:
    """What was edited under its name and at its time takes the place of the older version, though it is smaller; the older is kept."""
    older, newer = sorted(named(diary, "IMG_3"), key=lambda row: -row["width"])
    assert (older["in_film"], older["other_take"], newer["in_film"]) == (False, True, True)
    assert kept(diary, FIRST["IMG_3.jpg"], THEN["IMG_3.jpg"])


def test_other_encodings_of_a_moment_are_takes_of_which_one_shows(diary: Diary) -> None:
    """HEIC, JPEG and WebP of one moment are three photos, of which one is in the film; nothing is deleted."""
    assert len(named(diary, "IMG_4")) == 3
    assert len(shown(diary, "IMG_4")) == 1
    assert kept(diary, FIRST["IMG_4.HEIC"], THEN["IMG_4.jpg"], THEN["shared/IMG_4.webp"])


def test_a_messenger_copy_is_a_take(diary: Diary) -> None:
    """A smaller copy that knows only its day is kept aside for the photo that the camera wrote."""
    assert shown(diary, "IMG_5", "IMG-20240306-WA") == ["IMG_5.jpg"]
    assert len(named(diary, "IMG-20240306-WA")) == 1


def test_two_people_in_one_second_are_two_photos(diary: Diary) -> None:
    """A common date alone joins nothing."""
    assert set(shown(diary, "IMG_7", "IMG_8")) == {"IMG_7.jpg", "IMG_8.jpg"}


def test_everybody_tells_the_same(diary: Diary) -> None:
    """The film, `status`, `photos list` and `photos why` agree on what shows and what is kept aside."""
    photos = diary.me()["photos"]
    assert (photos["in_film"], photos["other_takes"], photos["duplicates"]) == (7, 5, 1)
    assert film(diary) == 7 == sum(row["in_film"] for row in diary.photos())
    assert "5 other takes kept aside" in diary.call("status").stdout
    (first,) = [row for row in named(diary, "IMG_4") if row["in_film"]]
    (other, _) = [row for row in named(diary, "IMG_4") if row["other_take"]]
    assert f"kept aside: another take of the same moment shows, {first['sha256'][:12]}" in diary.call("photos", "why", other["sha256"]).stdout
    told = diary.call("photos", "why", first["sha256"]).stdout
    assert "shown in films/latest.mp4" in told and other["sha256"][:12] in told
    assert diary.call("doctor").returncode == 0


def test_leaving_out_what_shows(diary: Diary) -> None:
    """Without the take that shows another one does; a picture that was left out stays out under other metadata too, until it is put back."""
    first = shown(diary, "IMG_4")
    diary.call("photos", "exclude", *first)
    (second,) = shown(diary, "IMG_4")
    assert second not in first
    done = diary.call("photos", "exclude", "IMG_2_rated.jpg")
    assert done.returncode == 0, done.stderr
    assert shown(diary, "IMG_2") == []
    assert "kept aside: you had the same picture left out" in diary.call("photos", "why", "IMG_2.jpg").stdout
    settled(diary, lambda n: n["in_film"] == 6, "a film without it")
    assert film(diary) == 6
    diary.call("photos", "restore", "IMG_2_rated.jpg")
    assert shown(diary, "IMG_2") == ["IMG_2_rated.jpg"]


def test_forgetting_what_shows(diary: Diary) -> None:
    """When the newer version is forgotten the older shows again."""
    older, newer = sorted(named(diary, "IMG_3"), key=lambda row: -row["width"])
    done = diary.call("photos", "forget", newer["sha256"], "--yes")
    assert done.returncode == 0, done.stderr
    assert f"1 other take of the same moment stays: {older['sha256'][:12]}" in done.stdout
    (row,) = named(diary, "IMG_3")
    assert (row["sha256"], row["in_film"], row["other_take"]) == (older["sha256"], True, False)
    assert diary.stop() == 0
