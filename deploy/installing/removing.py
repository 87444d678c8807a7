"""Taking it away: the program and the service, on --purge configuration and what was learnt as well; never an archive."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import accounts
import configuration
import program
import units
from places import Places, Trouble


def remove(places: Places, *, purge: bool) -> int:
    """Says what stays, and where."""
    archives, unknown = _archives(places)
    units.remove(places)
    program.remove(places)
    print("The service and the program are removed.")
    if purge:
        _purge(places, archives)
    else:
        for what, path in (("configuration", places.config), ("state", places.state)):
            if path.exists():
                print(f"{what}: {path} stays")
    if unknown:
        print(f"{places.config} could not be understood: archives outside {places.state} are not listed here, and stay as well", file=sys.stderr)
    for archive in archives:
        print(f"archive: {archive} stays, with its photos and films")
    if not purge:
        print("To remove configuration and state as well: deploy/install.sh --purge" + (" --user" if places.user else ""))
    return 0


def _archives(places: Places) -> tuple[list[Path], bool]:
    """All that are known: of the configuration, and whatever looks like one in the state folder.  And whether the configuration could not be asked."""
    found, unknown = [], False
    try:
        said = configuration.read(places, units_account(places))
        found = [diary.archive for diary in said.diaries if diary.archive.is_dir() and any(diary.archive.iterdir())] if said else []
    except Trouble:
        unknown = True
    found += [path for path in _inside(places.state) if path not in found]
    return found, unknown


def units_account(places: Places) -> accounts.Account:
    said = None if places.user else units.account_of(places)
    return (accounts.named(*said) if said else None) or accounts.caller()


def _inside(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    found = []
    for above, folders, _ in os.walk(folder):
        for name in list(folders):
            path = Path(above, name)
            if _is_archive(path):
                found.append(path)
                folders.remove(name)
    return sorted(found)


def _is_archive(path: Path) -> bool:
    return any((path / name).exists() for name in ("ledger.sqlite3", "originals", "films", "frames"))


def _purge(places: Places, archives: list[Path]) -> None:
    for name in ("config.toml", ".config.toml.new"):
        (places.config.parent / name).unlink(missing_ok=True)
    if places.config.parent.is_dir():
        if any(places.config.parent.iterdir()):
            print(f"{places.config.parent} stays: it holds files that are not photodiary's")
        else:
            places.config.parent.rmdir()
    kept = {os.path.realpath(archive) for archive in archives}
    if places.state.is_dir() and _emptied(places.state, kept):
        places.state.rmdir()
    if places.user:
        return
    number = accounts.named(accounts.OWN)
    if accounts.remove_own() and number is not None and places.state.exists():
        print(f"The user {accounts.OWN} is removed; what stays belongs to its number {number.uid}")


def _emptied(folder: Path, kept: set[str]) -> bool:
    """Remove what is neither an archive nor leads to one.  Returns whether nothing is left."""
    empty = True
    for entry in list(folder.iterdir()):
        real = os.path.realpath(entry)
        if real in kept or (entry.is_dir() and _is_archive(entry)):
            empty = False
        elif entry.is_symlink() or not entry.is_dir():
            entry.unlink()
        elif any(archive.startswith(real + os.sep) for archive in kept) or _inside(entry):
            if _emptied(entry, kept):
                entry.rmdir()
            else:
                empty = False
        else:
            shutil.rmtree(entry)
    return empty
