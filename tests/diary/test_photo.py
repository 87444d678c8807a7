"""Names of photos, the ways between their stages, and how names of files are shown."""

from __future__ import annotations

import hashlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photodiary.diary.photo import LEGAL_MOVES, Stage, digest_of, is_legal, retry_wait, shown_name

nasty = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(st.sampled_from([b"\x1b[2J", b"\r", b"\n", b"\0", b"\x7f", b"\xc2\x9b", "\u202e".encode(), "\u2028".encode(), "\U000e0041".encode(), b"a"]))
    .map(b"".join),
)  # fmt: skip


@given(st.binary())
def test_a_photo_is_named_by_its_bytes(data: bytes) -> None:
    """A photo's name is the SHA-256 of its bytes, 64 hexadecimal digits."""
    assert digest_of(data) == hashlib.sha256(data).hexdigest()


@given(nasty)
def test_a_shown_name_holds_nothing_that_moves_the_cursor(name: bytes) -> None:
    """Whatever a file is called, what is shown has no control, formatting or line-breaking character and can be printed anywhere."""
    shown = shown_name(name)
    assert all(unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for c in shown)
    assert shown.isprintable() and shown.splitlines() in ([shown], [])
    shown.encode("utf-8")


@given(st.text(st.characters(categories=("L", "N", "P", "S")), max_size=40))
def test_an_ordinary_name_is_shown_as_it_is(name: str) -> None:
    """Letters, digits and signs of any script are not escaped."""
    assert shown_name(name.encode()) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"IMG 1.jpg", "IMG 1.jpg"),
        ("größe 😀.jpg".encode(), "größe 😀.jpg"),
        (b"a\nb.jpg", "a\\x0ab.jpg"),
        (b"\xff.jpg", "\\xff.jpg"),
        (b"\x1b[31mred", "\\x1b[31mred"),
        ("gpj.\u202ea".encode(), "gpj.\\u202ea"),
    ],
)
def test_what_is_escaped_can_be_read(name: bytes, shown: str) -> None:
    """Escapes are those that a person knows."""
    assert shown_name(name) == shown


def test_every_stage_has_its_ways() -> None:
    """Each stage is on the map, leads somewhere else, and can be reached from another."""
    assert set(LEGAL_MOVES) == set(Stage)
    assert all(ways and old not in ways for old, ways in LEGAL_MOVES.items())
    reached = frozenset.union(*LEGAL_MOVES.values())
    assert reached == set(Stage)


@pytest.mark.parametrize(
    ("old", "new", "legal"),
    [
        (Stage.RECEIVED, Stage.LOCATED, True),
        (Stage.LOCATED, Stage.ALIGNED, True),
        (Stage.QUARANTINED, Stage.RECEIVED, True),
        (Stage.EXCLUDED, Stage.LOCATED, True),
        (Stage.RECEIVED, Stage.ALIGNED, False),
        (Stage.UNDATED, Stage.ALIGNED, False),
        (Stage.QUARANTINED, Stage.ALIGNED, False),
        (Stage.EXCLUDED, Stage.ALIGNED, False),
        (Stage.ALIGNED, Stage.QUARANTINED, False),
    ],
)
def test_no_photo_gets_a_frame_without_eyes(old: Stage, new: Stage, legal: bool) -> None:
    """The way into the film leads through `located`; what is left out or unreadable comes back by being looked at anew."""
    assert is_legal(old, new) is legal


@given(st.integers(0, 10_000))
def test_waits_grow_and_stay_below_six_hours(tries: int) -> None:
    """The wait after a further failure is never shorter, at least 10 seconds and at most 6 hours."""
    assert 10 <= retry_wait(tries) <= retry_wait(tries + 1) <= 6 * 3600


def test_the_first_waits_double() -> None:
    """10 s after the first try, then twice as long each time."""
    assert [retry_wait(tries) for tries in (1, 2, 3, 4)] == [10.0, 20.0, 40.0, 80.0]
    assert retry_wait(30) == 6 * 3600
