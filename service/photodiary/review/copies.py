"""What else there is of a diary: its further films, and the small copy that can be sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from photodiary.archive import layout
from photodiary.ledger import reels
from photodiary.ledger.reels import ReelRow
from photodiary.ledger.store import Ledger
from photodiary.review import paths
from photodiary.review.site import Diary, Site, back


@dataclass(frozen=True)
class Copy:
    """The small copy that is there.  made: in the diary's time zone."""

    bytes: int
    made: datetime


def routes(site: Site) -> list[Route]:
    def share(request: Request) -> Response:
        """Have a copy made of a film that the ledger knows by this name."""
        diary = site.diary(request)
        name = request.query_params.get("name")
        with diary.reading() as ledger:
            names = {PurePosixPath(reel.path).stem for reel in there(ledger, diary)}
        if not names or name not in (None, *names):
            raise HTTPException(404, "There is no such film.")
        site.say(request, site.share(diary.name, name))
        return back(paths.film(diary.name, name or ""))

    def file(request: Request) -> Response:
        diary = site.diary(request)
        path = diary.archive.root / layout.SHARED
        if path.is_symlink() or not path.is_file():
            raise HTTPException(404, "There is no small copy yet.")
        named = f"inline; filename*=UTF-8''{quote(diary.name)}-small.mp4"
        return FileResponse(path, media_type="video/mp4", headers={"Cache-Control": "private, no-cache", "Content-Disposition": named})

    return [Route("/diary/{diary}/share", share, methods=["POST"]), Route("/diary/{diary}/share.mp4", file)]


def there(ledger: Ledger, diary: Diary) -> list[ReelRow]:
    """The films whose files are there, the main one first."""
    found = sorted(reels.newest_reels(ledger).values(), key=lambda reel: (reel.path != layout.LATEST, reel.path))
    return [reel for reel in found if (diary.archive.root / reel.path).is_file()]


def title_of(reel: ReelRow) -> str:
    """What a person calls a film: by its name in the configuration, and the year."""
    return "The film" if reel.path == layout.LATEST else PurePosixPath(reel.path).stem.replace("-", " ").replace("_", " ")


def lying(diary: Diary) -> Copy | None:
    try:
        found = (diary.archive.root / layout.SHARED).stat()
    except OSError:
        return None
    return Copy(found.st_size, datetime.fromtimestamp(found.st_mtime, diary.zone))
