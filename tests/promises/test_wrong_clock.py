"""Promise: wrong clock, time zone, DST, `0000:00:00`, future dates.  What a photo, its name and the system's clock say is believed in order of
trust; nothing impossible is, and nothing impossible is a reason to refuse a photo.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.promises.switch import Switch
from tests.support.daemon import QUICK, Diary
from tests.support.dots import eyes_of, picture

SWITCHES = (
    Switch("not believing a date in the future", "test_each_photo_gets_its_date_from_the_most_trusted_source", "diary/calendar.py",
           "if not EARLIEST <= wall <= latest:", "if not EARLIEST <= wall:"),
    Switch("EXIF before the name", "test_each_photo_gets_its_date_from_the_most_trusted_source", "diary/calendar.py",
           '_from_exif(exif.original, exif.offset_original, exif.subsec_original, "exif", latest) or', "None or"),
    Switch("a Pixel's name counts in UTC", "test_each_photo_gets_its_date_from_the_most_trusted_source", "diary/calendar.py",
           '(rf"PXL_{_DATE}{_GAP}{_CLOCK}", _Means.UTC)', '(rf"PXL_{_DATE}{_GAP}{_CLOCK}", _Means.LOCAL)'),
    Switch("believing a file's time only within two days", "test_each_photo_gets_its_date_from_the_most_trusted_source", "diary/calendar.py",
           "LIVE = timedelta(hours=48)", "LIVE = timedelta(hours=480)"),
    Switch("the schedule counts in UTC", "test_the_clocks_change_and_the_schedule_goes_on", "run/schedule.py",
           "BackgroundScheduler(timezone=UTC,", "BackgroundScheduler("),
)  # fmt: skip


@pytest.fixture
def diary(tmp_path: Path) -> Iterator[Diary]:
    diary = Diary(tmp_path / "me")
    yield diary
    diary.close()


def dated(number: int, original: str | None = None, offset: str | None = None, digitized: str | None = None) -> bytes:
    """Photo `number` with these texts in its EXIF."""
    exif = Image.Exif()
    for tag, value in ((0x9003, original), (0x9011, offset), (0x9004, digitized)):
        if value is not None:
            exif.get_ifd(0x8769)[tag] = value
    out = io.BytesIO()
    Image.fromarray(picture(eyes_of(number), seed=number)).save(out, "JPEG", quality=92, exif=exif, subsampling=0)
    return out.getvalue()


def rows_by_name(diary: Diary) -> dict[str, dict[str, Any]]:
    return {row["names"][0]: row for row in diary.photos()}


def test_each_photo_gets_its_date_from_the_most_trusted_source(diary: Diary) -> None:
    """EXIF with its offset, then digitized, then the name by the habits of its maker, then the time of a file that just came; what nobody dates waits."""
    ahead = (datetime.now(UTC) + timedelta(days=400)).strftime("%Y:%m:%d %H:%M:%S")
    wanted = {  # file: (its bytes, date, source)
        "IMG_20200101_000000.jpg": (dated(1, "2024:05:15 14:39:00", "+05:30", "2021:01:01 00:00:00"), "2024-05-15T14:39:00+05:30", "exif"),
        "a.jpg": (dated(2, "0000:00:00 00:00:00", None, "2024:05:16 08:00:00"), "2024-05-16T08:00:00", "digitized"),
        "PXL_20240517_220000000.jpg": (dated(3), "2024-05-18T00:00:00+02:00", "name"),
        "20240519_081500.jpg": (dated(4, ahead), "2024-05-19T08:15:00", "name"),
        "IMG-20240520-WA0003.jpg": (dated(5, "2024:13:45 99:99:99"), "2024-05-20T12:00:00", "name"),
        "20240331_023000.jpg": (dated(6), "2024-03-31T02:30:00", "name"),  # an hour that the clocks in Berlin left out
        "20241027_023000.jpg": (dated(7, "1970:01:01 00:00:00"), "2024-10-27T02:30:00", "name"),  # and one that came twice
        "live.jpg": (dated(8, "2000:01:01 00:00:00"), "", "mtime"),
        "copied.jpg": (dated(9, "not a date"), None, None),
    }
    diary.start()
    diary.until_told("watches")
    diary.until(lambda s: s["last_scan"] is not None, "looked at the inbox")
    for name, (data, _, _) in wanted.items():
        beside = diary.folder / "beside"
        beside.write_bytes(data)
        if name == "copied.jpg":
            os.utime(beside, (time.time() - 5 * 86_400,) * 2)
        beside.rename(diary.inbox / name)
    state = diary.until_film_of(8)
    assert (state["photos"]["total"], state["photos"]["undated"], state["photos"]["quarantined"]) == (9, 1, 0)
    rows = rows_by_name(diary)
    for name, (_, at, source) in wanted.items():
        assert rows[name]["taken_from"] == source, name
        if source == "mtime":
            assert abs(datetime.fromisoformat(rows[name]["taken_at"]).timestamp() - time.time()) < 600
        else:
            assert rows[name]["taken_at"] == at, name
    assert "copied.jpg has no date" in diary.told()
    assert diary.call("photos", "redate", "copied.jpg", "--to", "2024-05-21 07:00").returncode == 0
    state = diary.until_film_of(9)
    assert state["photos"]["undated"] == 0
    rows = rows_by_name(diary)
    assert (rows["copied.jpg"]["taken_at"], rows["copied.jpg"]["taken_from"]) == ("2024-05-21T07:00:00", "person")
    in_film = [row["taken_at"][:19] for row in diary.photos() if row["in_film"]]
    assert in_film == sorted(in_film), "the film is in the order of the clock where each was taken"
    assert diary.stop() == 0


JUMPING = """
    import time
    from pathlib import Path
    real, shift = time.time, Path({shift!r})
    time.time = lambda: real() + (float(shift.read_text() or 0) if shift.exists() else 0.0)
"""


def test_a_clock_that_jumps_neither_loses_nor_doubles_a_photo(diary: Diary) -> None:
    """The system's clock goes back three days, then five days forward, and files carry times of the past and the future: each is in once, and the film too."""
    program, shift = Path(diary.command[1]), diary.folder / "shift"
    program.write_text(program.read_text().replace("    models.resident", JUMPING.format(shift=str(shift)) + "    models.resident"))
    diary.start()
    diary.until_told("watches")
    taken = 0
    for days in (0, -3, 5, 0):
        beside = shift.with_name("shift-new")
        beside.write_text(str(days * 86_400))
        beside.rename(shift)
        for age in (-30, 0, 30):  # written in place, so that each has to settle
            file = diary.inbox / f"{taken}.jpg"
            file.write_bytes(dated(taken, f"2024:06:{taken + 1:02} 08:00:00"))
            os.utime(file, (time.time() + age * 86_400,) * 2)
            taken += 1
        state = diary.until(lambda s: s["photos"]["aligned"] == taken, f"{taken} photos after a jump to {days} days", 60)  # noqa: B023 - called at once
        assert state["photos"]["total"] == taken
    assert diary.call("render").returncode == 0
    assert diary.until_film_of(taken)["photos"]["duplicates"] == 0
    assert "Traceback" not in diary.told() and diary.stop() == 0


def test_the_clocks_change_and_the_schedule_goes_on(tmp_path: Path) -> None:
    """The schedule counts in UTC whatever zone the machine is in, and a time that a person writes is read in the diary's zone."""
    from zoneinfo import ZoneInfo

    from photodiary.diary.hours import next_time

    berlin = ZoneInfo("Europe/Berlin")
    for night in (datetime(2024, 3, 31), datetime(2024, 10, 27)):  # 02:30 is left out, and comes twice
        at, times = night.replace(tzinfo=berlin).timestamp() - 86_400, []
        for _ in range(4):
            at = next_time("02:30", berlin, at)
            times.append(datetime.fromtimestamp(at, berlin))
        assert len({one.date() for one in times}) == 4, "once a day, on each day"
        assert all(one.hour in (1, 2, 3) for one in times)
    diary = Diary(tmp_path / "me", config=QUICK)
    try:
        program = Path(diary.command[1])
        told = diary.folder / "zone"
        program.write_text(program.read_text().replace(
            "    models.resident",
            "    from apscheduler.schedulers.background import BackgroundScheduler as B\n    start = B.start\n"
            f"    B.start = lambda self: (Path({str(told)!r}).write_text(str(self.timezone)), start(self))\n    models.resident",
        ))  # fmt: skip
        diary.environment["TZ"] = "America/Sao_Paulo"
        diary.start()
        diary.until_told("watches")
        assert told.read_text() == "UTC"
        assert diary.stop() == 0
    finally:
        diary.close()
