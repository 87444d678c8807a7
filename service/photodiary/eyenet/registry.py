"""Which model is in force.  Never loads it, so that asking costs nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from photodiary.errors import BadModel

SHIPPED = Path(__file__).with_name("base.safetensors")
CARD = Path(__file__).with_name("base.json")


@dataclass(frozen=True)
class ModelEntry:
    """A model file, its name and the checksum that was recorded when it was made (None: not recorded)."""

    path: Path
    name: str
    sha256: str | None


def current(own: str = "") -> ModelEntry:
    """The user's own weights when `own` names a file, else those in the package.  Raises BadModel."""
    if own:
        path = Path(own)
        if not path.is_file():
            raise BadModel(f"{path}: there is no model file; leave locate.model empty to use the one that comes with photodiary")
        return ModelEntry(path, path.stem, None)
    try:
        card = json.loads(CARD.read_text(encoding="utf-8"))
        return ModelEntry(SHIPPED, str(card["name"]), str(card["sha256"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadModel(f"{CARD}: the package is incomplete ({error!r}); install photodiary again") from error
