"""What the newest retraining left behind about single photos, and forgetting it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from photodiary.eyenet.writing import remove, write

OUTCOME, REPORT = "outcome.json", "report"


def forget(state: Path | str, digests: Sequence[str]) -> None:
    """Where the newest outcome tells of one of these photos (SHA-256): its part goes, and the report that may show it goes whole.

    state: the folder of what belongs to no single diary.  Raises StorageTrouble.
    """
    folder = Path(state) / "retrain"
    try:
        outcome = json.loads((folder / OUTCOME).read_bytes())
        photos = [photo for photo in outcome["photos"] if photo["sha256"] not in digests]
    except (OSError, ValueError, KeyError, TypeError):
        return  # there was none, or it says nothing of photos
    if len(photos) == len(outcome["photos"]):
        return
    with suppress(FileNotFoundError):
        for entry in sorted((folder / REPORT).iterdir()):
            remove(entry)
    write(folder / OUTCOME, json.dumps({**outcome, "photos": photos}).encode())
