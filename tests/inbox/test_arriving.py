"""What arrives now goes before what lay in the inbox when it was first looked at, and is told from it by what happened, not by file times."""

from __future__ import annotations

import shutil
import time

from hypothesis import given
from hypothesis import strategies as st
from tests.support.dots import photo

from photodiary.inbox.arriving import Arriving
from photodiary.inbox.inbox import Nudge
from photodiary.inbox.settle import Pending, observe
from photodiary.ledger.arrivals import Stamp

from .conftest import Room

STAMP = Stamp(1, 2, 3)


def backlog(room: Room) -> dict[str, bool]:
    return {row[1][0].decode(): row[0].backlog for row in room.rows()}


def put(room: Room, *names: str) -> None:
    for name in names:
        (room.root / name).write_bytes(photo(int(name[0])))


def test_what_lies_there_at_first_is_a_backlog_and_what_comes_later_is_not(room: Room) -> None:
    """Files of the first look, but for one that something happens to, are a backlog; files of later looks, and those told of by events, arrive now."""
    put(room, "1.jpg", "2.jpg", "3.jpg")
    room.scan()
    room.inbox.notice(Nudge(b"3.jpg", renamed=True))
    assert room.inbox.step(room.now, room.clock, hurried=True), "told of by an event, it need not settle"
    assert backlog(room) == {"3.jpg": False}
    room.pass_time(6)
    assert not room.inbox.step(room.now, room.clock, hurried=True), "the others are no hurry"
    put(room, "4.jpg")
    room.scan()
    room.pass_time(6)
    assert room.inbox.step(room.now, room.clock)
    assert backlog(room) == {"3.jpg": False, "4.jpg": False}, "found by a later look, and taken before the backlog"
    room.work()
    assert backlog(room) == {"1.jpg": True, "2.jpg": True, "3.jpg": False, "4.jpg": False}


def test_after_an_inbox_was_away_what_is_new_in_it_is_a_backlog(room: Room) -> None:
    """A disk that was unmounted for days comes back with many photos: those of today do not wait for them."""
    put(room, "1.jpg")
    room.settle()
    shutil.move(room.root, room.root.with_name("away"))
    room.scan()
    shutil.move(room.root.with_name("away"), room.root)
    put(room, "2.jpg")
    room.settle()
    put(room, "3.jpg")
    room.settle()
    assert backlog(room) == {"1.jpg": True, "2.jpg": True, "3.jpg": False}


def test_a_file_that_changes_again_is_one_that_arrives(room: Room) -> None:
    """Who writes on a file now is somebody who sends it now."""
    put(room, "1.jpg")
    room.scan()
    room.pass_time(6)
    (room.root / "1.jpg").write_bytes(photo(2))
    assert room.inbox.step(room.now, room.clock)
    room.pass_time(6)
    assert room.inbox.step(room.now, room.clock, hurried=True) and list(backlog(room).values()) == [False]


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.booleans()), max_size=30))
def test_each_comes_once_and_those_that_arrive_come_first(puts: list[tuple[int, bool, bool]]) -> None:
    """Whatever is put, dropped and put again: every due file comes once, none that is not due, and no backlog before one that arrives."""
    line, wanted = Arriving(), dict[bytes, Pending]()
    for number, is_backlog, due in puts:
        path = str(number).encode()
        line.put(path, pending := Pending(STAMP, float(due), backlog=is_backlog))
        wanted[path] = pending
    assert dict(line.items()) == wanted and set(line) == set(wanted) and all(line.get(path) == each for path, each in wanted.items())
    came = []
    while (found := line.next(lambda _, pending: pending.since > 0)) is not None:
        came.append(wanted[found].backlog)
        line.drop(found)
    assert came == sorted(came) and len(came) == sum(pending.since > 0 for pending in wanted.values())
    assert {path for path, _ in line.items()} == {path for path, pending in wanted.items() if pending.since == 0}


def test_an_event_makes_a_backlog_hurry_and_nothing_makes_it_one_again() -> None:
    """What was told of by an event stays one that arrives, also where a later look finds it as it was."""
    first = observe(None, STAMP, 1.0, backlog=True)
    assert first.backlog and observe(first, STAMP, 2.0).backlog
    told = observe(first, STAMP, 2.0, early=True)
    assert not told.backlog and told.since == 1.0 and not observe(told, STAMP, 3.0, backlog=True).backlog


def test_tens_of_thousands_are_gone_through_in_one_look_each() -> None:
    """A backlog of 20,000 costs a look at each, not one at all of them for each that is taken in."""
    line = Arriving()
    line.only({str(number).encode(): Pending(STAMP, 0.0, backlog=True) for number in range(20_000)})
    looks = [0]

    def due(path: bytes, pending: Pending) -> bool:
        looks[0] += 1
        return True

    began = time.monotonic()
    while (path := line.next(due)) is not None:
        line.drop(path)
    assert looks[0] <= 2 * 20_000 and time.monotonic() - began < 10
