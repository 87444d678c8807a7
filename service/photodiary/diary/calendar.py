"""When a photo was taken: EXIF, file name, modification time, in order of trust.

A photo belongs to the wall-clock time where it was taken, so that is what is kept; the UTC offset stands beside it and may be unknown.
Everything is told, the time too, and no text, however strange, raises: what cannot be read or believed is passed over for the next source.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from enum import Enum, auto

EARLIEST = datetime(1990, 1, 1)  # before it there were no digital selfies, and cameras without a clock begin in 1970 or 1980
AHEAD = timedelta(hours=26)  # the farthest time zone is 14 hours ahead of UTC; the rest forgives a clock that is hours wrong
LARGEST_OFFSET = timedelta(hours=14)
LIVE = timedelta(hours=48)  # a modification time this close to the arrival is the camera's; an older one may be that of any copy
CAMERA, EXPORTS, PERSON = ("exif", "digitized"), ("takeout", "immich"), "person"  # sources
RESET_CLOCKS = {datetime(2000, 1, 1), datetime(2002, 12, 8, 12)}  # written by cameras, and early Androids, that were never told the time
LONGEST_NAME, LONGEST_VALUE = 255, 64  # more characters than any file name or EXIF date has; the rest is not looked at


@dataclass(frozen=True)
class ExifDates:
    """The date strings just as they stand in a photo's EXIF, None where missing."""

    original: str | None = None  # DateTimeOriginal "2024:05:15 14:39:00"
    offset_original: str | None = None  # OffsetTimeOriginal "+02:00"
    subsec_original: str | None = None
    digitized: str | None = None  # DateTimeDigitized
    offset_digitized: str | None = None
    make: str | None = None  # camera make; no rule needs it so far


@dataclass(frozen=True)
class Taken:
    """The moment a photo was taken, and which source said so."""

    wall: datetime  # naive: the wall clock where the photo was taken
    offset: timedelta | None  # UTC offset, None when unknown
    source: str  # "exif" | "digitized" | "takeout" | "immich" | "name" | "mtime" | "person"
    day_only: bool = False  # the source knows only the day: wall is 12:00:00 of it

    def utc(self, zone: tzinfo) -> datetime:
        """The aware UTC moment; without an offset the wall clock is read in `zone`: the first of two readings, a skipped one moved on."""
        if self.offset is None:
            return self.wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
        return (self.wall - self.offset).replace(tzinfo=UTC)

    def isoformat(self) -> str:
        """ISO 8601 to the second, with the offset where it is known: `2024-05-15T14:39:00+02:00`."""
        known = self.wall if self.offset is None else self.wall.replace(tzinfo=timezone(self.offset))
        return known.isoformat(timespec="seconds")


def when_taken(
    exif: ExifDates, name: str, *, now: datetime, zone: tzinfo, mtime: float | None = None, arrived_live_at: float | None = None, told: Taken | None = None
) -> Taken | None:  # fmt: skip
    """What the most trusted source with a believable date says, or None: the photo is undated.

    `name` is the file's own name without folders; `now` is aware (a naive one is read in `zone`); `mtime` and `arrived_live_at` are
    seconds since 1970; `told` is what was said about the photo where it comes from.  `zone` is where the diary lives: it gives meaning
    to sources that count in UTC, never to an EXIF wall clock.
    """
    latest = _latest(now, zone)
    camera = _from_exif(exif.original, exif.offset_original, exif.subsec_original, "exif", latest) or _from_exif(
        exif.digitized, exif.offset_digitized, None, "digitized", latest
    )
    told = believed(told, now=now, zone=zone)
    if told is not None and outranks(told, camera):
        return told
    return camera or told or from_name(name, now=now, zone=zone) or _from_mtime(mtime, arrived_live_at, zone, latest)


def believed(told: Taken | None, *, now: datetime, zone: tzinfo) -> Taken | None:
    """What was said where a photo comes from, unless nobody can have taken it then; a person is believed."""
    return told if told is None or told.source == PERSON or EARLIEST <= told.wall <= _latest(now, zone) else None


def outranks(told: Taken, known: Taken | None) -> bool:
    """Whether what was said where a photo comes from goes before the date it has.

    A person's word goes before all.  What an export or another photo server says goes before a file's name and time, and before the
    camera only when the two clocks are farther apart than any two on earth (26 hours): a person corrected it there, and neither Google
    nor Immich writes corrections into the file; anything less may be a time zone, of which the camera's clock knows more.
    """
    if known is None:
        return True
    if known.source == PERSON:
        return False
    if told.source == known.source:
        return told != known and told.source in EXPORTS  # corrected there since
    if told.source in EXPORTS:
        return known.source not in EXPORTS and (known.source not in CAMERA or abs(told.wall - known.wall) > AHEAD)
    return told.source == PERSON


def diary_day(wall: datetime, day_starts: time = time(4)) -> date:
    """The day of the diary: before `day_starts` it is still the day before."""
    return wall.date() - timedelta(days=wall.time() < day_starts)


# Some writers pad with blanks ("2024: 5: 1"), leave the seconds out or glue the offset on.
_EXIF = re.compile(
    r"(?P<year>[0-9]{4})[:/.-] ?(?P<month>[0-9]{1,2})[:/.-] ?(?P<day>[0-9]{1,2})[ T]{1,3}"
    r"(?P<hour>[0-9]{1,2})[:.] ?(?P<minute>[0-9]{1,2})(?:[:.] ?(?P<second>[0-9]{1,2})(?:[.,](?P<fraction>[0-9]+))?)?(?![:.]?[0-9])"
    r" ?(?P<offset>Z|[+-][0-9]{1,2}:?[0-9]{0,2})?"
)
_OFFSET = re.compile(r"(?P<utc>Z|UTC)|(?P<sign>[+-])(?P<hours>[0-9]{1,2})(?::?(?P<minutes>[0-9]{2}))?", re.IGNORECASE)


def _from_exif(value: str | None, offset: str | None, subsec: str | None, source: str, latest: datetime) -> Taken | None:
    found = _EXIF.match(_clean(value))
    wall = _wall(found) if found else None
    if found is None or wall is None or wall in RESET_CLOCKS:
        return None
    if fraction := re.match(r"[0-9]{1,6}", _clean(subsec)):
        wall = wall.replace(microsecond=int(fraction[0].ljust(6, "0")))
    if not EARLIEST <= wall <= latest:
        return None
    told, glued = _offset(offset), _offset(found["offset"])
    return Taken(wall, glued if told is None else told, source)


def _offset(value: str | None) -> timedelta | None:
    found = _OFFSET.fullmatch(_clean(value))
    if found is None:
        return None
    if found["utc"]:
        return timedelta()
    offset = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"] or 0))
    if int(found["minutes"] or 0) > 59 or offset > LARGEST_OFFSET:
        return None
    return -offset if found["sign"] == "-" else offset


def _clean(value: str | None) -> str:
    return (value or "")[:LONGEST_VALUE].partition("\0")[0].strip()  # an EXIF string ends at its first NUL


class _Means(Enum):
    LOCAL = auto()
    UTC = auto()
    EPOCH = auto()  # milliseconds since 1970
    DAY = auto()
    NO_DATE = auto()


# Dates of a copy, not of the photo: Syncthing's and Nextcloud's conflicts, "(X's conflicted copy ...)", Syncthing's old versions.
_OF_A_COPY = re.compile(
    r"[._-](?:sync-)?conflict-[0-9]{8}-[0-9]{6}(?![0-9])|\([^()]{0,80}[ck]onfli[ck]t[^()]{0,80}\)|~[0-9]{8}-[0-9]{6}(?![0-9])",
    re.IGNORECASE,
)
_Y, _M, _D = r"(?P<year>[0-9]{4})", r"(?P<month>[0-9]{2})", r"(?P<day>[0-9]{2})"
_DATE = rf"(?<![0-9]){_Y}(?P<dash>[-_.:]?){_M}(?P=dash){_D}"
_GAP = r"(?:,?[ _T-]{1,3}|[ _][^\W0-9_]{1,5}[ _]|(?=[0-9]{6}))"  # " at ", " um "; nothing only between digits that run on
_HOUR, _MINUTE = r"(?P<hour>[0-9]{2}|[0-9](?=[.:]))", r"(?P<minute>[0-9]{2})"
_CLOCK = rf"{_HOUR}(?P<colon>[-_.: ]?){_MINUTE}(?P=colon)(?P<second>[0-9]{{2}})(?:[-_.]?(?P<fraction>[0-9]{{3}}))?(?![0-9])"
_HALF = r"(?:[\s_]?(?P<half>[ap])\.?\s?m(?![^\W_]))?"  # newer macOS and WhatsApp put U+202F before it

# The first row that matches with a real date decides, so that a name is never read a second, looser way.  [0-9]: \d also takes non-ASCII.
_NAMES = tuple(
    (re.compile(pattern, re.IGNORECASE), means)
    for pattern, means in (
        # Ids of Facebook, Snapchat and Instagram.
        (r"^received_[0-9]|^Snapchat-[0-9]|^[0-9]+_[0-9]{9,}_[0-9]+_[a-z](?![^\W_])", _Means.NO_DATE),
        (rf"PXL_{_DATE}{_GAP}{_CLOCK}", _Means.UTC),  # Google Pixel
        (rf"{_DATE}{_GAP}{_CLOCK}Z(?![^\W_])", _Means.UTC),  # Open Camera when set to "zulu"
        # Samsung, IMG_, IMG, MVIMG_, P_, WIN_, BURST, DJI_, Screenshot, Dropbox, Telegram, Signal, WhatsApp on computers, and many more
        (rf"{_DATE}{_GAP}{_CLOCK}{_HALF}", _Means.LOCAL),
        (rf"(?:@|Facetune_){_D}-{_M}-{_Y}[-_]{_CLOCK}", _Means.LOCAL),  # Telegram's export "photo_1@15-05-2024_14-39-00", Facetune
        (rf"^(?P<year>[0-9]{{2}})-{_M}-{_D} {_CLOCK} [0-9]{{4}}(?![0-9])", _Means.LOCAL),  # Nextcloud for iOS "24-05-15 14-39-00 0001"
        (rf"{_DATE}[ _]at[ _]{_HOUR}[.:]{_MINUTE}(?![.:]?[0-9]){_HALF}", _Means.LOCAL),  # Photo Booth "Photo on 2024-05-15 at 14.39"
        (r"^(?:FB_IMG_|IMG_|image_|photo_|mmexport|wx_camera_)?(?P<epoch>[1-9][0-9]{12})(?![0-9])", _Means.EPOCH),  # Facebook, LINE, WeChat
        (rf"(?<![0-9]){_Y}{_M}{_D}-WA[0-9]", _Means.DAY),  # WhatsApp on phones
        (rf"(?<![0-9]){_Y}-{_M}-{_D}(?![0-9])", _Means.DAY),
        (rf"^{_Y}(?P<dash>[._]){_M}(?P=dash){_D}(?![0-9])(?!(?P=dash)[0-9])", _Means.DAY),
        (rf"^(?:[^\W0-9_]{{1,20}}[ _-])?{_Y}{_M}{_D}(?![^\W_])", _Means.DAY),  # "20240515", Windows Phone's "WP_20240515_001"
    )
)


def from_name(name: str, *, now: datetime, zone: tzinfo) -> Taken | None:
    """What the file's own name says, by the habits of common phones and apps; None when it holds no believable date."""
    latest = _latest(now, zone)
    name = _OF_A_COPY.sub(".", name[:LONGEST_NAME])
    for pattern, means in _NAMES:
        matches = list(pattern.finditer(name))
        if matches and means is _Means.NO_DATE:
            return None
        if read := [taken for match in matches if (taken := _read(match, means, zone)) is not None]:
            return next((taken for taken in read if EARLIEST <= taken.wall <= latest), None)
    return None


def _read(match: re.Match[str], means: _Means, zone: tzinfo) -> Taken | None:
    if means is _Means.EPOCH:
        return _counted(int(match["epoch"]) / 1000, zone, "name")
    wall = _wall(match)
    if wall is None:
        return None
    if means is _Means.UTC:
        return _in_zone(wall.replace(tzinfo=UTC), zone, "name")
    if means is _Means.DAY:
        return Taken(wall.replace(hour=12), None, "name", day_only=True)
    return Taken(wall, None, "name")


def _from_mtime(mtime: float | None, arrived_live_at: float | None, zone: tzinfo, latest: datetime) -> Taken | None:
    if mtime is None or arrived_live_at is None or not abs(arrived_live_at - mtime) <= LIVE.total_seconds():
        return None
    taken = _counted(mtime, zone, "mtime")
    return taken if taken and EARLIEST <= taken.wall <= latest else None


def counted(seconds: int, zone: tzinfo, source: str) -> Taken | None:
    """The wall clock of `zone` so many seconds after 1970, of a photo taken nobody knows where; None beyond the years that there are."""
    found = _counted(seconds, zone, source)
    return None if found is None else Taken(found.wall, None, source)


def _counted(seconds: float, zone: tzinfo, source: str) -> Taken | None:
    try:
        return _in_zone(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds), zone, source)
    except OverflowError:
        return None


def _in_zone(moment: datetime, zone: tzinfo, source: str) -> Taken | None:
    try:
        there = moment.astimezone(zone)
    except OverflowError:  # the first and last day a datetime can hold
        return None
    return Taken(there.replace(tzinfo=None, fold=0), there.utcoffset(), source)


def _wall(match: re.Match[str]) -> datetime | None:
    """The wall clock a match spells out, or None where there is no such date or time."""
    part = match.groupdict()
    year, month, day, hour, minute, second = (int(part.get(key) or 0) for key in ("year", "month", "day", "hour", "minute", "second"))
    if (half := part.get("half")) and hour <= 12:
        hour = hour % 12 + (12 if half in "pP" else 0)
    if hour == 24:  # Androids before 6 counted the hours 1-24 but had the date right: 24:28 is 00:28 of the same date (Piwigo issue 1017)
        hour = 0
    micros = int((part.get("fraction") or "")[:6].ljust(6, "0"))
    try:
        return datetime(year + 2000 if len(part["year"] or "") == 2 else year, month, day, hour, minute, second, micros)
    except ValueError:
        return None


def _latest(now: datetime, zone: tzinfo) -> datetime:
    return (now if now.tzinfo else now.replace(tzinfo=zone)).astimezone(UTC).replace(tzinfo=None) + AHEAD
