"""What a person or a script wants to know; reads ledgers only, loads nothing heavy."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from photodiary import __version__
from photodiary.archive import drop, films, layout, segments
from photodiary.archive.reserve import beginning, short_of
from photodiary.archive.store import Archive
from photodiary.diary.eyes import REASONS
from photodiary.diary.photo import Stage, shown_name
from photodiary.errors import BadModel, LedgerTrouble, PhotodiaryError, StorageTrouble
from photodiary.eyenet import header, registry
from photodiary.eyenet.likeness import ENOUGH as LIKENESS_NEEDS
from photodiary.ledger import photos, reels, summary, tally, wishes
from photodiary.ledger.store import FILE, Ledger
from photodiary.run import assessed
from photodiary.run.lock import holder
from photodiary.settings import Settings

SLOW_S = 0.2  # counting all of a diary's photos


def gather(settings: Settings) -> dict[str, Any]:
    """`status --json` of CLI.md, with `running`, `disk` and `asked` (what the page asks about) besides."""
    model: dict[str, str | None] = {"name": None, "sha256": None, "device": None}
    try:
        standing = registry.Registry(settings.state).standing(settings.locate.model)
        model.update(name=standing.entry.name, sha256=standing.entry.sha256)
        kin, trouble = header.of_file(standing.entry.path).kin, standing.trouble
    except BadModel:
        kin, trouble = "", None
    diaries = [_diary(name, settings, kin, model["name"]) for name in settings.diary]
    running = any(diary["running"] for diary in diaries)  # then the daemon says what is the matter with the model that it has loaded
    degraded: list[str] = [] if trouble is None or running else [trouble]
    for diary in diaries:
        noted, root = diary.pop("_notes"), Path(diary["archive"])
        disk = short_of(root, settings.disk)  # the daemon cannot note it when the disk is full
        degraded += [reason for reason in (disk, noted.get("unreadable")) if reason is not None]
        if diary["running"]:
            told = [reason for reason in noted.get("degraded", []) if reason not in degraded]
            degraded += [reason for reason in told if disk is None or not reason.startswith(beginning(root))]
            model.update(noted.get("model", {}))
        elif noted.get("inbox_problem"):
            degraded.append(noted["inbox_problem"])
    return {"version": __version__, "model": model, "degraded": degraded, "diaries": diaries}


def _diary(name: str, settings: Settings, kin: str, model: str | None) -> dict[str, Any]:
    diary = settings.diary[name]
    stages = dict.fromkeys((str(s) for s in Stage), 0)
    answer: dict[str, Any] = {
        "name": name, "inbox": str(diary.inbox), "archive": str(diary.archive), "running": holder(diary.archive) is not None,
        "photos": {"total": 0, **stages, "held": 0, "ignored": 0, "forgotten": 0, "duplicates": 0, "in_film": 0, "other_takes": 0, "days": 0},
        "labels": {"placed": 0, "confirmed": 0}, "asked": 0, "film_missing": [], "not_in_film": [], "reel": None, "films": [], "canvas": None,
        "disk": {"originals": 0, "frames": 0, "films": 0, "segments": 0}, "last_scan": None, "last_error": None, "_notes": {},
        "likeness": {"trusted": 0, "needed": LIKENESS_NEEDS, "used": False}, "judged_by_others": 0,
    }  # fmt: skip
    answer["disk"].update(films=films.size(diary.archive), segments=segments.size(diary.archive))
    dropped = _dropped(diary.archive)
    answer["photos"]["held"] = len(dropped)
    if not (diary.archive / FILE).exists():
        return answer
    try:
        ledger = Ledger(diary.archive, writable=False)
    except StorageTrouble as error:
        answer["_notes"] = {"unreadable": str(error)}
        return answer
    try:
        if ledger.is_new:  # the first start was interrupted
            return answer
        notes = wishes.notes(ledger)
        known = _tally(ledger, notes.get("kin") or kin, (notes.get("model", {}).get("name") if answer["running"] else model) or "")
        counts = dict(known.counts)
        answer["photos"] = {
            "total": counts.pop("total"), **counts.pop("stages"), "held": notes.get("held", 0) + summary.unknown(ledger, dropped),
            "ignored": notes.get("ignored", 0), "forgotten": notes.get("forgotten", 0), **counts,
        }  # fmt: skip
        answer["labels"], answer["asked"], answer["film_missing"], answer["not_in_film"] = known.labels, known.asked, known.film_missing, known.not_in_film
        answer["disk"].update(known.disk)
        reel = reels.newest_reel(ledger)
        if reel is not None:
            answer["reel"] = {
                "path": str(diary.archive / reel.path), "frames": reel.frames, "seconds": reel.seconds,
                "rendered_at": _moment(reel.rendered_at), "fingerprint": reel.fingerprint, "bytes": reel.bytes,
            }  # fmt: skip
        answer["films"] = [
            {"name": Path(film.path).stem, "path": str(diary.archive / film.path), "frames": film.frames, "seconds": film.seconds,
             "rendered_at": _moment(film.rendered_at), "bytes": film.bytes}
            for film in sorted(reels.newest_reels(ledger).values(), key=lambda film: (film.path != layout.LATEST, film.path))
        ]  # fmt: skip
        canvas = reels.current_canvas(ledger)
        answer["canvas"] = None if canvas is None else canvas.words
        if reel is not None:
            answer["reel"]["quality"] = assessed.told(ledger, reel.path, None if canvas is None else canvas.canvas)
        answer["last_scan"] = _moment(notes["last_scan"]) if "last_scan" in notes else None
        answer["last_error"] = notes.get("last_error")
        answer["judged_by_others"] = known.unjudged
        answer["likeness"] = {"trusted": known.trusted, "needed": LIKENESS_NEEDS, "used": known.trusted >= LIKENESS_NEEDS}
        answer["_notes"] = notes
    finally:
        ledger.close()
    return answer


def _tally(ledger: Ledger, kin: str, model: str) -> tally.Tally:
    """Of a large diary it is kept for the next time, where that is ours to write."""
    started = time.monotonic()
    known, key = tally.tally(ledger, kin, model)
    if key is not None and time.monotonic() - started > SLOW_S and ledger.path.stat().st_uid == os.geteuid():
        with suppress(PhotodiaryError):
            writer = Ledger(ledger.path.parent)
            try:
                tally.keep(writer, known, key)
            finally:
                writer.close()
    return known


def _dropped(archive: Path) -> list[str]:
    """How the SHA-256 of each photo begins that came in through the page and is not among the originals yet."""
    with suppress(StorageTrouble):
        return [dropped.digits for dropped in drop.lying(Archive(archive))]
    return []


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def in_words(status: dict[str, Any], config: Path) -> str:
    """For people."""
    model = status["model"]
    lines = [
        f"photodiary {status['version']}, configuration {config}",
        f"model {model['name'] or 'missing'}" + (f" on {model['device']}" if model["device"] else ""),
    ]
    lines += [f"trouble: {reason}" for reason in status["degraded"]]
    for diary in status["diaries"]:
        n = diary["photos"]
        parts = [f"{n['days']:,} day{'s' if n['days'] != 1 else ''}", f"{n['in_film']:,} in the film"]
        for key, words in (
            ("other_takes", "other takes kept aside"), ("doubtful", "to check"),
            ("received", "waiting for their eyes"), ("located", "waiting for their frame"), ("excluded", "left out"),
            ("quarantined", "could not be read"), ("undated", "undated"), ("held", "still arriving"), ("ignored", "ignored (no regular files)"),
            ("forgotten", "ignored (you had them forgotten)"), ("duplicates", "further copies"),
        ):  # fmt: skip
            if n[key]:
                parts.append(f"{n[key]:,} {words}")
        lines += ["", f"{diary['name']}: {'running' if diary['running'] else 'not running'}", f"  {n['total']:,} photos: {', '.join(parts)}"]
        reel = diary["reel"]
        if reel is None:
            lines.append("  no film yet")
        else:
            ago = _ago(time.time() - datetime.fromisoformat(reel["rendered_at"]).timestamp())
            lines.append(f"  film of {reel['frames']:,} photos, {reel['seconds']:.1f} s, made {ago}: {reel['path']}")
            lines += [f"    {sentence}" for sentence in (reel["quality"] or {"words": []})["words"]]
        for film in (film for film in diary["films"] if reel is None or film["path"] != reel["path"]):
            lines.append(f"  film {film['name']} of {film['frames']:,} photos, {film['seconds']:.1f} s: {film['path']}")
        if diary["canvas"]:
            lines.append(f"  picture format {diary['canvas']}")
        lines += [f"  not in the film: {entry['photos']:,} x {entry['reason']}" for entry in diary["not_in_film"]]
        known = diary["likeness"]
        lines.append(
            f"  whose face it is: compared with {known['trusted']:,} trusted frames" if known["used"]
            else f"  whose face it is: not compared yet ({known['trusted']} of {known['needed']} trusted frames); the largest, most central face counts"
        )  # fmt: skip
        if diary["judged_by_others"]:
            lines.append(f"  {diary['judged_by_others']:,} photos were judged by another model; they are looked at again while no new one waits")
        disk = diary["disk"]
        lines.append("  disk: " + ", ".join(f"{kind} {size / 1e6:,.0f} MB" for kind, size in disk.items()))
        lines.append(f"  inbox {diary['inbox']}, looked at {diary['last_scan'] or 'never'}")
        if diary["last_error"]:
            lines.append(f"  last trouble: {diary['last_error']}")
    return "\n".join(lines)


def _ago(seconds: float) -> str:
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number} {unit}{'s' if number != 1 else ''} ago"
    return "just now"


def list_photos(archive: Path) -> list[dict[str, Any]]:
    """`photos list --json` of CLI.md: one object a photo, in the film's order.  Raises LedgerTrouble without a ledger."""
    if not (archive / FILE).exists():
        raise LedgerTrouble(f"{archive}: there are no photos yet; start `photodiary run` or `photodiary scan --once` first")
    ledger = Ledger(archive, writable=False)
    try:
        canvases = {row.id: row.canvas for row in reels.all_canvases(ledger)}
        answer = []
        for photo, names in photos.everything(ledger):
            canvas = canvases.get(photo.canvas_id) if photo.canvas_id is not None else None
            sighting, eyes = photo.sighting, None if photo.sighting is None else photo.sighting.eyes
            answer.append({
                "sha256": photo.sha256, "names": [shown_name(name) for name in names], "stage": str(photo.stage),
                "taken_at": None if photo.taken is None else photo.taken.isoformat(),
                "taken_from": None if photo.taken is None else photo.taken.source,
                "width": photo.width, "height": photo.height,
                "left": None if eyes is None else list(eyes.left), "right": None if eyes is None else list(eyes.right),
                "expected_error": None if sighting is None else sighting.expected_error, "by": None if sighting is None else sighting.by,
                "reason": photo.reason,
                "canvas": None if canvas is None else {
                    "width": canvas.width, "height": canvas.height, "left": list(canvas.left), "right": list(canvas.right)},
                "matrix": None if photo.matrix is None else [list(row) for row in photo.matrix],
                "frame": photo.frame, "in_film": photo.in_film, "other_take": photo.other_take, "original": photo.original,
                "facing": {"mirrored": photo.facing.mirrored, "turned": photo.facing.turned},
            })  # fmt: skip
        return answer
    finally:
        ledger.close()


def photo_in_words(photo: dict[str, Any]) -> str:
    """One line for people."""
    when = (photo["taken_at"] or "undated").replace("T", " ")[:16]
    error = photo["expected_error"]
    where = "in the film" if photo["in_film"] else "kept aside" if photo["other_take"] else "not in the film"
    reason = f": {REASONS.get(photo['reason'], photo['reason'])}" if photo["reason"] else ""
    sure = "" if error is None else f", eyes within {error:.1f} %"
    return f"{when:16}  {photo['sha256'][:12]}  {where}{sure}{reason}  {', '.join(photo['names'])}"


def report(archive: Path, outcome: dict[str, Any]) -> str:
    """An import in words: what is in the film, what is not and why, and where days are missing."""
    mine = set(outcome["sha256"])
    rows = [photo for photo in list_photos(archive) if photo["sha256"] in mine]
    film = [row for row in rows if row["in_film"]]
    lines = [f"{outcome['total']:,} files looked at: {outcome['new'] + outcome['undated']:,} new photos, {outcome['known']:,} known already"]
    if outcome.get("forgotten"):
        lines.append(f"{outcome['forgotten']:,} ignored: you had them forgotten")
    lines.append(f"{len(film):,} in the film")
    _count(lines, rows, lambda r: r["other_take"], "other takes kept aside: another photo of the same moment or day shows")
    _count(lines, rows, lambda r: r["stage"] == Stage.DOUBTFUL, "to check")
    _count(lines, rows, lambda r: r["stage"] == Stage.EXCLUDED and r["reason"] == "no_face", "left out: no face found")
    _count(lines, rows, lambda r: r["stage"] == Stage.EXCLUDED and r["reason"] != "no_face", "left out")
    _count(lines, rows, lambda r: r["stage"] == Stage.UNDATED, "undated: kept, waiting for a date")
    _count(lines, rows, lambda r: r["stage"] in (Stage.RECEIVED, Stage.LOCATED), "still waiting")
    if outcome["unreadable"]:
        lines.append(f"{len(outcome['unreadable']):,} could not be read:")
        lines += [f"  {shown_name(entry['file'].encode('utf-8', 'surrogateescape'))}: {entry['why']}" for entry in outcome["unreadable"][:20]]
        if len(outcome["unreadable"]) > 20:
            lines.append(f"  and {len(outcome['unreadable']) - 20:,} more, see `photodiary photos list`")
    lines += _gaps([row["taken_at"][:10] for row in film if row["taken_at"]])
    return "\n".join(lines)


def _count(lines: list[str], rows: list[dict[str, Any]], which: Any, words: str) -> None:
    number = sum(1 for row in rows if which(row))
    if number:
        lines.append(f"{number:,} {words}")


def _gaps(days: list[str]) -> list[str]:
    """The three longest stretches of a month or more without a photo in the film."""
    dates = sorted({datetime.fromisoformat(day).date() for day in days})
    gaps = sorted(((b - a).days, a, b) for a, b in pairwise(dates) if (b - a).days > 30)[-3:]
    return [f"gap of {length} days between {a:%-d %B %Y} and {b:%-d %B %Y}" for length, a, b in reversed(gaps)]
