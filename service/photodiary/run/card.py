"""A graphics card that breaks down is remembered, so that the processor takes over instead of one restart after the other."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import structlog

from photodiary.ledger import wishes
from photodiary.ledger.store import Ledger
from photodiary.locate.views import Locator
from photodiary.settings import Settings

log = structlog.get_logger()

ENOUGH = 2  # breakdowns
WITHIN_S = 86_400.0  # after a day without another one the card has its next chance
NOTE = "card_lost"
TROUBLE = "the graphics card has failed twice within a day: the processor finds the eyes; a start a day later tries the card again"


def at_work(locator: Locator) -> dict[str, dict[str, str] | str]:
    """Notes for `status`: which model is at work, on what, and in whose language it speaks of faces."""
    return {"model": {"name": locator.name, "sha256": locator.sha256, "device": locator.device}, "kin": locator.kin}


def lost(ledgers: Sequence[Ledger]) -> None:
    """Note that the card broke down now."""
    for ledger in ledgers:
        wishes.note(ledger, **{NOTE: [*_recent(ledger), time.time()][-ENOUGH:]})


def spared(settings: Settings, ledgers: Sequence[Ledger]) -> tuple[Settings, str | None]:
    """The settings to start with, and what to say in `status`: the processor's when the card broke down twice within a day."""
    if settings.locate.device == "cpu" or all(len(_recent(ledger)) < ENOUGH for ledger in ledgers):
        return settings, None
    log.warning(TROUBLE, code="card.spared")
    return settings.model_copy(update={"locate": replace(settings.locate, device="cpu")}), TROUBLE


def _recent(ledger: Ledger) -> list[float]:
    now = time.time()
    return [at for at in wishes.notes(ledger).get(NOTE, []) if abs(now - at) < WITHIN_S]
