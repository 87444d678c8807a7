"""`models list|show|promote|rollback`: which models there are, and which of them is in force."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from photodiary.errors import BadModel, BadUsage, PhotodiaryError
from photodiary.run.verbs import said

if TYPE_CHECKING:
    from photodiary.eyenet.registry import ModelEntry, Registry, Version
    from photodiary.settings import Settings

TAKEN_OVER_WITHIN_S = 20.0
TRIED_WITHIN_S = 120.0
POLL_S = 0.1
TRY = "import sys; from pathlib import Path; from photodiary.eyenet import weights; weights.load(Path(sys.argv[1]), sha256=sys.argv[2])"


def list_(options: argparse.Namespace) -> int:
    _, settings = said(options)
    from photodiary.eyenet.registry import Registry

    versions = Registry(settings.state).versions()
    for version in versions:
        print(json.dumps(_about(version, settings), allow_nan=False) if options.json else _in_a_line(version, settings))
    if settings.locate.model and not options.json:
        print(f"in force is {settings.locate.model}, which the configuration names (locate.model)")
    return 0


def show(options: argparse.Namespace) -> int:
    _, settings = said(options)
    from photodiary.eyenet.registry import Registry

    versions = {version.entry.name: version for version in Registry(settings.state).versions()}
    name = options.name or next((name for name, version in versions.items() if version.in_force), None)
    if name not in versions:
        raise BadUsage(f"there is no model {name}; there are {', '.join(versions)}")
    version = versions[name]
    if options.json:
        print(json.dumps({**_about(version, settings), "card": version.card}, allow_nan=False))
        return 0
    judged = _judged(version.card)
    lines = [
        ("model", name + (", which comes with photodiary" if version.shipped else "")),
        ("in force", ("yes" if version.in_force else "no") + (f"; {settings.locate.model} is, by the configuration" if settings.locate.model else "")),
        *([("trouble", version.trouble)] if version.trouble else []),
        ("made", version.card.get("made_at")), ("learnt from", version.card.get("base")),
        ("labels", version.card.get("labels")),
        ("error", None if judged is None else "; ".join(f"{key} {before:.2f} % before, {after:.2f} % after" for key, before, after in judged)),
        ("better", None if judged is None else _better(version.card)),
        ("checksum", version.entry.sha256), ("file", version.entry.path),
    ]  # fmt: skip
    print("\n".join(f"{key:12}{value}" for key, value in lines if value is not None))
    return 0


def promote(options: argparse.Namespace) -> int:
    """Exits 0 when the model is in force, also in every service that runs; 75 when one of them has not taken it over yet, 1 when it cannot be used."""
    _, settings = said(options)
    from photodiary.eyenet.registry import Registry

    registry = Registry(settings.state)
    names = [version.entry.name for version in registry.versions()]
    if options.name not in names:
        raise BadUsage(f"there is no model {options.name}; there are {', '.join(names)}")
    try:
        _tried(registry.checked(options.name))
        new = registry.promote(options.name)
    except BadModel as error:
        print(f"photodiary: {error}; nothing was changed, {registry.standing(settings.locate.model).entry.name} stays in force", file=sys.stderr)
        return 1
    return _told(settings, registry, f"{options.name} is {'in force now' if new else 'in force already'}")


def rollback(options: argparse.Namespace) -> int:
    _, settings = said(options)
    from photodiary.eyenet.registry import Registry

    registry = Registry(settings.state)
    before = registry.standing().entry.name
    entry = registry.rollback()
    return _told(settings, registry, f"{entry.name} is in force again, {before} no more; `photodiary models promote {before}` takes this back")


def _tried(entry: ModelEntry) -> None:
    """Have another process load the model, network and all: this one never does.  Raises BadModel."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", TRY, str(entry.path), str(entry.sha256)], env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TRIED_WITHIN_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise BadModel(f"{entry.path}: loading it took longer than {TRIED_WITHIN_S:.0f} s") from error
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1].removeprefix("photodiary.errors.BadModel: ")
        raise BadModel(f"{entry.name} cannot be loaded ({why})")


def _told(settings: Settings, registry: Registry, words: str) -> int:
    """Say what is in force, and wait until every service that runs has taken it over."""
    if settings.locate.model:
        print(f"{words}, but the configuration names {settings.locate.model} (locate.model): that is what predicts until the line is removed")
        return 0
    entry = registry.standing().entry
    slow, seen = _waited(settings, entry)
    if slow:
        print(f"{words}; the running photodiary has not taken it over yet ({slow}), `photodiary status` says when", file=sys.stderr)
        return 75
    again = "photos that another model judged are looked at again in the background, and the film follows"
    print(f"{words}; {'the running photodiary predicts with it' if seen else 'the next photodiary that runs predicts with it'}, {again}")
    return 0


def _waited(settings: Settings, entry: ModelEntry) -> tuple[str | None, bool]:
    """Until all services say that the model is at work.  Returns why not, if so, and whether there are any."""
    from photodiary.ledger import wishes
    from photodiary.ledger.store import Ledger
    from photodiary.run.lock import holder, nudge

    waiting = {name: diary.archive for name, diary in settings.diary.items() if nudge(diary.archive)}
    seen, end = bool(waiting), time.monotonic() + TAKEN_OVER_WITHIN_S
    why: str | None = None
    while waiting and time.monotonic() < end:
        for name, archive in list(waiting.items()):
            try:
                ledger = Ledger(archive, writable=False)
                notes = wishes.notes(ledger)
                ledger.close()
            except PhotodiaryError as error:
                why = str(error)
                continue
            if notes.get("model", {}).get("sha256") == entry.sha256 or holder(archive) is None:
                del waiting[name]
        time.sleep(POLL_S if waiting else 0)
    return (why or f"{', '.join(waiting)} is busy") if waiting else None, seen


def _about(version: Version, settings: Settings) -> dict[str, Any]:
    judged = {key: (before, after) for key, before, after in _judged(version.card) or ()}
    before, after = judged.get("median", (None, None))
    return {
        "name": version.entry.name, "sha256": version.entry.sha256, "made_at": version.card.get("made_at"), "base": version.card.get("base"),
        "labels": version.card.get("labels"), "median_before": before, "median_after": after, "shipped": version.shipped,
        "in_force": version.in_force and not settings.locate.model, "trouble": version.trouble,
    }  # fmt: skip


def _in_a_line(version: Version, settings: Settings) -> str:
    about = _about(version, settings)
    made = "comes with photodiary" if version.shipped else f"made {str(about['made_at'] or '?')[:10]}"
    parts = [f"{about['name']:24}", f"{made:21}"]
    if about["labels"] is not None:
        parts.append(f"from {about['labels']} labels")
    if about["median_before"] is not None:
        parts.append(f"median {about['median_before']:.2f} -> {about['median_after']:.2f} %")
    parts.append(f"sha256 {(about['sha256'] or '?')[:12]}")
    if about["trouble"]:
        parts.append(f"CANNOT BE USED: {about['trouble']}")
    return f"{'*' if about['in_force'] else ' '} {'  '.join(parts)}" + ("  in force" if about["in_force"] else "")


def _judged(card: dict[str, Any]) -> list[tuple[str, float, float]] | None:
    """(key, before, after) of the errors that a card tells, in % of IOD over labels that the judged model had not seen; None when it tells none."""
    judgement = card.get("judgement")
    before, after = (judgement.get(key) if isinstance(judgement, dict) else None for key in ("before", "after"))
    if not isinstance(before, dict) or not isinstance(after, dict):
        return None
    told = [(key, before.get(key), after.get(key)) for key in ("median", "p90", "max")]
    return [(key, float(b), float(a)) for key, b, a in told if isinstance(b, int | float) and isinstance(a, int | float)] or None


def _better(card: dict[str, Any]) -> str | None:
    sure = card["judgement"].get("better")
    return f"{100 * sure:.1f} % sure that it is" if isinstance(sure, int | float) else None
