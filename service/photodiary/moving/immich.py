"""Photos of an Immich server, by its HTTP API (api.immich.app; the words are those of its versions 2 and 3).

Asked are GET /server/version, /users/me, /albums, /people, POST /search/metadata and GET /assets/{id}/original, nothing that changes anything: the key
needs the permissions user.read, asset.read and asset.download, and album.read or person.read where one is named.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import http.client
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from photodiary.diary.calendar import Taken
from photodiary.errors import BadUsage
from photodiary.moving.http import Address, Refused, Server, Unreachable, address
from photodiary.moving.source import NotBrought, Offer, Survey, Target, shortened

PERMISSIONS = "user.read, asset.read, asset.download, album.read, person.read"
PAGE = 250
MOST_PAGES = 20_000
LONGEST_DOWNLOAD_S = 900.0
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Wanted:
    """Which of the photos.  album, person: by id or by name; first, last: days of the photos' wall clock, both included."""

    album: str | None = None
    person: str | None = None
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True)
class _Asset:
    id: str
    file: str
    sha1: bytes
    size: int
    wall: datetime | None

    @property
    def stamp(self) -> str:
        return base64.b64encode(self.sha1).decode()


class Immich:
    """One user's photos there.  Raises Refused, Unreachable or BadUsage, with a sentence for the user."""

    def __init__(self, url: str, key: str, wanted: Wanted, *, most: float, looking: Callable[[str], None] = lambda words: None) -> None:
        """key: of the API, never shown; most: bytes that a photo may have; looking: hears what is being waited for.  Raises BadUsage."""
        self.where: Address = address(url)
        if not re.fullmatch(r"[!-~]{8,500}", key):
            raise BadUsage("the key is none that Immich gives out: it is one line of letters and digits")
        self._server = Server(self.where, {"x-api-key": key}, waiting=looking)
        self._wanted, self._most, self._looking = wanted, int(most), looking
        self._assets: dict[str, _Asset] = {}
        self.words = f"Immich at {self.where.text}"
        self.name = ""  # known when the server has said whose key it is

    def close(self) -> None:
        self._server.close()

    def survey(self) -> Survey:
        """Asks the server who the key is of, and for everything that is known of the photos that are wanted."""
        self._looking(f"asking {self.where.text}")
        try:
            version = self._server.ask("GET", "/api/server/version", bare=True)
        except Refused as error:
            raise BadUsage(f"{self.where.text}: is no Immich ({error})") from error
        if not isinstance(version, dict) or not isinstance(version.get("major"), int):
            raise BadUsage(f"{self.where.text}: is no Immich")
        user = _identified(self._ask("GET", "/api/users/me", "user.read"))
        if user is None:
            raise BadUsage(f"{self.where.text}: does not say whose key this is")
        self.name = f"immich {self.where.text} {user}"
        query: dict[str, Any] = {"type": "IMAGE", "size": PAGE, "order": "asc", "withExif": True}
        if self._wanted.album is not None:
            query["albumIds"] = [self._one("album", self._wanted.album, self._albums())]
        if self._wanted.person is not None:
            query["personIds"] = [self._one("person", self._wanted.person, self._people())]
        if self._wanted.first is not None:  # asked with a day to spare, since the server means moments and a diary days
            query["takenAfter"] = f"{self._wanted.first - A_DAY}T00:00:00.000Z"
        if self._wanted.last is not None:
            query["takenBefore"] = f"{self._wanted.last + 2 * A_DAY}T00:00:00.000Z"
        found = Survey()
        self._assets = {}
        for said in self._found(query):
            self._note(said, user, found)
        return found

    def _note(self, said: Any, user: str, found: Survey) -> None:
        asset = _asset(said)
        if asset is None:
            found.skipped["that the server describes in a way that is not understood"] += 1
            return
        day = None if asset.wall is None else asset.wall.date()
        first, last = self._wanted.first or date.min, self._wanted.last or date.max
        if asset.id in self._assets or (day is not None and not first <= day <= last):
            return
        reason = None
        if said.get("isTrashed") or said.get("isOffline"):
            reason = "in the bin there, or not there any more"
        elif said.get("visibility") in ("hidden", "locked"):
            reason = "hidden or locked there"
        elif said.get("ownerId") != user and self._wanted.album is None:
            reason = "of other people there (name an album to bring those)"
        elif asset.size > self._most:
            reason = "too large"
        if reason is not None:
            found.skipped[reason] += 1
            return
        self._assets[asset.id] = asset
        found.undated += asset.wall is None
        found.photos.append((asset.id, asset.stamp, asset.size))

    def offers(self) -> Iterator[Offer]:
        for asset in self._assets.values():
            told = None if asset.wall is None else Taken(asset.wall, None, "immich")
            yield Offer(shortened(asset.file), asset.id, asset.stamp, asset.size, told, fetch=partial(self._download, asset))

    def _download(self, asset: _Asset, target: Target) -> None:
        """Its bytes, proved by their SHA-1.  Raises NotBrought, Unreachable."""

        def take(pieces: Iterator[bytes]) -> None:
            target.begin_again()
            begun, size, seen = time.monotonic(), 0, hashlib.sha1(usedforsecurity=False)
            for piece in pieces:
                size += len(piece)
                if size > self._most:
                    raise NotBrought(f"it has more than {self._most / 1e6:g} MB")
                if time.monotonic() - begun > LONGEST_DOWNLOAD_S:
                    raise TimeoutError
                seen.update(piece)
                target.write(piece)
            if seen.digest() != asset.sha1:
                raise http.client.IncompleteRead(b"")

        try:
            self._server.fetch(f"/api/assets/{asset.id}/original", take)
        except Refused as error:
            if error.status in (401, 403):
                raise self._denied(error, "asset.download") from error
            raise NotBrought(f"the server {error}") from error
        except Unreachable as error:
            self._ask("GET", "/api/users/me", "user.read")  # gone altogether, which ends it, or only this photo cannot be had whole
            raise NotBrought(str(error)) from error

    def _ask(self, method: str, path: str, permission: str, body: Any = None) -> Any:
        try:
            return self._server.ask(method, path, body)
        except Refused as error:
            if error.status in (401, 403):
                raise self._denied(error, permission) from error
            raise Refused(error.status, f"{self.where.text}{path}: {error}") from error

    def _denied(self, error: Refused, permission: str) -> BadUsage:
        if error.status == 401:
            return BadUsage(f"{self.where.text}: does not know this key; make one in Immich at Account Settings, API Keys, with {PERMISSIONS}")
        return BadUsage(f"{self.where.text}: the key lacks the permission {permission} ({error}); give it {PERMISSIONS}")

    def _one(self, what: str, said: str, known: list[tuple[str, str]]) -> str:
        """The id of an album or a person that is named by it or by its name."""
        found = [number for number, name in known if said.strip() == number] or [number for number, name in known if name.casefold() == said.strip().casefold()]
        if len(found) == 1:
            return found[0]
        if found:
            raise BadUsage(f'there are {len(found)} of the name "{said}"; say which by its number: {", ".join(found)}')
        names = ", ".join(sorted({name for _, name in known if name})[:30])
        raise BadUsage(f'{self.where.text}: has no {what} "{said}"; there are: {names or "none with a name"}')

    def _albums(self) -> list[tuple[str, str]]:
        said = [*_list(self._ask("GET", "/api/albums", "album.read")), *_list(self._ask("GET", "/api/albums?shared=true", "album.read"))]
        found = {number: str(one.get("albumName", "")) for one in said if (number := _identified(one)) is not None}
        return list(found.items())

    def _people(self) -> list[tuple[str, str]]:
        found: dict[str, str] = {}
        for page in range(1, MOST_PAGES):
            said = self._ask("GET", f"/api/people?page={page}&size=500&withHidden=true", "person.read")
            people = _list(said.get("people") if isinstance(said, dict) else None)
            found.update({number: str(one.get("name", "")) for one in people if (number := _identified(one)) is not None})
            if not people or not said.get("hasNextPage"):
                break
        return list(found.items())

    def _found(self, query: dict[str, Any]) -> Iterator[Any]:
        """Every asset that the search finds, page after page."""
        page, seen = 1, 0
        for _ in range(MOST_PAGES):
            said = self._ask("POST", "/api/search/metadata", "asset.read", {**query, "page": page})
            assets = said.get("assets") if isinstance(said, dict) else None
            if not isinstance(assets, dict):
                raise Refused(200, f"{self.where.text}: answers the search with something else than Immich 1.135 and later")
            items = _list(assets.get("items"))
            seen += len(items)
            self._looking(f"{self.where.text}: {seen:,} photos found")
            yield from items
            following = str(assets.get("nextPage") or "")
            if not following.isdigit() or len(following) > 9 or int(following) <= page:
                return
            page = int(following)


def _list(said: Any) -> list[Any]:
    return said if isinstance(said, list) else []


def _identified(said: Any) -> str | None:
    """The id of what the server describes; it goes into addresses, so that it must be one."""
    number = said.get("id") if isinstance(said, dict) else None
    return number if isinstance(number, str) and ID.fullmatch(number) else None


def _asset(said: Any) -> _Asset | None:
    """What is needed of an asset; None where the server's words make no sense."""
    number = _identified(said)
    if number is None:
        return None
    try:
        sha1 = base64.b64decode(str(said.get("checksum")), validate=True)
    except (binascii.Error, ValueError):
        return None
    exif = said.get("exifInfo")
    size = exif.get("fileSizeInByte") if isinstance(exif, dict) else None
    name = said.get("originalFileName")
    if len(sha1) != 20 or said.get("type", "IMAGE") != "IMAGE":
        return None
    return _Asset(number, name if isinstance(name, str) else number, sha1, size if isinstance(size, int) and size > 0 else 0, _wall(said.get("localDateTime")))


def _wall(said: Any) -> datetime | None:
    """The wall clock where it was taken, which Immich writes as if it were UTC."""
    try:
        return datetime.fromisoformat(said).replace(tzinfo=None) if isinstance(said, str) else None
    except ValueError:
        return None
