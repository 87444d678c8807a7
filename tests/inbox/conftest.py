from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from photodiary.archive.store import Archive
from photodiary.darkroom.darkroom import Darkroom
from photodiary.darkroom.limits import DarkroomConfig
from photodiary.inbox.inbox import Inbox
from photodiary.inbox.intake import Intake
from photodiary.inbox.settle import InboxConfig
from photodiary.ledger import photos
from photodiary.ledger.photos import PhotoRow
from photodiary.ledger.store import Ledger


@dataclass
class Room:
    """An inbox with its real ledger, archive and darkroom, and a clock that the test moves."""

    root: Path
    ledger: Ledger
    archive: Archive
    intake: Intake
    inbox: Inbox
    now: float = 1_718_000_000.0  # 10 June 2024
    clock: float = 1000.0
    excluding: bool = False

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.clock += seconds

    def scan(self) -> None:
        self.inbox.scan(self.now, self.clock)

    def work(self) -> int:
        """Steps until there is nothing to do now; how many there were."""
        steps = 0
        while self.inbox.step(self.now, self.clock):
            steps += 1
            assert steps < 1000
        return steps

    def settle(self) -> None:
        """See what is there, wait until it counts as unchanged, take it in."""
        self.scan()
        self.pass_time(6)
        self.work()

    def rows(self) -> list[tuple[PhotoRow, list[bytes]]]:
        return list(photos.everything(self.ledger))

    def reopened(self) -> Inbox:
        """As after a restart."""
        self.inbox = Inbox(self.root, self.inbox.config, self.intake, excluding=self.excluding)
        return self.inbox


@pytest.fixture(scope="session")
def darkroom() -> Iterator[Darkroom]:
    made = Darkroom(DarkroomConfig(workers=1))
    yield made
    made.close()


@pytest.fixture
def room(tmp_path: Path, darkroom: Darkroom) -> Iterator[Room]:
    root = tmp_path / "inbox"
    root.mkdir()
    archive = Archive(tmp_path / "archive")
    archive.prepare()
    ledger = Ledger(archive.root)
    intake = Intake("me", ledger, archive, darkroom, DarkroomConfig(), ZoneInfo("Europe/Berlin"), {})
    yield Room(root, ledger, archive, intake, Inbox(root, InboxConfig(), intake))
    ledger.close()
