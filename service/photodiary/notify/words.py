"""The messages, in words for people."""

from __future__ import annotations

from datetime import date
from urllib.parse import quote

from photodiary.diary.eyes import REASONS
from photodiary.ledger.news import Asked
from photodiary.ledger.reels import ReelRow
from photodiary.notify.facts import Facts, Learnt, Message

SHOWN = 16  # digits of a SHA-256 that name a photo in what is remembered
MOST_TROUBLES = 5


def needs_two_taps(facts: Facts, fresh: Asked) -> Message:
    """Photos wait for a person; `fresh` is the newest that nobody was told about."""
    number = len(facts.doubts)
    why = REASONS.get(fresh.reason or "unsure", "unsure where the eyes are")
    when = f" of {_day(fresh.day)}" if fresh.day is not None else ""
    text = f"The photo{when}: {why}." if number == 1 else f"{number:,} photos wait for you. The photo{when}: {why}."
    return _message(
        facts, "needs_two_taps", "a photo needs two taps" if number == 1 else f"{number:,} photos need two taps", text, _page(facts, f"photo/{fresh.sha256}"),
        tuple(sorted(doubt.sha256[:SHOWN] for doubt in facts.doubts)), photo=fresh.sha256, reason=fresh.reason or "unsure", waiting=number,
    )  # fmt: skip


def film_ready(facts: Facts, film: ReelRow) -> Message:
    return _message(
        facts, "film_ready", "your new film is ready", f"{film.frames:,} photo{'s' if film.frames != 1 else ''}, {_length(film.seconds)}.",
        _page(facts, "film"), (film.fingerprint,), photos=film.frames, seconds=round(film.seconds, 2), path=film.path,
    )  # fmt: skip


def model_improved(facts: Facts, learnt: Learnt) -> Message:
    text = f"It learnt from {learnt.placed:,} corrections of yours."
    if learnt.before is not None and learnt.after is not None:
        text += f" In a typical photo it was {_percent(learnt.before)} of the distance between the eyes off; now it is {_percent(learnt.after)}."
    return _message(
        facts, "model_improved", "your eyes are found better now", text, facts.link and f"{facts.link}/learning", (f"{learnt.finished_at:.0f}",),
        placed=learnt.placed, before=learnt.before, after=learnt.after,
    )  # fmt: skip


def degraded(facts: Facts, troubles: dict[str, str]) -> Message:
    """troubles: sentences by what they are known by."""
    told = list(troubles.values())
    more = f"\nand {len(told) - MOST_TROUBLES} more" if len(told) > MOST_TROUBLES else ""
    text = "\n".join(f"{sentence[:1].upper()}{sentence[1:]}." for sentence in told[:MOST_TROUBLES]) + more
    return _message(facts, "degraded", "not everything works", text, facts.link, tuple(sorted(troubles)), reasons=told)


def no_photo_today(facts: Facts, today: date) -> Message:
    text = "None with a face in it has come yet; other photos have." if today in facts.latest.faceless else "There is still time for one."
    return _message(facts, "no_photo_today", "no photo today yet", text, "", (today.isoformat(),), day=today.isoformat())


def trial() -> Message:
    """What `notify --test` sends."""
    return Message("test", "", "photodiary: this is a test", "Messages from photodiary arrive here.", "", ())


def _page(facts: Facts, which: str) -> str:
    """A page of the diary, as `review/paths.py` names it; empty where it is not said how the page is reached."""
    return f"{facts.link}/diary/{quote(facts.diary, safe='')}/{which}" if facts.link else ""


def _message(facts: Facts, kind: str, title: str, text: str, link: str, what: tuple[str, ...], **data: object) -> Message:
    whose = f"photodiary ({facts.diary})" if facts.several and facts.diary else "photodiary"
    return Message(kind, facts.diary, f"{whose}: {title}", text, link, what, data)


def _day(day: date) -> str:
    return f"{day:%A}, {day.day} {day:%B %Y}"


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.0f} s" if seconds >= 9.5 else f"{seconds:.1f} s"


def _percent(value: float) -> str:
    return f"{value:.2g} %" if value < 10 else f"{value:.0f} %"
