"""The review page without a socket: a diary with photos of dots, and a browser that looks at it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx2 as httpx
from starlette.testclient import TestClient

from photodiary.review.app import make_app
from photodiary.review.keys import Keys
from photodiary.review.site import Site
from photodiary.run.review import Handed
from photodiary.settings import load
from tests.support.daemon import QUICK, Diary
from tests.support.dots import photo

BASE = "http://127.0.0.1:8463"


def seeded(folder: Path, *, photos: int = 8, config: str = QUICK) -> Diary:
    """A diary with a film of `photos` photos of dots, one photo without a face, one without a date and one file that is no photo."""
    diary = Diary(folder, config=config)
    for number in range(photos):
        (diary.inbox / f"IMG_{number:04}.jpg").write_bytes(photo(number))
    (diary.inbox / "IMG_9000.jpg").write_bytes(photo(40, face=False))
    (diary.inbox / "broken.jpg").write_bytes(b"no photo at all " * 20)
    done = diary.call("scan", "--once")
    assert done.returncode == 0, done.stderr
    return diary


class Visitor(TestClient):
    """A browser at one address; forms are sent with their token."""

    def __init__(self, site: Site, *, address: str = "127.0.0.1", base: str = BASE, names: frozenset[str] = frozenset(), **keywords: Any) -> None:
        super().__init__(make_app(site, names), base_url=base, client=(address, 50_000), follow_redirects=False, raise_server_exceptions=False, **keywords)
        self.site = site

    def csrf(self, path: str = "/") -> str:
        """The token of this browser's forms, as a page has it."""
        found = re.search(r'name="csrf" (?:content|value)="([^"]+)"', self.get(path).text)
        assert found is not None, f"{path} has no token"
        return found.group(1)

    def submit(self, path: str, **fields: Any) -> httpx.Response:
        """A form of ours, as a browser posts it."""
        return self.post(path, data={"csrf": self.csrf(), **fields}, headers={"Origin": str(self.base_url).rstrip("/")})


def site_of(config: Path) -> Site:
    """What `photodiary review` would serve of a configuration."""
    settings = load(config)
    return Handed(settings, Keys(Path(settings.state) / "review", remember_days=settings.review.remember_days)).site
