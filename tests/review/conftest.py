from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.daemon import QUICK, Diary
from tests.support.visitor import Visitor, seeded, site_of

from photodiary.review.site import Site


@pytest.fixture(scope="session")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Diary:
    """Made once; tests work on copies of it."""
    return seeded(tmp_path_factory.mktemp("seed") / "me")


@pytest.fixture
def folder(seed: Diary, tmp_path: Path) -> Path:
    """A diary's folder of one's own: config.toml, inbox and archive, without a daemon."""
    shutil.copytree(seed.folder, tmp_path / "me")
    return tmp_path / "me"


@pytest.fixture
def sites() -> Iterator[Callable[[Path], Site]]:
    """Makes what the page is handed of a folder; its darkroom is closed after the test."""
    made: list[Site] = []

    def make(folder: Path) -> Site:
        made.append(site_of(folder / "config.toml"))
        return made[-1]

    yield make
    for site in made:
        site.darkroom.close()


@pytest.fixture
def site(folder: Path, sites: Callable[[Path], Site]) -> Site:
    return sites(folder)


@pytest.fixture
def visitor(site: Site) -> Visitor:
    """A browser at this machine."""
    return Visitor(site)


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A diary that nothing has happened to yet."""
    made = tmp_path / "new"
    (made / "inbox").mkdir(parents=True)
    (made / "config.toml").write_text(QUICK)
    return made
