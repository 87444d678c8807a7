"""Every address of the page, in one table.  Names and digests come from configuration and ledger, so they need no quoting."""

from __future__ import annotations

from datetime import date

HOME = "/"
ENTER = "/enter"
LEARNING = "/learning"
REPORT = "/learning/report/"
PROGRESS = "/progress.json"


def days(diary: str, year: int | None = None) -> str:
    return f"/diary/{diary}" + (f"/{year}" if year is not None else "")


def day(diary: str, when: date | str) -> str:
    return f"/diary/{diary}/day/{when}"


def film(diary: str, name: str = "") -> str:
    """name: of a further film, as its file is called without .mp4."""
    return f"/diary/{diary}/film" + _asking(name=name)


def film_file(diary: str, version: str = "", name: str = "") -> str:
    return f"/diary/{diary}/film.mp4" + _asking(name=name, v=version)


def film_index(diary: str, name: str = "") -> str:
    return f"/diary/{diary}/film.json" + _asking(name=name)


def share(diary: str, name: str = "") -> str:
    """Have a small copy of a film made."""
    return f"/diary/{diary}/share" + _asking(name=name)


def shared(diary: str) -> str:
    """The small copy."""
    return f"/diary/{diary}/share.mp4"


def _asking(**values: str) -> str:
    told = "&".join(f"{key}={value}" for key, value in values.items() if value)
    return f"?{told}" if told else ""


def add(diary: str) -> str:
    return f"/diary/{diary}/add"


def unread(diary: str) -> str:
    """What could not be read, and what has no date."""
    return f"/diary/{diary}/unread"


def upload(diary: str) -> str:
    """For phones that send by themselves, with a token."""
    return f"/upload/{diary}"


def thumb(diary: str, sha256: str, version: int | str | None = None) -> str:
    """The frame, small; the photo where it has none.  version: anything that changes with the picture, such as its sighting's number."""
    return f"/diary/{diary}/thumb/{sha256}" + (f"?v={version}" if version is not None else "")


def frame(diary: str, sha256: str, version: int | str | None = None) -> str:
    """The frame as the film shows it."""
    return f"/diary/{diary}/frame/{sha256}" + (f"?v={version}" if version is not None else "")


def photo(diary: str, sha256: str) -> str:
    """A photo's own page."""
    return f"/diary/{diary}/photo/{sha256}"


def check(diary: str) -> str:
    """The queue of photos to check."""
    return f"/diary/{diary}/check"


def timeline(diary: str) -> str:
    return f"/diary/{diary}/timeline"


def ten(diary: str) -> str:
    """Ten photos, one minute."""
    return f"/diary/{diary}/ten"


# -- cards: one photo and what a person may say about it


def say(diary: str, sha256: str) -> str:
    """Where a form about a photo goes."""
    return f"/diary/{diary}/photo/{sha256}/say"


def card(diary: str, sha256: str) -> str:
    """A photo's card for scripts."""
    return f"/diary/{diary}/photo/{sha256}/card"


def state(diary: str, sha256: str) -> str:
    """Whether what was said about a photo has been acted on."""
    return f"/diary/{diary}/photo/{sha256}/state"


def photo_form(diary: str, sha256: str, what: str) -> str:
    """what: date, round, period, pick, move, forget or retry."""
    return f"/diary/{diary}/photo/{sha256}/{what}"


def undo(diary: str) -> str:
    return f"/diary/{diary}/undo"


def check_cards(diary: str) -> str:
    """The next cards of the queue for scripts."""
    return f"/diary/{diary}/check/cards"


def check_all(diary: str) -> str:
    """Where a decision about all photos that are asked about for one reason goes."""
    return f"/diary/{diary}/check/all"


def ten_cards(diary: str) -> str:
    return f"/diary/{diary}/ten/cards"


def whole(diary: str, sha256: str) -> str:
    """The whole photo, upright, to place eyes on; a photo never changes."""
    return f"/diary/{diary}/picture/{sha256}/whole?v=1"


def close(diary: str, sha256: str) -> str:
    """A square part of a photo; scripts add x, y (its first pixel) and side, in pixels of the upright photo."""
    return f"/diary/{diary}/picture/{sha256}/close?v=1"


def aligned(diary: str, sha256: str, canvas: int, mirrored: bool, eyes: tuple[float, float, float, float]) -> str:
    """How the frame looks with these eyes."""
    return f"/diary/{diary}/picture/{sha256}/aligned?canvas={canvas}&mirrored={int(mirrored)}&eyes={','.join(f'{number:g}' for number in eyes)}"


def look(diary: str, sha256: str, version: str) -> str:
    """The frame at the size of a preview."""
    return f"/diary/{diary}/picture/{sha256}/look?v={version}"
