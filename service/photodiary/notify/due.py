"""Which messages are due; pure: told the facts, what was told before, and the time."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from photodiary.diary.hours import beginning_of, between, day_of, next_time
from photodiary.notify import words
from photodiary.notify.config import NotifyConfig
from photodiary.notify.facts import Facts, Message
from photodiary.notify.memory import WAITS, Memory

DAY_S = 86_400.0
FILM_NEW_S, MODEL_NEW_S = 2 * DAY_S, 7 * DAY_S  # what is older is no news, also for who hears of it for the first time
SETTLED_S = 3600.0  # a film that is so old is told also while newer pictures wait for the next one
AGAIN_S = 7 * DAY_S  # trouble that lasts is told again
PAUSED = timedelta(days=14)  # so long after the last photo nobody is reminded any more

_NUMBERS = re.compile(r"\d[\d.,]*")


@dataclass(frozen=True)
class Due:
    """A message to send now.  to: the targets that do not have it yet; None: all of them."""

    message: Message
    to: tuple[str, ...] | None


def look(facts: Facts, memory: Memory, now: float, config: NotifyConfig) -> tuple[Memory, list[Due]]:
    """What is to be sent at `now`, and what there is to remember of this look.  now: seconds since the epoch.

    A message goes out when it is true and news, at most one a kind and day of the diary, never in quiet hours: what comes up in them is looked at
    again afterwards.  While photos are worked on, doubts and films wait until they are through, so that a backlog is told whole.  A film that
    follows one told the same day is passed over, everything else waits for the next day.
    """
    memory = replace(memory, since=_since(facts, memory, now))
    quiet = bool(config.quiet_from) and between(config.quiet_from, config.quiet_until, facts.zone, now)
    today = day_of(now, facts.zone).isoformat()
    due: list[Due] = []
    for kind in config.events:
        memory, message, news = MAKERS[kind](facts, memory, now, config)
        told = memory.told.get(kind)
        if told is not None and told.left:
            if message is None or told.tries > len(WAITS):
                memory = memory.given_up(kind)
            elif not quiet and now >= told.next_try:
                due.append(Due(message, told.left))
        elif message is None or not news or quiet:
            continue
        elif told is None or told.day != today:
            due.append(Due(message, None))
        elif kind == "film_ready":
            memory = memory.passed_over(kind, message.what)
    return memory, due


Made = tuple[Memory, Message | None, bool]  # what is true now in words, and whether it is news


def _needs_two_taps(facts: Facts, memory: Memory, now: float, config: NotifyConfig) -> Made:
    known = _kept(memory, "needs_two_taps", {doubt.sha256[: words.SHOWN] for doubt in facts.doubts})
    if not facts.doubts:
        return known, None, False
    told = _what(known, "needs_two_taps")
    fresh = next((doubt for doubt in facts.doubts if doubt.sha256[: words.SHOWN] not in told), None)
    return known, words.needs_two_taps(facts, fresh or facts.doubts[0]), fresh is not None and not facts.busy


def _film_ready(facts: Facts, memory: Memory, now: float, config: NotifyConfig) -> Made:
    film = facts.film
    if film is None or now - film.rendered_at > FILM_NEW_S:
        return memory, None, False
    settled = not (facts.busy or facts.behind) or now - film.rendered_at >= SETTLED_S
    return memory, words.film_ready(facts, film), settled and film.fingerprint not in _what(memory, "film_ready")


def _model_improved(facts: Facts, memory: Memory, now: float, config: NotifyConfig) -> Made:
    if facts.learnt is None or now - facts.learnt.finished_at > MODEL_NEW_S:
        return memory, None, False
    message = words.model_improved(facts, facts.learnt)
    return memory, message, message.what != _what(memory, "model_improved")


def _degraded(facts: Facts, memory: Memory, now: float, config: NotifyConfig) -> Made:
    known = _kept(memory, "degraded", set(memory.since))
    named = {_key(sentence): sentence for sentence in facts.troubles}
    lasting = {key: sentence for key, sentence in named.items() if now - memory.since[key] >= config.degraded_after_s}
    if not lasting:
        return known, None, False
    told = known.told.get("degraded")
    news = told is None or not lasting.keys() <= set(told.what) or now - told.at >= AGAIN_S
    return known, words.degraded(facts, lasting), news


def _no_photo_today(facts: Facts, memory: Memory, now: float, config: NotifyConfig) -> Made:
    """Only when it is known: somebody looks at the inbox, it is well, and nothing that came may be of today."""
    today = day_of(now, facts.zone)
    began, latest = beginning_of(today, facts.zone), facts.latest
    if (
        not config.remind_at or now < next_time(config.remind_at, facts.zone, began - 1)
        or not facts.watched or facts.troubles or facts.arriving
        or latest.newest is None or latest.newest >= today or today - latest.newest > PAUSED
        or (latest.unplaced_at is not None and latest.unplaced_at >= began)
    ):  # fmt: skip
        return memory, None, False
    message = words.no_photo_today(facts, today)
    return memory, message, message.what != _what(memory, "no_photo_today")


MAKERS: dict[str, Callable[[Facts, Memory, float, NotifyConfig], Made]] = {
    "needs_two_taps": _needs_two_taps, "film_ready": _film_ready, "model_improved": _model_improved,
    "degraded": _degraded, "no_photo_today": _no_photo_today,
}  # fmt: skip


def _what(memory: Memory, kind: str) -> tuple[str, ...]:
    told = memory.told.get(kind)
    return () if told is None else told.what


def _kept(memory: Memory, kind: str, there: set[str]) -> Memory:
    """Forget that something was told which is over: when it comes again, it is news."""
    what = _what(memory, kind)
    kept = tuple(one for one in what if one in there)
    return memory if kept == what else memory.passed_over(kind, kept)


def _since(facts: Facts, memory: Memory, now: float) -> dict[str, float]:
    return {key: min(memory.since.get(key, now), now) for key in map(_key, facts.troubles)}


def _key(sentence: str) -> str:
    """The same trouble with other numbers (free megabytes, counts) is the same trouble."""
    return _NUMBERS.sub("#", sentence)
