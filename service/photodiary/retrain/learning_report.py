"""The page that tells a person what their corrections did: told the outcome of a retraining, it says which pictures it wants and writes one page.

The outcome is `outcome.json` as the retraining writes it; four more entries may be there: `curve`, a list of {"samples", "loss", "median"}; in each of
`diaries` "film_iod", the pixels between the eyes in its film; `in_question`, how many labels wait for a second word; and `unread`, a sentence for each
photo that could not be read, by SHA-256.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from html import escape
from pathlib import Path
from typing import Any

from photodiary.archive.store import Archive
from photodiary.retrain import figures
from photodiary.retrain.figures import FAR
from photodiary.retrain.learning_photos import ALIKE, Outcome, albums, day_in_words, off
from photodiary.retrain.page import STYLE, counted, document, percent, section, stylesheet

PAGE = "index.html"


def write(folder: Path, outcome: Outcome, pictures: Mapping[str, bytes], zone: tzinfo = UTC) -> Path:
    """Make `folder`/index.html with its style beside it, each whole by rename, and return the page's path.

    pictures: JPEG files by SHA-256, as `learning_photos.strips` asks for them; one that is missing leaves a grey ground under its marks.  zone: in which the
    day of learning is said.  Raises StorageTrouble.
    """
    Archive(folder).publish(STYLE, stylesheet().encode())
    Archive(folder).publish(PAGE, page(outcome, pictures, zone).encode())
    return folder / PAGE


# -- the page ----------------------------------------------------------------------------------------------------------------------------


def page(outcome: Outcome, pictures: Mapping[str, bytes], zone: tzinfo) -> str:
    """The whole page.  Names and sentences from outside are escaped here, and only here."""
    headline = _headline(outcome)
    judged = outcome["before"] is not None and outcome["after"] is not None
    parts = [
        f'<header>\n<p class="under">{_when(outcome, zone)}</p>\n<h1>{headline}</h1>',
        f'<p class="verdict {"good" if outcome["promoted"] else "stays"}">{_sentence(outcome["reason"])}</p>\n</header>',
    ]
    if judged:
        parts += [f'<ul class="tiles">{"".join(f"<li><b>{number}</b>{words}</li>" for number, words in _tiles(outcome))}</ul>']
    parts += [f"<p>{sentence}</p>" for sentence in _sentences(outcome, judged)]
    if judged and outcome["photos"]:
        before, after = ([photo[key] for photo in outcome["photos"]] for key in ("before", "after"))
        parts.append(section("Before and after", "The farther left and the steeper a line, the better.", figures.before_after(before, after, _table(outcome))))
        parts += albums(outcome, pictures)
        drawn = figures.each_photo(before, after) + figures.lessons(outcome.get("curve") or [])
        parts.append(section("How it went", "", f'<div class="three">{drawn}</div>'))
    if len(outcome["diaries"]) > 1:
        parts.append(section("Diary by diary", "", f'<div class="panel scroll">{_diaries(outcome["diaries"])}</div>'))
    if outcome["gates"]:
        parts.append(section("What decided", "A new model takes over only where it passes all of these.", f'<ul class="gates">{_gates(outcome["gates"])}</ul>'))
    steps = "".join(f"<li>{step}</li>" for step in _next(outcome))
    parts.append(section("What comes next", "", f'<ul class="next">{steps}</ul>'))
    if judged:
        parts.append(f"<footer>\n<p>{_FOOT}</p>\n</footer>")
    return document(headline, "\n".join(parts), linked=True)


_FOOT = (
    "How far off a photo is: the larger of the two eyes’ distances from where you placed them, in per cent of the distance between the eyes. "
    "This page shows faces: keep it where the photos may be."
)


def _sentence(text: str) -> str:
    """Of a reason from outside, however it begins and ends."""
    return escape(text[:1].upper() + text[1:].removesuffix(".")) + "."


def _corrections(count: int) -> str:
    return "1 correction" if count == 1 else f"{count:,} corrections"


def _headline(outcome: Outcome) -> str:
    placed, needed = outcome["placed"], outcome["needed"]
    if outcome["promoted"]:
        before, after = outcome["before"], outcome["after"]
        gain = 100 * (1 - after["median"] / before["median"]) if before and after and before["median"] else 0.0
        return f"Your {_corrections(placed)} made " + (f"the eyes {percent(gain, 0)} more exact" if gain >= 0.5 else "a better model")
    if needed:
        more = f"{_corrections(needed).replace(' ', ' more ', 1) if placed else _corrections(needed)} {'is' if needed == 1 else 'are'} needed"
        return f"Not promoted: {more}" if placed else f"Nothing to learn from yet: {more}"
    return "Not promoted: the model you have stays"


def _when(outcome: Outcome, zone: tzinfo) -> str:
    at = datetime.fromtimestamp(outcome["finished_at"], zone)
    minutes = round(outcome["seconds"] / 60)
    took = "less than a minute" if minutes < 1 else "1 minute" if minutes == 1 else f"{minutes} minutes"
    said = f"What the model learnt · {day_in_words(at.date().isoformat())}, {at:%H:%M} · {_corrections(outcome['placed'])} · {took}"
    return f"{said} · now in use: {escape(str(outcome['model']))}" if outcome["promoted"] else said


def _tiles(outcome: Outcome) -> list[tuple[str, str]]:
    """Number and words of each."""
    before, after, photos = outcome["before"], outcome["after"], outcome["photos"]
    tiles = [
        (off(after[key]), f"{words}<br>before: {off(before[key])}")
        for key, words in (("median", "or less: half of the photos"), ("p90", "or less: nine photos in ten"), ("max", "the worst photo"))
    ]
    if photos:
        better, worse = (sum(sign * (photo["before"] - photo["after"]) >= ALIKE for photo in photos) for sign in (1, -1))
        tiles.append((f"{better:,} of {len(photos):,}", f"got better<br>{worse:,} got worse, {len(photos) - better - worse:,} stayed as they were"))
    return tiles


def _sentences(outcome: Outcome, judged: bool) -> list[str]:
    sentences = []
    if judged:
        fair = "Each photo was judged by a model that had not seen it, nor any other of its day."
        sentences.append(fair + (" The model now in use has learnt from all of them." if outcome["promoted"] else ""))
        if outcome["better"] is not None:
            wins = f"{100 * outcome['better']:.0f}"
            sentences.append(f"Is it luck? Drawn again and again at random, your photos say that the new model is the better one {wins} times in 100.")
    elif outcome["before"] is not None:
        sentences.append(f"Half of the photos that you corrected are at most {off(outcome['before']['median'])} off with the model you have.")
    sentences += [_in_the_film(name, diary) for name, diary in outcome["diaries"].items() if diary.get("film_iod") and diary["before"] and diary["after"]]
    if count := outcome["confirmed"]:
        sentences.append(f"{counted(count).capitalize()} that you confirmed with one tap taught with less weight and judged nothing.")
    if judged and (asked := outcome.get("in_question")):
        one = asked == 1
        sentences.append(
            f"{_corrections(asked)} {'lies' if one else 'lie'} far from where the model is sure: {'it waits' if one else 'they wait'} "
            f"for your second word and taught nothing."
        )
    if unread := outcome.get("unread"):
        sentences.append(f"{counted(len(unread)).capitalize()} could not be read and took no part.")
    return sentences


def _in_the_film(name: str, diary: Mapping[str, Any]) -> str:
    """The same in pixels, which is what an eye sees."""
    apart, parts = diary["film_iod"], []
    for key, words in (("median", "half of the photos"), ("p90", "nine photos in ten")):
        before, after = diary["before"][key], diary["after"][key]
        if max(before, after) < FAR:
            parts.append(f"{words} are within {before * apart / 100:.1f} pixels before and {after * apart / 100:.1f} after")
    film = f"In the film of <bdi>{escape(name)}</bdi>, where the eyes are {apart:.0f} pixels apart, "
    return film + (", ".join(parts) + "." if parts else "too many photos have no eyes found to say it in pixels.")


def _table(outcome: Outcome) -> str:
    rows = "".join(
        f'<tr><td>{words}</td><td>{off(outcome["before"][key])}</td><td class="new">{off(outcome["after"][key])}</td></tr>'
        for key, words in (("median", "half of the photos"), ("p90", "nine photos in ten"), ("max", "the worst photo"))
    )
    return f"<table><tr><th>Off by at most</th><th>before</th><th>after</th></tr>{rows}</table>"


def _diaries(diaries: Mapping[str, Mapping[str, Any]]) -> str:
    rows = ""
    for name, diary in diaries.items():
        before, after = (off(some["median"]) if some else "–" for some in (diary["before"], diary["after"]))
        better = "–" if diary["better"] is None else f"{100 * diary['better']:.0f}"
        rows += f'<tr><td><bdi>{escape(name)}</bdi></td><td>{diary["placed"]:,}</td><td>{before}</td><td class="new">{after}</td><td>{better}</td></tr>'
    head = "<th>Diary</th><th>corrections</th><th>half within, before</th><th>after</th><th>better, times in 100</th>"
    return f"<table><tr>{head}</tr>{rows}</table>"


def _gates(gates: Sequence[Mapping[str, Any]]) -> str:
    items = ""
    for gate in gates:
        css, mark, said = ("passed", "✓", "passed") if gate["passed"] else ("failed", "✗", "not passed")
        items += f'<li class="{css}"><span class="mark" role="img" aria-label="{said}">{mark}</span><div>{_sentence(gate["words"])}</div></li>'
    return items


def _next(outcome: Outcome) -> list[str]:
    held = "Eyes that you placed or confirmed stay where you put them, whatever a model says."
    if outcome["promoted"]:
        return [
            "In the background the new model looks at all photos again. Frames whose eyes move visibly are made anew, and the film follows once.",
            held,
            f"To go back to {escape(outcome['current_before'])}: <code>photodiary models rollback</code>.",
        ]
    if needed := outcome["needed"]:
        return [f"Place the eyes in {'one more photo' if needed == 1 else f'{needed:,} more photos'}: then it learns again.", held]
    return [f"Nothing has changed: {escape(outcome['current_before'])} goes on finding the eyes.", held, "It learns again when there are more corrections."]
