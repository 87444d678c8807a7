"""Which photo a person means, by digits or by name."""

from __future__ import annotations

import os
import tempfile
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photodiary.diary.photo import Digest, Stage, shown_name
from photodiary.errors import BadUsage
from photodiary.ledger import finding, forgetting, photos
from photodiary.ledger.photos import NewPhoto
from photodiary.ledger.store import Ledger

from .conftest import TakeIn

# Few digits and few names, so that starts and names meet often.
digests = st.text("ab", min_size=8, max_size=8).map(lambda start: start + "0" * 56)
names = st.sampled_from([b"IMG_1.jpg", b"IMG_2.jpg", b"Camera/IMG_1.jpg", b"Camera/a/IMG_2.jpg", b"abab", b"\xff.jpg", b"a\nb.jpg", "größe.jpg".encode()])


def put(ledger: Ledger, digest: str, name: bytes) -> None:
    photos.insert_or_name(ledger, NewPhoto(Digest(digest), 1, "jpeg", 3, 4, None, None, f"originals/{digest}.jpg", Stage.UNDATED), name, 0.0)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(digests, st.sets(names, min_size=1, max_size=3), max_size=8), st.data())
def test_what_is_found_is_the_only_photo_that_could_be_meant(known: dict[str, set[bytes]], data: st.DataObject) -> None:
    """Whatever is written, the answer is the one photo whose digits start so or that came under that name; none or several are an error."""
    wanted = data.draw(
        st.one_of(
            st.text("abAB", min_size=1, max_size=8),
            names.map(lambda name: name.decode("utf-8", "surrogateescape")),
            names.map(shown_name),
            st.sampled_from(["IMG_1.jpg", "IMG_2.jpg", ".jpg", "", "IMG_", "%", "_______"]),
        )
    )
    raw = wanted.encode("utf-8", "surrogateescape")
    meant = {
        digest
        for digest, called in known.items()
        if (len(wanted) >= 4 and digest.startswith(wanted.lower()))
        or (wanted and any(raw in (n, os.path.basename(n)) or wanted in (shown_name(n), shown_name(os.path.basename(n))) for n in called))
    }
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder))
        for digest, called in known.items():
            for name in called:
                put(ledger, digest, name)
        try:
            if len(meant) == 1:
                assert finding.find(ledger, wanted).sha256 == next(iter(meant))
            else:
                with pytest.raises(BadUsage, match="may mean several" if meant else "there is no photo"):
                    finding.find(ledger, wanted)
        finally:
            ledger.close()


def test_an_ambiguous_photo_is_told_with_its_candidates(ledger: Ledger) -> None:
    """Who writes a name that two photos came under is told both, with digits to tell them apart."""
    put(ledger, "ab" * 32, b"Camera/IMG_1.jpg")
    put(ledger, "cd" * 32, b"IMG_1.jpg")
    with pytest.raises(BadUsage, match=r"IMG_1\.jpg may mean several photos: abababababab \(undated, Camera/IMG_1\.jpg\), cdcdcdcdcdcd"):
        finding.find(ledger, "IMG_1.jpg")
    assert finding.find(ledger, "Camera/IMG_1.jpg").sha256 == "ab" * 32


def test_a_forgotten_photo_is_told_so(ledger: Ledger) -> None:
    """The digits of a forgotten photo say that it was forgotten."""
    forgetting.wish(ledger, [Digest("ab" * 32)], 0.0)
    with pytest.raises(BadUsage, match="was forgotten"):
        finding.find(ledger, "ababab")


def test_a_day_of_the_diary_lasts_until_four(ledger: Ledger, take_in: TakeIn) -> None:
    """All photos of a day are found, those of the small hours after it too."""
    for number, wall in enumerate([datetime(2024, 5, 15, 3, 59), datetime(2024, 5, 15, 4), datetime(2024, 5, 16, 3), datetime(2024, 5, 16, 4)]):
        take_in(number, wall=wall)
    take_in(9, Stage.UNDATED, wall=None)
    assert [photo.id for photo in finding.of_day(ledger, date(2024, 5, 15))] == [2, 3]
