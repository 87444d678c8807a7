"""Which model is in force, which others there are, and moving from one to another.  Never loads one, so that asking costs little.

`<state>/models/` holds NAME.safetensors with its card NAME.json, neither of which ever changes, and `current`: the names of what was put in force,
the newest last.  It is moved by one rename, so that whoever is killed leaves the older or the newer one.  Without it the shipped model is in force.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from photodiary.errors import BadModel, BadUsage
from photodiary.eyenet import header
from photodiary.eyenet.writing import locked, remove, write

SHIPPED = Path(__file__).with_name("base.safetensors")
CARD = Path(__file__).with_name("base.json")
FOLDER, POINTER = "models", "current"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
MOST = 100  # steps back that are kept


@dataclass(frozen=True)
class ModelEntry:
    """A model file, its name and the checksum that was recorded when it was made (None: not recorded)."""

    path: Path
    name: str
    sha256: str | None


@dataclass(frozen=True)
class Standing:
    """The model that is to serve, as far as can be told without loading it; `trouble` says why it is not the one that was put in force."""

    entry: ModelEntry
    trouble: str | None = None


@dataclass(frozen=True)
class Version:
    """One model that is there.  card: what was recorded about it; trouble: why it cannot be used."""

    entry: ModelEntry
    card: dict[str, Any] = field(default_factory=dict)
    shipped: bool = False
    in_force: bool = False
    trouble: str | None = None


def current(own: str = "") -> ModelEntry:
    """The user's own weights when `own` names a file, else those in the package; no registry is asked.  Raises BadModel."""
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


class Registry:
    """The models below a state folder.  state "": no folder, so only the shipped one and the user's own file."""

    def __init__(self, state: Path | str) -> None:
        self.folder = Path(state) / FOLDER if str(state) else None

    # -- what is in force ----------------------------------------------------------------------------------------------

    def standing(self, own: str = "", failed: Mapping[str, str] | None = None) -> Standing:
        """What is to serve: the user's own file, else the newest sound one of those put in force, else the shipped one.

        failed: names of models that could not be loaded, and why.  Raises BadModel when there is nothing left.
        """
        if own:
            return Standing(current(own))
        names, trouble = self._read()
        for name in dict.fromkeys(reversed(names)):
            try:
                if failed is not None and name in failed:
                    raise BadModel(failed[name])
                return self._instead(self.checked(name), trouble)
            except BadModel as error:
                trouble = trouble or f"the model {name} cannot be used ({error})"
        return self._instead(current(), trouble)

    @staticmethod
    def _instead(entry: ModelEntry, trouble: str | None) -> Standing:
        return Standing(entry, None if trouble is None else f"{trouble}: {entry.name} finds the eyes instead; `photodiary doctor --fix` settles on it")

    def stamp(self) -> tuple[int, ...] | None:
        """Something that differs whenever `current` has moved; costs one look at the folder."""
        try:
            seen = os.stat(self._file(POINTER)) if self.folder is not None else None
        except OSError:
            seen = None
        return None if seen is None else (seen.st_ino, seen.st_mtime_ns, seen.st_size)

    def checked(self, name: str) -> ModelEntry:
        """A model by name, its file whole, of our format and with the checksum of its card.  The shipped one's is asked by who loads it.

        Raises BadModel.
        """
        base = current()
        if name == base.name:
            return base
        card = self.card(name)
        path = self._file(f"{name}.safetensors")
        _sound(path, name, str(card["sha256"]))
        return ModelEntry(path, name, str(card["sha256"]))

    def card(self, name: str) -> dict[str, Any]:
        """What was recorded about a model of the registry.  Raises BadModel."""
        if self.folder is None or not NAME.fullmatch(name):
            raise BadModel(f"there is no model {name!r}")
        path = self._file(f"{name}.json")
        try:
            card = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise BadModel(f"there is no model {name}") from error
        except (OSError, ValueError, RecursionError) as error:
            raise BadModel(f"{path}: the model's card cannot be read ({error})") from error
        if not isinstance(card, dict) or card.get("name") != name or not isinstance(card.get("sha256"), str):
            raise BadModel(f"{path}: is not the card of {name}")
        return card

    def versions(self) -> list[Version]:
        """Every model there is, the shipped one first, the others in the order in which they were made."""
        base, force = current(), self.standing().entry.name
        found = [Version(base, {}, shipped=True, in_force=force == base.name)]
        for path in [] if self.folder is None else sorted(self.folder.glob("*.json")):
            if path.stem == base.name:
                continue
            try:
                card = self.card(path.stem)
            except BadModel as error:
                found.append(Version(ModelEntry(path.with_suffix(".safetensors"), path.stem, None), trouble=str(error)))
                continue
            try:
                entry, trouble = self.checked(path.stem), None
            except BadModel as error:
                entry, trouble = ModelEntry(path.with_suffix(".safetensors"), path.stem, card["sha256"]), str(error)
            found.append(Version(entry, card, in_force=force == entry.name, trouble=trouble))
        return [found[0], *sorted(found[1:], key=lambda version: (str(version.card.get("made_at", "")), version.entry.name))]

    # -- moving --------------------------------------------------------------------------------------------------------

    def publish(self, weights: Path, card: Mapping[str, Any]) -> ModelEntry:
        """Take a copy of a model file into the registry, with its card last; it is not in force by that.  The same once more changes nothing.

        card: at least `name`, as the file itself says.  Raises BadModel for a file that is not sound, or a name that is another model's;
        StorageTrouble.
        """
        name = str(card.get("name", ""))
        if not NAME.fullmatch(name):
            raise BadModel(f"{weights}: a model's name has letters, digits, dots, - and _ only, not {name!r}")
        try:
            data = weights.read_bytes()
        except OSError as error:
            raise BadModel(f"{weights}: the model file cannot be read: {error.strerror}") from error
        digest = hashlib.sha256(data).hexdigest()
        if card.get("sha256", digest) != digest:
            raise BadModel(f"{weights}: the model file is not the one that its card is of")
        if header.of_bytes(data, weights).name != name:
            raise BadModel(f"{weights}: is not called {name!r} inside")
        with locked(self._file(".")):
            path = self._file(f"{name}.safetensors")
            if self._file(f"{name}.json").exists():
                if str(self.card(name)["sha256"]) != digest:
                    raise BadModel(f"there is another model of the name {name}, and models never change; give it a new name")
            elif name == current().name and digest != current().sha256:
                raise BadModel(f"{name} is the name of the model that comes with photodiary; give it a new name")
            write(path, data)
            if not self._file(f"{name}.json").exists():
                made = {"name": name, "sha256": digest, "made_at": datetime.now(UTC).isoformat(timespec="seconds"), **card}
                write(self._file(f"{name}.json"), json.dumps({**made, "sha256": digest}, indent=2, allow_nan=False).encode())
        return ModelEntry(path, name, digest)

    def promote(self, name: str) -> bool:
        """Put a sound model in force.  Returns whether it was not before.  What was in force until now stays, for `rollback`.

        Raises BadModel for one that is not there or not sound; StorageTrouble.
        """
        with locked(self._file(".")):
            self.checked(name)
            names, trouble = self._read()
            base = current()
            if trouble is None and (names[-1] if names else base.name) == name:
                return False
            if not names or name == base.name:
                self._keep(base)
            self._point([*(names or [base.name]), name])
        return True

    def rollback(self) -> ModelEntry:
        """Put in force again what was before, the newest sound one of them.  Returns it.  Raises BadUsage when there is nothing older."""
        with locked(self._file(".")):
            names, trouble = self._read()
            if not names and trouble is None:
                raise BadUsage(f"{current().name}, which comes with photodiary, is in force; there is nothing older to go back to")
            return self._settle(names[:-1])

    def mend(self) -> ModelEntry:
        """Put in force what serves anyway, the newest sound one.  Returns it."""
        with locked(self._file(".")):
            return self._settle(self._read()[0])

    def set_aside(self, name: str) -> str:
        """A model that cannot be used is no version any more; nothing of it is deleted.  Returns what its card is called now."""
        with locked(self._file(".")):
            card = self._file(f"{name}.json")
            card.replace(card.with_suffix(".json.damaged"))
        return f"{name}.json.damaged"

    def _settle(self, names: list[str]) -> ModelEntry:
        while names:
            try:
                entry = self.checked(names[-1])
                break
            except BadModel:
                names = names[:-1]
        else:
            entry = current()
        self._point([] if set(names) <= {current().name} else names)
        return entry

    def _keep(self, base: ModelEntry) -> None:
        """A copy of the shipped model stays when another takes its place: an upgrade must not take away what one may want to go back to."""
        if not self._file(f"{base.name}.json").exists():
            data = _sound(base.path, base.name, str(base.sha256))
            write(self._file(f"{base.name}.safetensors"), data)
            card = {"name": base.name, "sha256": base.sha256, "made_at": _made(base.path), "shipped": True}
            write(self._file(f"{base.name}.json"), json.dumps(card, indent=2).encode())

    def _read(self) -> tuple[list[str], str | None]:
        """The names put in force, the newest last; and what is wrong with `current`."""
        if self.folder is None:
            return [], None
        try:
            names = json.loads(self._file(POINTER).read_text(encoding="utf-8"))["models"]
        except FileNotFoundError:
            return [], None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            return [], f"{self._file(POINTER)}: which model is current cannot be read ({error!r})"
        if not isinstance(names, list) or not all(isinstance(name, str) and NAME.fullmatch(name) for name in names):
            return [], f"{self._file(POINTER)}: which model is current cannot be read"
        return names, None

    def _point(self, names: list[str]) -> None:
        if names:
            write(self._file(POINTER), json.dumps({"models": names[-MOST:]}).encode())
        else:
            remove(self._file(POINTER))

    def _file(self, name: str) -> Path:
        if self.folder is None:
            raise BadUsage("there is no folder for models; `state` in the configuration says where it is")
        return self.folder / name


def _sound(path: Path, name: str, sha256: str) -> bytes:
    """The bytes of a model file that has this checksum, our format and this name.  Raises BadModel."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadModel(f"{path}: the model file cannot be read: {error.strerror}") from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != sha256:
        raise BadModel(f"{path}: the model file is damaged (checksum {digest[:12]}, recorded {sha256[:12]})")
    if header.of_bytes(data, path).name != name:
        raise BadModel(f"{path}: is not called {name} inside")
    return data


def digest_of_file(path: Path) -> str | None:
    """The checksum of a model file; None when it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _made(path: Path) -> str:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
