"""deploy/install.sh, once there is a Python: what is done in which order."""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

import accounts
import configuration
import program
import reading
import removing
import units
from accounts import Account
from configuration import Configuration
from places import CLONE, Places, Trouble, folder_said, for_all, for_user
from upgrading import Upgrade, bring_up


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Trouble(f"{message}; deploy/install.sh --help tells more", 64)


def asked(arguments: list[str]) -> argparse.Namespace:
    parser = _Parser(add_help=False, allow_abbrev=False)
    for name in ("inbox", "archive", "diary", "timezone"):
        parser.add_argument(f"--{name}")
    for name in ("user", "cpu", "yes", "uninstall", "purge"):
        parser.add_argument(f"--{name}", action="store_true")
    return parser.parse_args(arguments)


def main() -> int:
    options = asked(sys.argv[1:])
    places = for_user() if options.user else for_all()
    if options.uninstall or options.purge:
        if options.purge:
            agreed(options, f"Remove the configuration {places.config} and what the service learnt, for good?", or_else="--purge asks first: add --yes")
        return removing.remove(places, purge=options.purge)
    places.program.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (places.program / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Trouble("another install.sh is at work; wait for it", 75) from error
        try:
            return install(options, places)
        finally:
            if os.listdir(places.program) == [".lock"]:  # nothing came of it
                (places.program / ".lock").unlink()
                places.program.rmdir()


def install(options: argparse.Namespace, places: Places) -> int:
    account = accounts.caller() if places.user else standing_account(places)
    old = configuration.read(places, account or accounts.caller())
    inbox, archive = said_inbox(options, old), None
    text = ""
    if inbox is not None:
        name = options.diary or next((diary.name for diary in old.diaries if os.path.realpath(diary.inbox) == str(inbox)) if old else iter(()), "me")
        archive = folder_said(options.archive, "--archive") if options.archive else None
        text = configuration.with_diary(old, places, name, inbox, archive, options.timezone)
        made_inbox(inbox, places)
    elif options.archive or options.timezone:
        raise Trouble(f"{places.config} is there: an archive or a time zone is changed in it, or given with the --inbox of a further diary", 64)
    if account is None:
        account, why = accounts.for_inbox(inbox if inbox is not None else first_inbox(old, places))
        account = account or accounts.make_own()
        print(why)

    own_folders(places, account)
    noted = program.in_force(places)
    wanted = program.wanted(cpu=options.cpu or noted.get("cpu") == "True")
    new = None if noted.get("fingerprint") == wanted["fingerprint"] else program.make(places, wanted)
    try:
        called = (new or places.venv) / "bin/photodiary"
        if new is not None:
            wrong = program.works(new, account)
            if wrong:
                raise Trouble(f"the program does not run as {account.name}; what was there before is in force. It said:\n{wrong}")
            wrong = configuration.check(places, account, called) if old is not None else ""
            if wrong:
                raise Trouble(
                    f"version {wanted['version']} finds this in the configuration; nothing was changed. Correct it, and call this again:\n{wrong}", 78
                )
        if text:
            configuration.add(places, account, text, called)
        now = configuration.read(places, account)
        assert now is not None
        for diary in now.diaries:
            accounts.folder_of(account, diary.archive, as_root=not places.user and os.path.realpath(diary.archive) == str(archive))
        upgrade = Upgrade(places, account, now, new, noted.get("version", ""), wanted["version"])
        upgrade.refuse_newer()
    except BaseException:
        if new is not None:
            shutil.rmtree(new, ignore_errors=True)
        raise
    units.written(places.program / "config.example.toml", (CLONE / "config.example.toml").read_text(encoding="utf-8"))
    groups = {} if places.user else {diary.inbox: group_for(places, account, diary.inbox, inbox) for diary in now.diaries if diary.inbox.is_dir()}
    seen = None if places.user else units.walls(places, now, [group for group in groups.values() if group])
    upgrade.begin(seen, config_changed=bool(text))
    command_changed = program.call_it(places, account)
    proved = [prove(options, upgrade, diary, groups.get(diary.inbox), seen, inbox) for diary in now.diaries]
    changed = bring_up(upgrade)
    report(places, account, now, upgrade, changed or command_changed)
    return 0 if all(proved) else 1


def standing_account(places: Places) -> Account | None:
    """Whose the service has been: as the drop-in says, else whose its folders are."""
    said = units.account_of(places)
    if said is not None:
        account = accounts.named(*said)
        if account is None:
            raise Trouble(f"{places.units / units.SERVICE}.d/{units.DROP_IN}: there is no user {said[0]} or group {said[1]} any more; remove the file "
                          f"and give {places.state} to another user (chown -R), then call this again")  # fmt: skip
        return account
    for path in (places.state, places.config):
        if path.exists() and path.stat().st_uid != 0:
            return accounts.of(path)
    return None


def said_inbox(options: argparse.Namespace, old: Configuration | None) -> Path | None:
    """The inbox of a diary to be added, None where the ones that there are do.  Asks on a terminal."""
    if options.inbox:
        return folder_said(options.inbox, "--inbox")
    if old is not None and (options.diary is None or any(diary.name == options.diary for diary in old.diaries)):
        return None
    if not sys.stdin.isatty():
        raise Trouble("which folder do your photos arrive in? Call it with --inbox PATH, such as: sudo deploy/install.sh --inbox /home/anna/Phone/Camera", 64)
    print("Which folder do your photos arrive in, from Syncthing, Nextcloud, Dropbox or by hand? photodiary only ever reads there.")
    while not (text := input("inbox: ").strip()):
        pass
    return folder_said(text, "inbox")


def first_inbox(old: Configuration | None, places: Places) -> Path:
    for diary in old.diaries if old else ():
        if diary.inbox.is_dir():
            return diary.inbox
    raise Trouble(f"{places.config}: none of its inboxes is there; correct them, or call this with --inbox PATH", 78)


def made_inbox(inbox: Path, places: Places) -> None:
    """Made, in the name of whoever the folder above belongs to, where it is not there yet."""
    if inbox.is_dir():
        return
    if inbox.exists() or not inbox.parent.is_dir():
        raise Trouble(
            f"--inbox {inbox}: " + ("is no folder" if inbox.exists() else "is not there, nor is the folder above it") + "; name the folder of photos", 64
        )
    owner = accounts.caller() if places.user else accounts.of(inbox.parent)
    accounts.as_account(owner, os.mkdir, str(inbox))
    print(f"{inbox} was not there and was made")


def own_folders(places: Places, account: Account) -> None:
    """The folders of configuration and state; those that are there stay as they are."""
    for folder, mode in ((places.config.parent, 0o755), (places.state, 0o700)):
        if not folder.exists():
            folder.mkdir(mode=mode, parents=True)
            folder.chmod(mode)
            if not places.user:
                os.chown(folder, account.uid, account.gid)
    if not places.config.exists() or places.user:
        return
    try:
        accounts.as_account(account, os.stat, str(places.config))
        accounts.as_account(account, Path.read_text, places.config)
    except Trouble as error:
        raise Trouble(
            f"{places.config}: the service, which runs as {account.name}, may not read it; let it: sudo chown {account.name} {places.config}"
        ) from error


def group_for(places: Places, account: Account, inbox: Path, said: Path | None) -> str | None:
    """The group by which the service reads an inbox.  The configuration belongs to a person: what it names is no reason for root to let that person into
    a group, unless root named it too, now (said) or before.
    """
    group = reading.group_of(account, inbox)
    return group if not accounts.is_persons(account.uid) or is_said(inbox, said) or group in units.groups_of(places) else None


def is_said(inbox: Path, said: Path | None) -> bool:
    return said is not None and os.path.realpath(inbox) == str(said)


def prove(options: argparse.Namespace, upgrade: Upgrade, diary: configuration.Diary, group: str | None, seen: units.Walls | None, said: Path | None) -> bool:
    """Whether the service reads the inbox, told in a line.

    Where not, it is given the right when that is agreed to: on a terminal, or by --yes for the inbox that this call names (said); else the one command is told.
    """
    places, account, inbox = upgrade.places, upgrade.account, diary.inbox
    if not inbox.is_dir():
        print(f"diary {diary.name}: {inbox} is not there at the moment; the service will say so until it is", file=sys.stderr)
        return True
    nothing = units.Walls((), (), (), ())
    answer = reading.proof(places, account, inbox, seen or nothing)
    lasting, why = reading.stays(account, inbox, group)
    if not (reading.is_proved(answer) and lasting):
        commands = reading.granting(account, inbox, places)
        question = f"{inbox} belongs to {accounts.of(inbox).name}. Give {account.name}, whom the service runs as, the right to read it?"
        if os.geteuid() == 0 and (sys.stdin.isatty() or is_said(inbox, said)) and agreed(options, question):
            wrong = reading.grant(commands)
            upgrade.changed = True  # what could not look into a folder at its start does not watch it
            if wrong:
                print(f"the right could not be given: {wrong}", file=sys.stderr)
            answer = reading.proof(places, account, inbox, seen or nothing)
            lasting, why = reading.stays(account, inbox, group)
        if not reading.is_proved(answer):
            why = answer["trouble"] or f"{answer['closed']} of {answer['files']} files may not be read, such as {answer['example']}"
            help_ = reading.in_words(commands)
            print(f"diary {diary.name}: the service cannot read {inbox} yet ({why}).\nThis gives it the right:\n  {help_}", file=sys.stderr)
            return False
        if not lasting:
            print(f"diary {diary.name}: {why}; for certain with: {reading.in_words(commands)}", file=sys.stderr)
    what = f"read {answer['read']} as {account.name}" if answer["read"] else f"{account.name} may read {inbox}, which holds no photo yet"
    print(f"diary {diary.name}: {what}" + (f"; {why}" if lasting else ""))
    return True


def agreed(options: argparse.Namespace, question: str, or_else: str = "") -> bool:
    """--yes, or an answer on a terminal.  or_else: what is told where nobody can be asked or the answer is no, which then ends it."""
    answer = options.yes
    if not answer and sys.stdin.isatty():
        answer = input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    if not answer and or_else:
        raise Trouble(or_else, 64)
    return bool(answer)


def report(places: Places, account: Account, now: Configuration, upgrade: Upgrade, changed: bool) -> None:
    """The last words: few."""
    user = " --user" if places.user else ""
    if upgrade.new is not None:
        print(f"photodiary {upgrade.version} is in force" + (f" (before: {upgrade.before})" if upgrade.before else ""))
    elif not changed:
        print(f"photodiary {upgrade.version} is here already and nothing needed a change")
    for diary in now.diaries:
        print(f"photos:  drop them into {diary.inbox}\nfilm:    {diary.archive / 'films/latest.mp4'}")
    print(f"page:    {now.page} on this machine; from a phone: see [review] in {places.config}")
    print(f"log:     journalctl{user} -fu photodiary")
    if not units.is_running(places):
        later = "With the next boot it starts by itself; by hand" if shutil.which("systemctl") else "To start it"
        print(f"There is no systemd at work here: nothing was started. {later}:")
        print(f"  {places.command} run --config {places.config}")
        return
    if places.user and not os.path.exists(f"/var/lib/systemd/linger/{account.name}"):
        print(f"It ends when you log out; to have it run always: sudo loginctl enable-linger {account.name}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as error:
        print(f"photodiary: {error}", file=sys.stderr)
        sys.exit(error.status)
    except KeyboardInterrupt:
        sys.exit(130)
