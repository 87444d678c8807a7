"""Promise: user's photo deleted from the inbox.

photodiary never writes, moves or deletes in the inbox and keeps its own copy.  `on_delete = "keep"` changes nothing; `"exclude"` takes the
photo out of the film after 7 days away from an inbox that was otherwise healthy, and back when its file is.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.promises.inboxes import begin, config, is_in, ledger, living, rows, until, until_in, until_scanned
from tests.promises.switch import Switch
from tests.support.daemon import Diary
from tests.support.dots import drop, photo

from photodiary.diary.photo import digest_of
from photodiary.ledger import absence
from photodiary.ledger.store import FILE

DAY = 86_400.0
HELD = [photo(number) for number in range(3)]

SWITCHES = (
    Switch(
        "leaving out what is gone for a week",
        "test_out_of_the_film_after_a_week_and_back_with_its_file_or_a_persons_word",
        "inbox/absence.py",
        "absence.leave_out(self._ledger, sure, now)",
        "pass",
    ),
    Switch(
        "the week",
        "test_out_of_the_film_after_a_week_and_back_with_its_file_or_a_persons_word",
        "inbox/absence.py",
        "GRACE_S = 7 * A_DAY",
        "GRACE_S = 0.0",
    ),
    Switch(
        "bringing back what is back",
        "test_out_of_the_film_after_a_week_and_back_with_its_file_or_a_persons_word",
        "inbox/absence.py",
        "back = absence.bring_back(self._ledger, now, all_of_them=False)",
        "back = 0",
    ),
    Switch(
        "keeping unless told otherwise",
        "test_by_default_it_stays",
        "run/engine.py",
        'excluding=settings.diary[name].on_delete == "exclude"',
        "excluding=True",
    ),
    Switch(
        "knowing an inbox that is not the one",
        "test_an_inbox_that_is_away_is_no_deletion",
        "inbox/absence.py",
        "if not healthy or (known and not present):",
        "if False:",
    ),
)


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[Diary]:
    """A running daemon with a film of three photos; it leaves out what is deleted from the inbox."""
    with living(tmp_path / "me", config(1.0, film_after=1.0).replace("[inbox]", 'on_delete = "exclude"\n[inbox]', 1)) as diary:
        for number, data in enumerate(HELD):
            drop(diary.inbox, f"{number}.jpg", data)
        diary.until_film_of(3)
        yield diary


def gone(diary: Diary) -> dict[bytes, float]:
    with ledger(diary) as opened:
        return absence.gone_files(opened)


def days_pass(diary: Diary, days: float) -> None:
    """As if the files that are gone had been so for longer: the only thing that a test cannot wait for."""
    assert diary.stop() == 0
    with sqlite3.connect(diary.archive / FILE) as db:
        db.execute("UPDATE files SET gone_since = gone_since - ? WHERE gone_since > 0", (days * DAY,))
    db.close()
    begin(diary)
    until_scanned(diary)


def reason(diary: Diary, number: int) -> str | None:
    return rows(diary)[digest_of(HELD[number])][0].reason


def test_out_of_the_film_after_a_week_and_back_with_its_file_or_a_persons_word(diary: Diary) -> None:
    """Six days change nothing, the seventh leaves it out and says why; its copy stays; its file or `photos restore` puts it back, the latter for good."""
    for number in (0, 1):
        (diary.inbox / f"{number}.jpg").unlink()
    until(lambda: set(gone(diary)) == {b"0.jpg", b"1.jpg"}, diary, "the files are missed")
    days_pass(diary, 6)
    assert diary.me()["photos"]["in_film"] == 3 and reason(diary, 0) is None
    days_pass(diary, 1.1)
    diary.until_film_of(1)
    assert (reason(diary, 0), reason(diary, 1), reason(diary, 2)) == ("deleted", "deleted", None)
    assert all(is_in(diary, data) for data in HELD), "the diary keeps its own copies"
    told = diary.call("photos", "why", digest_of(HELD[0])).stdout
    assert "left out because it was deleted from the inbox on " in told and "not shown: deleted from the inbox" in told
    drop(diary.inbox, "back under another name.jpg", HELD[0])
    diary.until_film_of(2)
    assert "put back because it is in the inbox again" in diary.call("photos", "why", digest_of(HELD[0])).stdout
    assert diary.call("photos", "restore", digest_of(HELD[1])).returncode == 0
    diary.until_film_of(3)
    days_pass(diary, 30)
    assert (reason(diary, 0), reason(diary, 1), reason(diary, 2)) == (None, None, None)
    assert len(rows(diary)) == 3


def test_by_default_it_stays(tmp_path: Path) -> None:
    """Without the setting a photo may be gone for as long as it likes, and is in the film."""
    with living(tmp_path / "me", config(1.0, film_after=1.0)) as diary:
        for number, data in enumerate(HELD):
            drop(diary.inbox, f"{number}.jpg", data)
        diary.until_film_of(3)
        (diary.inbox / "0.jpg").unlink()
        until_scanned(diary)
        days_pass(diary, 30)
        until_scanned(diary)
        state = diary.until_film_of(3)
        assert state["photos"]["excluded"] == 0 and gone(diary) == {}


def test_an_inbox_that_is_away_is_no_deletion(diary: Diary) -> None:
    """Weeks with an empty folder, and with one that holds nothing but a new photo, leave nothing out."""
    diary.inbox.rename(diary.folder / "aside")
    diary.inbox.mkdir()
    until_scanned(diary)
    days_pass(diary, 30)
    drop(diary.inbox, "new.jpg", photo(9))
    until_in(diary, photo(9))
    until_scanned(diary)
    days_pass(diary, 30)
    assert {str(row.stage) for row, _ in rows(diary).values()} == {"aligned"}
    assert diary.until_film_of(4)["photos"]["excluded"] == 0


Look = dict[bytes, tuple[object, ...]]


def look(inbox: Path) -> Look:
    """Everything about the folder that a stranger's hand would change."""
    found: Look = {}
    for folder, _, names in os.walk(os.fsencode(inbox)):
        for path in (folder, *(os.path.join(folder, name) for name in names)):
            status = os.lstat(path)
            content = Path(os.fsdecode(path)).read_bytes() if os.path.isfile(path) else b""
            found[path] = (status.st_mode, status.st_uid, status.st_ino, status.st_nlink, status.st_size, status.st_mtime_ns, status.st_ctime_ns, content)
    return found


def test_the_inbox_is_only_ever_read(diary: Diary) -> None:
    """A life with photos, rubbish, half files, forgetting, excluding, importing, repairing and a restart changes no name, byte, time, inode or mode in it."""
    (diary.inbox / "sub").mkdir()
    for name, data in (
        ("sub/3.jpg", photo(3)),
        ("cut.jpg", photo(4)[:6000]),
        ("text.jpg", b"text"),
        ("empty.jpg", b""),
        ("x.tmp", photo(5)),
        ("copy.jpg", HELD[0]),
    ):
        (diary.inbox / name).write_bytes(data)
    (diary.inbox / "link.jpg").symlink_to("0.jpg")
    until_in(diary, photo(3))
    before = look(diary.inbox)
    for verb in (
        ("scan", "--once"),
        ("photos", "exclude", "1.jpg"),
        ("photos", "forget", "--yes", "2.jpg"),
        ("import", str(diary.inbox)),
        ("quarantine", "retry"),
        ("render",),
    ):
        assert diary.call(*verb).returncode == 0, verb
    assert diary.stop() == 0
    assert diary.call("doctor", "--fix").returncode in (0, 1)
    assert diary.call("scan", "--once").returncode == 0
    begin(diary)
    until_scanned(diary)
    assert diary.stop() == 0
    assert look(diary.inbox) == before
