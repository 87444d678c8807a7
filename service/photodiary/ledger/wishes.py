"""Wishes anyone may append for the holder of `daemon.lock` to act on, and small notes about the diary's state."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from photodiary.ledger.store import Connection, Ledger

TALLY = "tally"  # the note of what is counted for `status`; it names days that lack a photo


@dataclass(frozen=True)
class Wish:
    id: int
    kind: str  # "import", "scan", "render", "refit", "decide", "forget", "retry", "move", "reload"
    details: dict[str, Any]
    progress: dict[str, Any] | None
    done_at: float | None
    outcome: dict[str, Any] | None
    made_at: float = 0.0  # seconds since the epoch


def make(ledger: Ledger, kind: str, details: dict[str, Any], now: float) -> int:
    with ledger.write() as db:
        return make_within(db, kind, details, now)


def make_within(db: Connection, kind: str, details: dict[str, Any], now: float) -> int:
    """A wish in the transaction of the facts that it is about."""
    made = db.execute("INSERT INTO wishes (kind, details, made_at) VALUES (?, ?, ?)", (kind, json.dumps(details), now))
    assert made.lastrowid is not None
    return made.lastrowid


def _wish(row: Any) -> Wish:
    def parsed(text: str | None) -> Any:
        return None if text is None else json.loads(text)

    return Wish(row["id"], row["kind"], parsed(row["details"]), parsed(row["progress"]), row["done_at"], parsed(row["outcome"]), row["made_at"])


def oldest_open(ledger: Ledger, *kinds: str) -> Wish | None:
    marks = ",".join("?" * len(kinds))
    with ledger.read() as db:
        row = db.execute(f"SELECT * FROM wishes WHERE done_at IS NULL AND kind IN ({marks}) ORDER BY id LIMIT 1", kinds).fetchone()
    return None if row is None else _wish(row)


def is_open(ledger: Ledger, kind: str, *, after: int) -> bool:
    """Whether there is an open wish of a kind that was made after another one."""
    with ledger.read() as db:
        return db.execute("SELECT 1 FROM wishes WHERE done_at IS NULL AND kind = ? AND id > ? LIMIT 1", (kind, after)).fetchone() is not None


def get(ledger: Ledger, wish_id: int) -> Wish:
    with ledger.read() as db:
        return _wish(db.execute("SELECT * FROM wishes WHERE id = ?", (wish_id,)).fetchone())


def report(ledger: Ledger, wish_id: int, progress: dict[str, Any]) -> None:
    with ledger.write() as db:
        db.execute("UPDATE wishes SET progress = ? WHERE id = ?", (json.dumps(progress), wish_id))


def fulfil(ledger: Ledger, wish_id: int, outcome: dict[str, Any], now: float) -> None:
    with ledger.write() as db:
        fulfil_within(db, wish_id, outcome, now)


def fulfil_within(db: Connection, wish_id: int, outcome: dict[str, Any], now: float) -> None:
    """Its details go: nobody acts on them again, and they may name files of a photo that is forgotten later."""
    db.execute("UPDATE wishes SET done_at = ?, outcome = ?, details = '{}' WHERE id = ?", (now, json.dumps(outcome), wish_id))


def note(ledger: Ledger, **values: Any) -> None:
    """Set notes by key; only what differs is written."""
    known = notes(ledger)
    changed = {key: value for key, value in values.items() if key not in known or known[key] != value}
    if changed:
        with ledger.write() as db:
            db.executemany("INSERT OR REPLACE INTO notes (key, value) VALUES (?, ?)", [(k, json.dumps(v)) for k, v in changed.items()])


def notes(ledger: Ledger) -> dict[str, Any]:
    with ledger.read() as db:
        return {row[0]: json.loads(row[1]) for row in db.execute("SELECT key, value FROM notes")}
