"""Reading the configuration again because a verb wishes for it, and taking more diaries over while the others go on undisturbed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from photodiary.errors import PhotodiaryError, StorageTrouble
from photodiary.ledger import wishes
from photodiary.run.engine import Engine
from photodiary.run.house import House
from photodiary.settings import Settings

log = structlog.get_logger()

KIND = "reload"


def wished(houses: Sequence[House]) -> bool:
    """Whether somebody wishes for the configuration to be read again; noted as begun, so that it is done once."""
    found = False
    for house in houses:
        with suppress(StorageTrouble):
            wish = wishes.oldest_open(house.ledger, KIND)
            if wish is not None and wish.progress is None:
                wishes.report(house.ledger, wish.id, {"begun": True})
                found = True
    return found


def answer(houses: Sequence[House], refused: str | None) -> None:
    """Tell whoever wished which diaries are served now; refused: why the configuration is as it was."""
    outcome = {"diaries": [house.name for house in houses]} if refused is None else {"error": refused}
    for house in houses:
        with suppress(StorageTrouble):
            while (wish := wishes.oldest_open(house.ledger, KIND)) is not None and wish.progress is not None:
                wishes.fulfil(house.ledger, wish.id, outcome, time.time())


def added(before: Settings, after: Settings) -> list[str]:
    """The diaries that are new, where nothing else is; empty where anything else is, or nothing."""
    names = [name for name in after.diary if name not in before.diary]
    same = after.model_copy(update={"diary": {name: value for name, value in after.diary.items() if name not in names}}) == before
    return names if same else []


def welcome(engine: Engine, before: Settings, after: Settings, names: Sequence[str], grown: Callable[[House], None]) -> tuple[Settings, str | None]:
    """Serve these diaries too.  Returns the settings that are in force then, without those that could not be, and why one could not.

    grown: called with each that is served.
    """
    settings, refused = before, None
    for name in names:
        more = settings.model_copy(update={"diary": {**settings.diary, name: after.diary[name]}})
        try:
            house = engine.welcome(more, name)
        except PhotodiaryError as error:
            refused = f"the new configuration does not work ({error}); going on with the old one"
            log.error(refused, code="config.refused")
            continue
        settings = more
        grown(house)
        log.info(f"{name} ({house.inbox.root}) is watched too", code="diary.welcomed", diary=name)
    return settings, refused
