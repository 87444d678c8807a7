"""When a photo was taken: what EXIF, names and modification times say, whom to trust, and that no text can hurt."""

from __future__ import annotations

import time as clock
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photodiary.diary.calendar import ExifDates, Taken, diary_day, from_name, outranks, when_taken

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
LATEST = datetime(2024, 6, 2, 14)  # NOW and 26 hours, as a wall clock
MOMENT = datetime(2024, 5, 15, 14, 39)
MOMENT_S = 1715776740.0  # the same in Berlin, counted from 1970
HOURS = 3600


def _named(name: str) -> Taken | None:
    return from_name(name, now=NOW, zone=BERLIN)


def _exif(original: str | None, **more: str | None) -> Taken | None:
    return when_taken(ExifDates(original=original, **more), "", now=NOW, zone=BERLIN)


LOCAL_NAMES = """
20240515_143900.jpg
20240515_143900(1).jpg
20240515_143900 (2).JPG
20240515_143900-1.jpg
20240515_143900~2.jpg
20240515_143900_001.jpg
20240515_143900_HDR.jpg
20240515_143900.MP.jpg
20240515_143900-EDIT.jpg
Copy of 20240515_143900.heic
IMG_20240515_143900.jpg
img_20240515_143900.JPEG
IMG20240515143900.jpg
IMG20240515143900_BURST001_COVER.jpg
MVIMG_20240515_143900.jpg
IMG_20240515_143900_123.jpg
IMG_20240515_143900123.jpg
IMG_20240515_143900123_HDR.jpg
IMG_20240515_143900123_BURST000_COVER_TOP.jpg
00000IMG_00000_BURST20240515143900123_COVER.jpg
00100lrPORTRAIT_00100_BURST20240515143900123_COVER.jpg
DSCPDC_0001_BURST20240515143900123.JPG
P_20240515_143900.jpg
P_20240515_143900_vHDR_Auto.jpg
WIN_20240515_14_39_00_Pro.jpg
WP_20240515_14_39_00_Rich.jpg
DJI_20240515143900_0001_D.JPG
C360_2024-05-15-14-39-00-123.jpg
B612_20240515_143900_123.jpg
BeautyPlus_20240515143900123_save.jpg
Facetune_15-05-2024-14-39-00.jpg
Screenshot_2024-05-15-14-39-00
Screenshot_2024-05-15-14-39-00-123_com.android.chrome.png
Screenshot_20240515-143900_Photos.jpg
Screenshot 2024-05-15 at 2.39.00\u202fPM.png
Bildschirmfoto 2024-05-15 um 14.39.00.png
Screenshot from 2024-05-15 14-39-00.png
2024-05-15 14.39.00.jpg
2024-05-15 14.39.00-1.jpg
2024-05-15_14-39-00
2024_05_15_14_39_00.jpg
2024:05:15 14:39:00.jpg
2024-05-15-143900.jpg
20240515T143900
2024-05-15T14:39:00.123.jpg
24-05-15 14-39-00 0001.jpg
Photo on 2024-05-15 at 14.39.jpg
Photo on 2024-05-15 at 2.39 PM #2.jpg
photo_2024-05-15_14-39-00.jpg
photo_2024-05-15_14-39-00 (2).jpg
photo_1@15-05-2024_14-39-00.jpg
signal-2024-05-15-14-39-00-123.jpg
signal-2024-05-15-143900.jpg
viber_image_2024-05-15_14-39-00-123.jpg
threema-20240515-143900123.jpg
KakaoTalk_20240515_143900123.jpg
PHOTO-2024-05-15-14-39-00.jpg
WhatsApp Image 2024-05-15 at 14.39.00.jpeg
WhatsApp Image 2024-05-15 at 14.39.00 (1).jpeg
WhatsApp Image 2024-05-15 at 2.39.00 PM.jpeg
WhatsApp Image 2024-05-15 at 2.39.00 p. m..jpeg
20240515_143900.sync-conflict-20240601-120000-ABCDEFG.jpg
IMG_20240515_143900 (conflicted copy 2024-06-01 120000).jpg
20240515_143900~20240601-120000.jpg
19700101_000000_20240515_143900.jpg
""".strip().splitlines()


@pytest.mark.parametrize("name", LOCAL_NAMES)
def test_a_name_with_a_wall_clock_is_taken_at_its_word(name: str) -> None:
    """A name in the habit of a phone or app gives the wall clock it shows and claims no offset."""
    taken = _named(name)
    assert taken is not None
    assert taken == Taken(taken.wall, None, "name")
    assert taken.wall.replace(microsecond=0) == MOMENT


COUNTED_NAMES = """
PXL_20240515_123900123.jpg
PXL_20240515_123900123.MP.jpg
PXL_20240515_123900123~2.jpg
pxl_20240515_123900123.PORTRAIT-01.COVER.jpg
PXL_20240515_123900123.sync-conflict-20240601-120000-ABCDEFG.jpg
IMG_20240515_123900Z.jpg
20240515T123900Z.jpg
FB_IMG_1715776740123.jpg
1715776740123.jpg
1715776740123(1).jpg
mmexport1715776740123.jpg
wx_camera_1715776740123.jpg
""".strip().splitlines()


@pytest.mark.parametrize("name", COUNTED_NAMES)
def test_a_name_that_counts_in_utc_becomes_wall_clock_of_the_zone(name: str) -> None:
    """Google Pixel's names and milliseconds since 1970 are UTC: the zone gives wall clock and offset."""
    taken = _named(name)
    assert taken is not None and taken.wall.replace(microsecond=0) == MOMENT
    assert (taken.offset, taken.source, taken.day_only) == (timedelta(hours=2), "name", False)


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("IMG-20240515-WA0001.jpg", date(2024, 5, 15)),
        ("IMG-20240515-WA0001 (2).jpg", date(2024, 5, 15)),
        ("Copy of IMG-20240515-WA0001.jpg", date(2024, 5, 15)),
        ("2024-05-15.jpg", date(2024, 5, 15)),
        ("2024-05-15-2.jpg", date(2024, 5, 15)),
        ("me 2024-05-15.jpg", date(2024, 5, 15)),
        ("7-2024-05-15.jpg", date(2024, 5, 15)),
        ("2024.05.15.jpg", date(2024, 5, 15)),
        ("2024_05_15.jpg", date(2024, 5, 15)),
        ("20240515.jpg", date(2024, 5, 15)),
        ("20240515(1).jpg", date(2024, 5, 15)),
        ("selfie_20240515.jpg", date(2024, 5, 15)),
        ("WP_20240515_001.jpg", date(2024, 5, 15)),
        ("20240515_999999.jpg", date(2024, 5, 15)),  # no time, so a counter
        ("2002-12-08.jpg", date(2002, 12, 8)),  # noon stands for the day here, not for a camera that was never set
    ],
)
def test_a_name_that_knows_only_the_day_says_so(name: str, day: date) -> None:
    """WhatsApp and plain dates give noon of the day, marked as knowing no more."""
    assert _named(name) == Taken(datetime.combine(day, time(12)), None, "name", day_only=True)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "selfie.jpg",
        "IMG_2231.jpg",
        "IMG_E2231.HEIC",
        "DSC01234.JPG",
        "DSC_0001.JPG",
        "13_1113_1480_1085_2029.jpg",
        "2024_0515_1439_1085_2029.jpg",
        "2024_05_15_14_39.jpg",  # N_row_col_row_col
        "received_1234567890.jpeg",
        "received_1715776740123.jpeg",
        "20110515_1015012345678901_1234567890123456789_n.jpg",
        "Snapchat-1715776740.jpg",
        "99202405151.jpg",
        "920240515_143900.jpg",
        "0240515_1439001.jpg",
        "IMG_120240515143900.jpg",
        "202405151439001.jpg",
        "2024-13-15.jpg",
        "2024-02-30 14.39.00.jpg",
        "00000000_000000.jpg",
        "19700101_000000.jpg",
        "19800101_000000.jpg",
        "19891231_235959.jpg",
        "20240603_233000.jpg",
        "PXL_20240603_120000000.jpg",
        "PXL_99991231_235959999.jpg",
        "PXL_00010101_000000000.jpg",
        "9999999999999.jpg",
        "2031-05-15.jpg",
        "\u0662\u0660\u0662\u0664\u0660\u0665\u0661\u0665_\u0661\u0664\u0663\u0669\u0660\u0660.jpg",
        "\uff12\uff10\uff12\uff14-\uff10\uff15-\uff11\uff15.jpg",
        "20\x00240515_143900.jpg",
        "IMG_2231.sync-conflict-20240601-120000-ABCDEFG.jpg",
        "IMG_2231 (Nextcloud conflicted copy 2024-06-01 120000).jpg",
        "IMG_2231 (In Konflikt stehende Kopie von Eva 2024-06-01).jpg",
        "IMG_2231_conflict-20240601-120000.jpg",
        "IMG_2231~20240601-120000.jpg",
        "3F2504E0-4F89-11D3-9A0C-0305E82C3301.jpg",
    ],
)
def test_a_name_without_a_date_gives_none(name: str) -> None:
    """Counters, ids, labels, longer digit runs, impossible dates and a copy's own date are not when the photo was taken."""
    assert _named(name) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("20240515_143900123.jpg", datetime(2024, 5, 15, 14, 39, 0, 123000)),
        ("20240515_242833.jpg", datetime(2024, 5, 15, 0, 28, 33)),
        ("WhatsApp Image 2024-05-15 at 12.05.00 AM.jpeg", datetime(2024, 5, 15, 0, 5)),
        ("WhatsApp Image 2024-05-15 at 12.05.00 PM.jpeg", datetime(2024, 5, 15, 12, 5)),
        ("WhatsApp Image 2024-05-15 at 9.05.00 AM.jpeg", datetime(2024, 5, 15, 9, 5)),
        ("PXL_20231231_233000000.jpg", datetime(2024, 1, 1, 0, 30)),
    ],
)
def test_a_name_is_read_to_the_last_detail(name: str, expected: datetime) -> None:
    """Milliseconds order a burst, twelve-hour clocks turn at noon, and UTC may be another year."""
    taken = _named(name)
    assert taken is not None and taken.wall == expected


@pytest.mark.parametrize(
    "value",
    [
        "2024:05:15 14:39:00",
        "2024-05-15 14:39:00",
        "2024:05:15T14:39:00",
        "2024/05/15 14:39",
        "2024.05.15 14.39.00",
        "2024: 5:15 14:39: 0",
        "2024:05:15 14:39:00\x00",
        "2024:05:15 14:39:00\x00garbage",
        "  2024:05:15 14:39:00   ",
        "2024:05:15  14:39:00",
        "2024:05:15 14:39:00 DST",
    ],
)
def test_exif_dates_are_read_in_every_spelling_seen(value: str) -> None:
    """The separators, padding and endings that cameras write all give the same wall clock, without an offset."""
    assert _exif(value) == Taken(MOMENT, None, "exif")


def test_hour_24_is_the_first_hour_of_the_same_date() -> None:
    """Androids that counted the hours 1-24 wrote 24:28 at 00:28 of the date they gave."""
    assert _exif("2016:02:02 24:28:33") == Taken(datetime(2016, 2, 2, 0, 28, 33), None, "exif")
    assert _exif("2016:02:02 24:00:00") == Taken(datetime(2016, 2, 2), None, "exif")
    assert _exif("2016:02:02 25:00:00") is None


@pytest.mark.parametrize(
    ("offset", "minutes"),
    [
        ("+02:00", 120),
        ("+0200", 120),
        ("+02", 120),
        ("-03:30", -210),
        ("+05:45", 345),
        ("+14:00", 840),
        ("-14:00", -840),
        ("Z", 0),
        ("+00:00", 0),
        (" +02:00\x00", 120),
        ("+14:01", None),
        ("-15:00", None),
        ("+02:60", None),
        ("   :  ", None),
        ("", None),
        ("\x00", None),
        ("02:00", None),
        ("+\u0660\u0662:\u0660\u0660", None),
        ("+02:00" * 99, None),
    ],
)
def test_an_offset_is_taken_when_it_is_one(offset: str, minutes: int | None) -> None:
    """An offset up to 14 hours either way is kept; another is unknown and does not spoil the date."""
    taken = _exif("2024:05:15 14:39:00", offset_original=offset)
    assert taken == Taken(MOMENT, None if minutes is None else timedelta(minutes=minutes), "exif")


@pytest.mark.parametrize(
    ("value", "offset", "hours"),
    [
        ("2024:05:15 14:39:00+02:00", None, 2),
        ("2024-05-15T14:39:00.123Z", None, 0),
        ("2024:05:15 14:39:00-0700", None, -7),
        ("2024:05:15 14:39:00+02:00", "+03:00", 3),
        ("2024:05:15 14:39:00+02:00", "+99:00", 2),
        ("2024:05:15 14:39:00+99:00", None, None),
    ],
)
def test_an_offset_glued_to_the_date_counts_when_its_own_field_does_not(value: str, offset: str | None, hours: int | None) -> None:
    """The offset's own field wins over one glued to the date, and either must be sane."""
    taken = _exif(value, offset_original=offset)
    assert taken is not None and taken.offset == (None if hours is None else timedelta(hours=hours))


@pytest.mark.parametrize(("subsec", "micros"), [("123", 123000), ("5", 500000), ("123456789", 123456), (" ", 0), ("x", 0), (None, 0)])
def test_subseconds_order_a_burst(subsec: str | None, micros: int) -> None:
    """SubSecTimeOriginal is the fraction of the second, and nothing else when it is garbage."""
    assert _exif("2024:05:15 14:39:00", subsec_original=subsec) == Taken(MOMENT.replace(microsecond=micros), None, "exif")


IMPOSSIBLE = [
    None,
    "",
    "                   ",
    "    :  :     :  :  ",
    "0000:00:00 00:00:00",
    "0024:05:15 14:39:00",
    "2024:13:15 14:39:00",
    "2024:02:30 14:39:00",
    "2024:05:15 14:60:00",
    "2024:05:15 14:39:99",
    "2024:05:15 14:39:001",
    "1970:01:01 00:00:00",
    "1980:01:01 00:00:00",
    "1989:12:31 23:59:59",
    "2000:01:01 00:00:00",
    "2002:12:08 12:00:00",
    "2024:06:02 14:00:01",
    "9999:12:31 23:59:59",
    "\x00\x00\x00\x00",
    "\ud800\udfff",
    "\uff12\uff10\uff12\uff14:05:15 14:39:00",
    "2024:05:15",
    "9" * 100_000,
    "2024:05:15 " + " " * 100_000,
]


@pytest.mark.parametrize("value", IMPOSSIBLE)
def test_an_impossible_date_is_passed_over_for_the_next_source(value: str | None) -> None:
    """A date that cannot be is never an error: the next source in order speaks."""
    name, second = "20240514_100000.jpg", datetime(2024, 5, 14, 10)
    exif = ExifDates(original=value, digitized="2024:05:13 09:00:00", offset_digitized="+01:00")
    digitized = Taken(datetime(2024, 5, 13, 9), timedelta(hours=1), "digitized")
    assert when_taken(exif, name, now=NOW, zone=BERLIN) == digitized
    assert when_taken(ExifDates(original=value, digitized=value), name, now=NOW, zone=BERLIN) == Taken(second, None, "name")
    assert when_taken(ExifDates(original=value, digitized=value), "IMG_2231.jpg", now=NOW, zone=BERLIN) is None


def test_the_order_of_trust() -> None:
    """EXIF original, then digitized, then the name, then the modification time; a source that speaks silences those after it."""
    exif = ExifDates("2024:05:12 08:00:00", "+02:00", None, "2024:05:13 09:00:00", "+02:00")
    name, mtime = "20240514_100000.jpg", MOMENT_S

    def source(exif: ExifDates, name: str) -> str:
        taken = when_taken(exif, name, now=NOW, zone=BERLIN, mtime=mtime, arrived_live_at=mtime + 60)
        return taken.source if taken else "undated"

    assert source(exif, name) == "exif"
    assert source(ExifDates(digitized=exif.digitized), name) == "digitized"
    assert source(ExifDates(), name) == "name"
    assert source(ExifDates(), "selfie.jpg") == "mtime"
    assert source(ExifDates(offset_original="+02:00", make="Google"), "selfie.jpg") == "mtime"


@pytest.mark.parametrize(
    ("mtime", "arrived", "believed"),
    [
        (MOMENT_S, MOMENT_S, True),
        (MOMENT_S, MOMENT_S + 48 * HOURS, True),
        (MOMENT_S, MOMENT_S + 48 * HOURS + 1, False),
        (MOMENT_S, MOMENT_S - 48 * HOURS, True),
        (MOMENT_S, MOMENT_S - 48 * HOURS - 1, False),
        (MOMENT_S, None, False),
        (None, MOMENT_S, False),
        (0.0, 1.0, False),
        (1e11, 1e11, False),
        (1e300, 1e300, False),
        (-1e300, -1e300, False),
        (float("inf"), float("inf"), False),
        (float("nan"), MOMENT_S, False),
        (MOMENT_S, float("nan"), False),
    ],
)
def test_a_modification_time_counts_only_for_a_photo_that_arrived_live(mtime: float | None, arrived: float | None, believed: bool) -> None:
    """Within 48 hours of a live arrival, on either side, the modification time is the camera's; otherwise it says nothing."""
    taken = when_taken(ExifDates(), "selfie.jpg", now=NOW, zone=BERLIN, mtime=mtime, arrived_live_at=arrived)
    assert taken == (Taken(MOMENT, timedelta(hours=2), "mtime") if believed else None)


def test_the_limits_of_belief() -> None:
    """From the first second of 1990 to 26 hours after now, to the second; now may be told in any zone."""
    assert _exif("1990:01:01 00:00:00") is not None
    for now in (NOW, NOW.astimezone(ZoneInfo("Pacific/Auckland")), datetime(2024, 6, 1, 14)):  # a naive one is Berlin's
        for value, believed in (("2024:06:02 14:00:00", True), ("2024:06:02 14:00:01", False)):
            assert (when_taken(ExifDates(original=value), "", now=now, zone=BERLIN) is not None) is believed
    assert _exif("2024:06:02 14:00:00", subsec_original="5") is None
    kiritimati = "2024:06:02 02:00:00"  # noon in UTC, seen on the clocks farthest ahead
    assert _exif(kiritimati, offset_original="+14:00") is not None


@pytest.mark.parametrize(
    ("wall", "offset", "utc"),
    [
        (datetime(2024, 5, 15, 14, 39), None, datetime(2024, 5, 15, 12, 39)),
        (datetime(2024, 5, 15, 14, 39), timedelta(hours=9), datetime(2024, 5, 15, 5, 39)),
        (datetime(2024, 3, 31, 1, 59, 59), None, datetime(2024, 3, 31, 0, 59, 59)),
        (datetime(2024, 3, 31, 2, 30), None, datetime(2024, 3, 31, 1, 30)),  # skipped: 03:30 summer time
        (datetime(2024, 3, 31, 3, 30), None, datetime(2024, 3, 31, 1, 30)),
        (datetime(2024, 10, 27, 2, 30), None, datetime(2024, 10, 27, 0, 30)),  # twice: the first
        (datetime(2024, 10, 27, 2, 30, fold=1), None, datetime(2024, 10, 27, 0, 30)),
        (datetime(2024, 10, 27, 2, 30), timedelta(hours=1), datetime(2024, 10, 27, 1, 30)),  # the offset knows better
    ],
)
def test_utc_through_the_changes_of_the_clock(wall: datetime, offset: timedelta | None, utc: datetime) -> None:
    """With an offset UTC is exact; without, a skipped hour moves forward and a repeated one is its first pass."""
    moment = Taken(wall, offset, "exif").utc(BERLIN)
    assert moment == utc.replace(tzinfo=UTC) and moment.utcoffset() == timedelta()


def test_pixel_names_keep_the_two_passes_of_a_repeated_hour_apart() -> None:
    """A UTC name in the hour that comes twice gives the same wall clock with another offset, and the way back is exact."""
    first, second = _named("PXL_20231029_003000000.jpg"), _named("PXL_20231029_013000000.jpg")
    assert first is not None and second is not None
    assert first.wall == second.wall == datetime(2023, 10, 29, 2, 30)
    assert second.utc(BERLIN) - first.utc(BERLIN) == timedelta(hours=1)


@pytest.mark.parametrize(
    ("taken", "text"),
    [
        (Taken(MOMENT, timedelta(hours=2), "exif"), "2024-05-15T14:39:00+02:00"),
        (Taken(MOMENT, -timedelta(hours=3, minutes=30), "exif"), "2024-05-15T14:39:00-03:30"),
        (Taken(MOMENT, timedelta(), "exif"), "2024-05-15T14:39:00+00:00"),
        (Taken(MOMENT.replace(microsecond=999999), None, "exif"), "2024-05-15T14:39:00"),
    ],
)
def test_isoformat(taken: Taken, text: str) -> None:
    """To the second, with the offset only where it is known."""
    assert taken.isoformat() == text


@pytest.mark.parametrize(
    ("wall", "starts", "day"),
    [
        (datetime(2024, 5, 15, 3, 59, 59, 999999), time(4), date(2024, 5, 14)),
        (datetime(2024, 5, 15, 4), time(4), date(2024, 5, 15)),
        (datetime(2024, 5, 15, 23, 59), time(4), date(2024, 5, 15)),
        (datetime(2024, 3, 1, 0, 0), time(4), date(2024, 2, 29)),
        (datetime(2024, 5, 15, 0, 0), time(0), date(2024, 5, 15)),
        (datetime(2024, 5, 15, 5, 29), time(5, 30), date(2024, 5, 14)),
    ],
)
def test_the_day_starts_when_the_person_says(wall: datetime, starts: time, day: date) -> None:
    """Before `day_starts` it is still the day before."""
    assert diary_day(wall, starts) == day
    assert starts != time(4) or diary_day(wall) == day


def _believable(taken: Taken | None) -> bool:
    return taken is None or (
        datetime(1990, 1, 1) <= taken.wall <= LATEST
        and taken.wall.tzinfo is None
        and taken.source in ("exif", "digitized", "name", "mtime")
        and (not taken.day_only or taken.wall.time() == time(12))
        and taken.utc(BERLIN).utcoffset() == timedelta()
        and datetime.fromisoformat(taken.isoformat()).replace(tzinfo=None) == taken.wall.replace(microsecond=0)
    )


HOSTILE = st.text(st.characters(exclude_categories=())) | st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape"))
NEARLY = st.text(st.sampled_from("0123456789" * 3 + ":-_./ TZ+PXLIMGWApm@~()\x00\u0663\ud800"), max_size=40)
SHAPED = st.builds(  # dates and times, about half of them possible
    "{}{:04}{dash}{:02}{dash}{:02}{}{:02}{colon}{:02}{colon}{:02}{}".format,
    st.sampled_from(["", "", "PXL_", "IMG_", "Photo ", "7"]),
    st.integers(1985, 2025) | st.sampled_from([0, 1, 2024, 9999]),
    st.integers(0, 13),
    st.integers(0, 32),
    st.sampled_from([" ", "_", "T", "-", "", " at "]),
    st.integers(0, 25),
    st.integers(0, 60),
    st.integers(0, 60),
    st.sampled_from(["", "", "123", ".jpg", " PM", "Z", "+02:00", "\x00"]),
    dash=st.sampled_from(["", "-", ":", "_"]),
    colon=st.sampled_from(["", "-", ":", "."]),
)
TEXT = SHAPED | NEARLY | HOSTILE


@settings(max_examples=500, deadline=None)
@given(st.none() | TEXT, st.none() | TEXT, st.none() | TEXT, TEXT, st.none() | st.floats(), st.none() | st.floats())
def test_no_text_and_no_number_can_hurt(
    original: str | None, offset: str | None, digitized: str | None, name: str, mtime: float | None, arrived: float | None
) -> None:
    """Whatever stands in EXIF, name and modification time, nothing raises and only a believable moment comes out."""
    exif = ExifDates(original, offset, offset, digitized, offset, name)
    assert _believable(when_taken(exif, name, now=NOW, zone=BERLIN, mtime=mtime, arrived_live_at=arrived))
    assert _believable(_named(name))


@settings(max_examples=100, deadline=None)
@given(
    st.datetimes(datetime(1990, 1, 2), datetime(2024, 5, 31)),
    st.sampled_from(["UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia"]),
)
def test_a_pixel_name_tells_utc_exactly_in_every_zone(moment: datetime, zone: str) -> None:
    """Whatever the zone, the UTC in the name comes back from wall clock and offset."""
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    taken = from_name(f"PXL_{moment:%Y%m%d_%H%M%S}{moment.microsecond // 1000:03}.jpg", now=NOW, zone=ZoneInfo(zone))
    assert taken is not None and taken.utc(BERLIN) == moment.replace(tzinfo=UTC)


@pytest.mark.parametrize("piece", ["2", "20240515", "2024-05-15 ", "20240515_143900", "(", "(conflict", "a_", " ", "\ud800", "99_999999999_"])
def test_an_enormous_text_costs_no_time(piece: str) -> None:
    """A text of a million characters is looked at only at its beginning, and no pattern runs away on it."""
    text = piece * (1_000_000 // len(piece))
    begun = clock.process_time()
    when_taken(ExifDates(text, text, text, text, text, text), text, now=NOW, zone=BERLIN)
    assert clock.process_time() - begun < 0.5


TOLD = Taken(datetime(2023, 3, 2, 10), None, "takeout")


@pytest.mark.parametrize(
    ("told", "camera", "name", "expected"),
    [
        (TOLD, None, "20200101_101010.jpg", TOLD),  # before the file's name
        (TOLD, None, "x.jpg", TOLD),
        (TOLD, "2023:03:03 12:00:00", "x.jpg", "exif"),  # 26 hours: two clocks of this earth
        (TOLD, "2023:03:03 12:00:01", "x.jpg", TOLD),  # a person corrected it there
        (TOLD, "2023:03:01 07:59:59", "x.jpg", TOLD),
        (Taken(datetime(2024, 6, 3), None, "takeout"), None, "20200101_101010.jpg", "name"),  # in the future: not believed
        (Taken(datetime(1970, 1, 1), None, "immich"), "2023:03:03 12:00:00", "x.jpg", "exif"),
        (Taken(datetime(1950, 1, 1), None, "person"), "2023:03:03 12:00:00", "x.jpg", Taken(datetime(1950, 1, 1), None, "person")),  # a person is always right
        (Taken(datetime(2020, 1, 1), None, "mtime"), "2023:03:03 12:00:00", "x.jpg", "exif"),
    ],
)
def test_what_is_told_where_a_photo_comes_from(told: Taken, camera: str | None, name: str, expected: Taken | str) -> None:
    """An export's date goes before the file's name, and before the camera when the clocks are farther apart than any two on earth."""
    taken = when_taken(ExifDates(original=camera), name, now=NOW, zone=BERLIN, told=told)
    assert taken is not None
    assert (taken.source if isinstance(expected, str) else taken) == expected


SOURCES = st.sampled_from(["exif", "digitized", "takeout", "immich", "name", "mtime", "person"])
TAKEN = st.builds(Taken, st.datetimes(datetime(2000, 1, 1), datetime(2024, 1, 1)), st.none(), SOURCES)


@given(TAKEN, TAKEN)
def test_no_two_dates_go_before_one_another(a: Taken, b: Taken) -> None:
    """Whichever of two sources comes first, the same date counts, but for one that corrects itself; a person goes before all, and nothing before a person."""
    if a.source != b.source:
        assert not (outranks(a, b) and outranks(b, a))
    assert not outranks(a, Taken(b.wall, None, "person")) and outranks(a, None)
    assert outranks(Taken(a.wall, None, "person"), b) == (b.source != "person")
