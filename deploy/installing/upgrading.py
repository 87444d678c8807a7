"""From one version to the next: stop, copy the diary databases, exchange the program, start, wait until it is ready; and back, where it does not become so."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import ledgers
import program
import units
from accounts import Account, as_account
from configuration import Configuration
from places import Places, Trouble


class Upgrade:
    """new: the venv to be put in force, None where the one in force stays."""

    def __init__(self, places: Places, account: Account, now: Configuration, new: Path | None, before: str, version: str) -> None:
        self.places, self.account, self.now, self.new, self.before, self.version = places, account, now, new, before, version
        self.old: Path | None = None
        self.copies: dict[str, str] = {}
        self.was_active: list[str] = []
        self.files: dict[Path, bytes | None] = {}
        self.changed = False

    def begin(self, seen: units.Walls | None, *, config_changed: bool) -> None:
        """Up to where the service could be started.  Raises Trouble, after which everything is as it was and runs."""
        self.was_active = units.active(self.places) if units.is_running(self.places) else []
        self.files = self._unit_files()
        if self.new is not None:
            self._exchange(self.new)
        try:
            changed = units.install(self.places, self.account, seen)
        except BaseException:
            if self.old is not None:
                self.go_back()
            raise
        self.changed = bool(self.new is not None or changed or config_changed)
        if changed and units.is_running(self.places):
            units.systemctl(self.places, "daemon-reload")

    def refuse_newer(self) -> None:
        """Before anything is stopped: an older program could not open what a newer one has written.  Raises Trouble."""
        known = None if self.new is None else program.knows(self.new, self.account)
        for diary in self.now.diaries if known is not None else ():
            form = as_account(self.account, ledgers.form, str(diary.archive))
            if form is not None and form > known:
                raise Trouble(f"{diary.archive}: the diary database was made by a newer photodiary (its form is {form}, {self.version} knows {known}), "
                              "which stays in force; deploy/guide/upgrade.md tells the way back", 78)  # fmt: skip

    def _exchange(self, new: Path) -> None:
        if self.was_active:
            units.systemctl(self.places, "stop", *self.was_active)
        try:
            for diary in self.now.diaries:
                busy = as_account(self.account, ledgers.at_work, str(diary.archive))
                if busy is not None:
                    raise Trouble(f"process {busy} is at work on the diary {diary.name}, and is not the service; end it, then call this again", 75)
            if program.in_force(self.places):
                for diary in self.now.diaries:
                    copied = as_account(self.account, ledgers.copy, str(diary.archive), self.version)
                    if copied is not None:
                        self.copies[str(diary.archive)] = copied
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            if self.was_active:
                units.systemctl(self.places, "start", *self.was_active)
            raise
        self.old = program.put_in_force(self.places, new)

    def _unit_files(self) -> dict[Path, bytes | None]:
        names = {path.name for path in units.shipped(self.places)}
        names |= {path.name for path in self.places.pristine.iterdir()} if self.places.pristine.is_dir() else set()
        paths = [folder / name for name in names for folder in (self.places.units, self.places.pristine)]
        paths += [self.places.units / f"{name}.d" / units.DROP_IN for name in names]
        return {path: path.read_bytes() if path.exists() else None for path in paths}

    def go_back(self) -> None:
        """The program, the units and, where their form was changed, the databases as they were."""
        assert self.old is not None and self.new is not None
        units.systemctl(self.places, "stop", *self.was_active, units.SERVICE)
        for path, content in self.files.items():
            if content is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(content)
        units.systemctl(self.places, "daemon-reload")
        program.put_in_force(self.places, self.old)
        for archive, copied in self.copies.items():
            as_account(self.account, ledgers.bring_back, archive, copied)
        shutil.rmtree(self.new, ignore_errors=True)
        if self.was_active:
            units.systemctl(self.places, "start", *self.was_active)


def bring_up(upgrade: Upgrade) -> bool:
    """Enable what is new, start what is to run, and wait until it is ready.  Returns whether anything changed.  Raises Trouble, after having gone back."""
    places = upgrade.places
    enabled, started = _enable(upgrade), False
    if units.is_running(places):
        wanted = [name for name in dict.fromkeys([*upgrade.was_active, *enabled, *_to_run(places)]) if not name.startswith("photodiary-retrain.service")]
        for name in sorted(wanted, key=lambda name: name != units.SERVICE):
            if not upgrade.changed and name in upgrade.was_active:
                continue
            started = True
            print(f"starting {name.removesuffix('.service')} ...", flush=True)
            began = int(time.time())
            done = units.systemctl(places, "restart", name)
            if done.returncode != 0 or units.systemctl(places, "is-active", "--quiet", name).returncode != 0:
                _fell_over(upgrade, name, began)
    if upgrade.old is not None:
        program.clean(places)
    return bool(upgrade.changed or enabled or started)


def _enable(upgrade: Upgrade) -> list[str]:
    """Each unit once: who disables one later finds it so after the next upgrade.  Returns those enabled now."""
    places, now = upgrade.places, upgrade.now
    wanted = [units.SERVICE, units.PAGE]
    wanted += [units.MESSAGES] if now.notifies else []
    wanted += [units.LEARNING] if now.learns_by_timer else []
    noted = places.program / ".enabled"
    done = noted.read_text(encoding="utf-8").split() if noted.exists() else []
    enabled = []
    for name in wanted:
        if name in done or not (places.units / name).exists():
            continue
        if units.systemctl(places, "enable", name).returncode == 0:
            enabled.append(name)
    if enabled:
        noted.write_text("\n".join([*done, *enabled, ""]), encoding="utf-8")
    return enabled


def _to_run(places: Places) -> list[str]:
    return [name for name in (units.SERVICE, units.PAGE) if units.systemctl(places, "is-enabled", "--quiet", name).returncode == 0]


def _fell_over(upgrade: Upgrade, name: str, began: int) -> None:
    places = upgrade.places
    told = _journal(places, name, began)
    if name != units.SERVICE:
        print(f"{name} did not start; the service itself runs. It said:\n{told}", file=sys.stderr)
        return
    more = f"To find out more: journalctl{' --user' if places.user else ''} -u photodiary"
    if upgrade.old is None:
        raise Trouble(f"the service did not become ready. It said:\n{told}\n{more}; then call this again")
    upgrade.go_back()
    before = upgrade.before or "the one before"
    raise Trouble(f"version {upgrade.version} did not become ready; {before} is in force again, with its databases. It said:\n{told}\n{more}")


def _journal(places: Places, name: str, since: int) -> str:
    if shutil.which("journalctl") is None:
        return "(there is no journal)"
    whose = ["--user", "--user-unit", name] if places.user else ["-u", name]
    done = subprocess.run(["journalctl", *whose, "--since", f"@{since}", "-n", "8", "-o", "cat", "--no-pager"], check=False, capture_output=True, text=True)
    return done.stdout.strip() or "(nothing)"
