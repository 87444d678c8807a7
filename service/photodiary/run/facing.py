"""`photos turn` and `photos mirror`: which way round photos are."""

from __future__ import annotations

import argparse
import time
from datetime import date
from typing import TYPE_CHECKING

from photodiary.errors import BadUsage
from photodiary.run import decisions

if TYPE_CHECKING:
    from photodiary.ledger.photos import PhotoRow
    from photodiary.ledger.store import Ledger


def turn(options: argparse.Namespace) -> int:
    from photodiary.ledger import facings

    turned = None if options.by == "none" else int(options.by)
    return decisions.decided(
        options, lambda ledger: _chosen(ledger, options), lambda ledger, chosen: facings.turn(ledger, chosen, turned, facings.BY, time.time()), _told
    )  # fmt: skip


def mirror(options: argparse.Namespace) -> int:
    from photodiary.ledger import facings

    return decisions.decided(
        options, lambda ledger: _chosen(ledger, options), lambda ledger, chosen: facings.mirror(ledger, chosen, not options.off, facings.BY, time.time()), _told
    )  # fmt: skip


def _told(ledger: Ledger, photo: PhotoRow) -> str:
    return f"{photo.facing.in_words()}; {decisions.where(ledger, photo)}"


def _chosen(ledger: Ledger, options: argparse.Namespace) -> list[PhotoRow]:
    """The photos that are named, or those of a period.  Raises BadUsage."""
    from photodiary.ledger import finding

    if options.first is None and options.last is None:
        if not options.photos:
            raise BadUsage("say which photos: PHOTO, or a period with --from and --to")
        return decisions.meant(ledger, options.photos)
    if options.photos:
        raise BadUsage("say either which photos or which period, not both")
    first, last = (None if text is None else _day(text) for text in (options.first, options.last))
    if first is not None and last is not None and first > last:
        raise BadUsage(f"the period ends on {last} and begins only on {first}")
    chosen = finding.of_days(ledger, first or date.min, last or date.max)
    if not chosen:
        raise BadUsage("there is no photo of that period")
    return chosen


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadUsage(f'"{text}" is no day; write one like "2024-05-15"') from error
