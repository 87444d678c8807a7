"""deploy/install.sh keeps what a person set, shows the service an inbox whoever owns it, and leaves the old program in force when the new one fails."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from photodiary.settings.loading import load
from tests.deploy import machine as machines
from tests.deploy.machine import Machine

INBOX = "/home/anna/Phone/Camera"
DROP_IN = "/etc/systemd/system/photodiary.service.d/10-inbox.conf"
CONFIG = "/etc/photodiary/config.toml"


@pytest.fixture
def machine() -> Iterator[Machine]:
    """With anna and ben, whose homes are closed to each other, and a photo in anna's inbox."""
    reason = machines.why_not()
    if reason is not None:
        pytest.skip(f"needs a machine of its own: {reason}")
    made = Machine(Path(tempfile.mkdtemp(prefix="photodiary-machine-")))
    try:
        yield _with_two_homes(made)
    finally:
        shutil.rmtree(made.folder)


def _with_two_homes(made: Machine) -> Machine:
    users = "for name in anna ben; do useradd --create-home --shell /bin/sh $name && chmod 700 /home/$name; done"
    photo = f"setpriv --reuid=anna --regid=anna --init-groups sh -c 'umask 077; mkdir -p {INBOX} && echo photo > {INBOX}/1.jpg'"
    prepared = made.call("sh", "-ec", f"{users}; {photo}")
    if "mount:" in prepared.stderr or "unshare" in prepared.stderr:
        pytest.skip(f"needs a machine of its own: {prepared.stderr.strip()}")
    assert prepared.returncode == 0, prepared.stderr
    return made


def _installed(machine: Machine, *arguments: str, systemd: bool = True) -> str:
    done = machine.install(*(arguments or ("--inbox", INBOX)), systemd=systemd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _seen_by_systemd(machine: Machine, key: str) -> list[str]:
    """The values of a setting of photodiary.service, drop-in included, as systemd itself understands them."""
    done = machine.call("systemd-analyze", "verify", "--man=no", "/etc/systemd/system/photodiary.service", SYSTEMD_LOG_LEVEL="debug")
    ours = done.stdout.partition("-> Unit photodiary.service:")[2].partition("\n\t-> Unit ")[0]
    return [line.split(": ", 1)[1] for line in ours.splitlines() if line.strip().startswith(f"{key}: ")]


def test_the_first_call_makes_a_service_of_the_inbox_s_owner_and_the_second_changes_nothing(machine: Machine) -> None:
    """Everything belongs to whom the photos belong to, one file was read as that user, and a second call touches no file and restarts nothing."""
    said = _installed(machine)
    assert f"read {INBOX}/1.jpg as anna" in said
    assert [line for line in machine.said_to_systemd() if line.startswith(("enable", "restart"))] == [
        "enable photodiary.service", "enable photodiary-review.service", "restart photodiary.service", "restart photodiary-review.service",
    ]  # fmt: skip
    anna = machine.at("/home/anna").stat().st_uid
    config = machine.at(CONFIG)
    assert (config.stat().st_uid, stat.S_IMODE(config.stat().st_mode)) == (anna, 0o600)
    assert (machine.at("/var/lib/photodiary/me").stat().st_uid, stat.S_IMODE(machine.at("/var/lib/photodiary/me").stat().st_mode)) == (anna, 0o700)
    settings = load(config)
    assert (settings.diary["me"].inbox, settings.diary["me"].archive) == (Path(INBOX), Path("/var/lib/photodiary/me"))
    assert _seen_by_systemd(machine, "User") == ["anna"]
    assert _seen_by_systemd(machine, "BindReadOnlyPaths") == [f"-{INBOX}:{INBOX}:rbind"]
    assert os.readlink(machine.at("/opt/photodiary/bin/photodiary")) == "../venv/bin/photodiary"

    before = machine.tree()
    machine.said_to_systemd()
    assert "nothing needed a change" in _installed(machine, "--yes")
    assert machine.tree() == before
    assert machine.said_to_systemd() == []


def test_what_a_person_set_or_switched_off_stays_so(machine: Machine) -> None:
    """Settings and comments in the configuration, a page that was disabled and a unit that was changed by hand outlive an upgrade."""
    _installed(machine)
    with machine.at(CONFIG).open("a") as file:
        file.write('\n[film]\ncrf = 19  # as I like it\n[notify]\nexec = ["/usr/local/bin/tell"]\n')
    machine.call("systemctl", "disable", "photodiary-review.service")
    machine.call("systemctl", "stop", "photodiary-review.service")
    unit = machine.at("/etc/systemd/system/photodiary-review.service")
    unit.write_text(unit.read_text() + "# mine\n")
    mine = machine.at(CONFIG).read_bytes()
    machine.said_to_systemd()
    machine.program = machine.version("2.0")
    _installed(machine, "--yes")
    assert machine.at(CONFIG).read_bytes() == mine
    assert unit.read_text().endswith("# mine\n")
    said = machine.said_to_systemd()
    assert "restart photodiary.service" in said and not any("review" in line for line in said)
    assert "enable photodiary-notify.service" in said and "restart photodiary-notify.service" in said  # it has somebody to tell now


def test_odd_names_of_folders_reach_systemd_and_the_configuration_unharmed(machine: Machine) -> None:
    """Quotes, percent signs, backslashes, colons and letters of any script are only letters of a path."""
    name = '100% "of" Anna\'s $HOME, back\\slash; für Öl: 日本 \U0001f4f7'
    inbox, archive = f"/home/anna/{name}", f"/home/anna/film {name}"
    said = _installed(machine, "--inbox", inbox, "--archive", archive)
    assert "was not there and was made" in said
    settings = load(machine.at(CONFIG))
    assert (str(settings.diary["me"].inbox), str(settings.diary["me"].archive)) == (inbox, archive)
    for key, path in (("BindReadOnlyPaths", inbox), ("BindPaths", archive)):
        assert _seen_by_systemd(machine, key) == [f"-{path}:{path}:rbind"]


def test_what_cannot_be_done_is_told_before_anything_is(machine: Machine) -> None:
    """Called wrongly, it says how to call it and installs nothing."""
    for arguments, told in (
        ((), "--inbox PATH"),
        (("--inbox", "/home/anna/new\nline"), "line break"),
        (("--inbox", "/nowhere/at/all"), "nor is the folder above it"),
        (("--inbox", INBOX, "--diary", "state"), "take another name"),
        (("--box", INBOX), "--help"),
    ):
        done = machine.install(*arguments)
        assert (done.returncode, told in done.stderr) == (64, True), done.stderr
    assert not machine.at("/opt/photodiary/venv").exists() and not machine.at("/etc/photodiary").exists()
    assert not machine.at("/etc/systemd/system/photodiary.service").exists()


def test_a_second_diary_leaves_the_first_alone_and_reads_the_photos_of_somebody_else(machine: Machine) -> None:
    """It is added at the end; without a yes the one command is told; with it the service reads what is there and what comes later."""
    _installed(machine)
    first = machine.at(CONFIG).read_text()
    theirs = "/home/ben/My Photos"
    ben = 'setpriv --reuid=ben --regid=ben --init-groups sh -c \'umask 077; mkdir -p "$0" && echo photo > "$0/$1.jpg"\''
    machine.call("sh", "-c", f"{ben} '{theirs}' 1")
    done = machine.install("--diary", "ben", "--inbox", theirs)
    assert done.returncode == 1 and f"sudo setfacl -R -P -m u:anna:rX,d:u:anna:rX '{theirs}'" in done.stderr
    assert machine.at(CONFIG).read_text().startswith(first) and set(load(machine.at(CONFIG)).diary) == {"me", "ben"}
    assert "restart photodiary.service" in machine.said_to_systemd()

    assert machine.install("--yes").returncode == 1  # what only the configuration names, which is anna's, is no reason to give anna rights
    machine.said_to_systemd()
    assert f"read {theirs}/1.jpg as anna" in _installed(machine, "--diary", "ben", "--inbox", theirs, "--yes")
    assert "restart photodiary.service" in machine.said_to_systemd()  # so that it watches the folder
    machine.call("sh", "-c", f"{ben} '{theirs}' 2")
    looked = machine.call("sh", "-c", f"cd '{theirs}' && setpriv --reuid=anna --regid=anna --init-groups cat 1.jpg 2.jpg")
    assert looked.stdout == "photo\nphoto\n", looked.stderr
    assert stat.S_IMODE(machine.at("/home/ben").stat().st_mode) == 0o700
    again = machine.install("--diary", "ben", "--inbox", "/home/ben/Other")
    assert again.returncode == 64 and f"has {theirs} as its inbox" in again.stderr


def test_the_folder_of_a_service_is_read_by_a_user_of_its_own(machine: Machine) -> None:
    """Nextcloud's folder belongs to www-data: the service becomes no www-data, but reads by its group; --purge takes the user away again."""
    theirs = "/var/lib/nextcloud/data"
    make = (
        f"umask 027; install -d -m 2750 -o www-data -g www-data {theirs} && cd {theirs} && setpriv --reuid=www-data --regid=www-data --clear-groups touch 1.jpg"
    )
    assert machine.call("sh", "-ec", make).returncode == 0
    said = _installed(machine, "--inbox", theirs)
    assert "a user of its own, photodiary" in said and f"read {theirs}/1.jpg as photodiary" in said and "the group www-data" in said
    assert _seen_by_systemd(machine, "User") == ["photodiary"] and _seen_by_systemd(machine, "SupplementaryGroups") == ["www-data"]
    _installed(machine, "--purge", "--yes")
    assert "photodiary:" not in machine.at("/etc/passwd").read_text()


def test_a_version_that_does_not_become_ready_is_taken_back_with_its_changed_database(machine: Machine) -> None:
    """The old program runs again, the database has its old form, and what the new one said is told; where it becomes ready, two copies at most are kept."""
    _installed(machine)
    ledger = machine.at("/var/lib/photodiary/me/ledger.sqlite3")
    anna = machine.at("/home/anna").stat()
    with closing(sqlite3.connect(ledger)) as database:
        database.executescript("PRAGMA journal_mode=WAL; CREATE TABLE photos (name); INSERT INTO photos VALUES ('mine'); PRAGMA user_version=8;")
    for path in ledger.parent.iterdir():
        os.chown(path, anna.st_uid, anna.st_gid)
    change = "import sqlite3; d = sqlite3.connect('/var/lib/photodiary/me/ledger.sqlite3'); d.executescript('DROP TABLE photos; PRAGMA user_version=9')"
    (machine.systemd / "broken").write_text(f'readlink /opt/photodiary/venv/bin/photodiary | grep -q 2.0 && {machines.PYTHON} -c "{change}"')
    machine.program = machine.version("2.0")
    done = machine.install()
    assert done.returncode == 1 and "is in force again" in done.stderr and "the journal of photodiary.service" in done.stderr, done.stderr
    assert machine.call("/opt/photodiary/bin/photodiary", "version").stdout == "1.0\n"
    with closing(sqlite3.connect(ledger)) as database:
        assert database.execute("SELECT name, (SELECT user_version FROM pragma_user_version) FROM photos").fetchall() == [("mine", 8)]
    assert machine.said_to_systemd()[-1] == "start photodiary-review.service photodiary.service"
    assert len(list(machine.at("/opt/photodiary").glob("venv-*"))) == 1

    (machine.systemd / "broken").unlink()
    for version in ("3.0", "4.0"):
        machine.program = machine.version(version)
        _installed(machine, "--yes")
    assert machine.call("photodiary", "version").stdout == "4.0\n"
    copies = list(ledger.parent.glob("ledger-before-*.sqlite3"))
    assert len(copies) == 2 and all(path.stat().st_uid == anna.st_uid and stat.S_IMODE(path.stat().st_mode) == 0o600 for path in copies)
    assert len(list(machine.at("/opt/photodiary").glob("venv-*"))) == 1


def test_a_version_that_refuses_the_configuration_or_cannot_be_made_is_never_put_in_force(machine: Machine) -> None:
    """The running service is not even stopped."""
    _installed(machine)
    machine.said_to_systemd()
    machine.program = machine.version("2.0", refused="diary.me")
    done = machine.install()
    assert done.returncode == 78 and "is not a setting any more" in done.stderr and CONFIG in done.stderr
    machine.program = machine.folder / "not-there"
    done = machine.install()
    assert done.returncode == 1 and "what was there before is in force" in done.stderr
    assert machine.said_to_systemd() == []
    assert machine.call("photodiary", "version").stdout == "1.0\n"
    assert len(list(machine.at("/opt/photodiary").glob("venv-*"))) == 1


def test_a_diary_that_another_process_works_on_is_not_upgraded_under_it(machine: Machine) -> None:
    """It is told which diary, and the service runs on with the old program."""
    _installed(machine)
    machine.call("sh", "-c", "cd /var/lib/photodiary/me && touch daemon.lock && chown anna daemon.lock")
    machine.said_to_systemd()
    machine.program = machine.version("2.0")
    done = machine.call("flock", "/var/lib/photodiary/me/daemon.lock", machine.install_sh)
    assert done.returncode == 75 and "at work on the diary me" in done.stderr
    assert [line.split()[0] for line in machine.said_to_systemd()] == ["stop", "start"]
    assert machine.call("photodiary", "version").stdout == "1.0\n"


def test_uninstalling_keeps_everything_that_is_somebody_s_and_purging_every_archive(machine: Machine) -> None:
    """Also an archive that the configuration does not name any more, and one elsewhere; the last one leaves no trace but them."""
    before = set(machine.tree())
    _installed(machine, "--inbox", INBOX, "--archive", "/home/anna/film")
    _installed(machine, "--inbox", "/home/anna/Other", "--diary", "other")
    for archive in ("/home/anna/film", "/var/lib/photodiary/other", "/var/lib/photodiary/old/one"):
        machine.at(archive).mkdir(parents=True, exist_ok=True)
        (machine.at(archive) / "ledger.sqlite3").write_text("a diary")
    assert "sudo chown -R anna: /home/anna/film" in machine.install().stderr
    machine.call("chown", "-R", "anna:", "/home/anna/film", "/var/lib/photodiary")
    machine.at("/var/lib/photodiary/state").mkdir()
    (machine.at("/var/lib/photodiary/state") / "model").write_text("learnt")
    said = _installed(machine, "--uninstall")
    for path in (CONFIG, "/var/lib/photodiary", "/home/anna/film", "/var/lib/photodiary/other", "/var/lib/photodiary/old/one"):
        assert f"{path} stays" in said
    assert machine.call("sh", "-c", "ls -d /opt/photodiary /usr/local/bin/photodiary /etc/systemd/system/photodiary*").stdout == ""
    assert not list(machine.systemd.glob("is-*"))
    _installed(machine, "--yes")  # and back again, as it was
    assert _seen_by_systemd(machine, "User") == ["anna"]

    assert machine.install("--purge").returncode == 64
    said = _installed(machine, "--purge", "--yes")
    assert "/home/anna/film stays" in said
    left = machine.call("find", "/var/lib/photodiary", "/home/anna/film", "-type", "f").stdout.split()
    assert left == ["/var/lib/photodiary/other/ledger.sqlite3", "/var/lib/photodiary/old/one/ledger.sqlite3", "/home/anna/film/ledger.sqlite3"]
    machine.call("rm", "-r", "/var/lib/photodiary", "/home/anna/film", "/home/anna/Other")
    assert {path for path in set(machine.tree()) - before if not os.path.isdir(path) and not stat.S_ISCHR(os.lstat(path).st_mode)} == set()


def test_where_systemd_is_not_at_work_all_is_made_ready_for_it(machine: Machine) -> None:
    """In a chroot or container: the units are enabled by Debian's own systemctl, nothing is started, and that is said; --uninstall undoes it."""
    said = _installed(machine, "--inbox", INBOX, systemd=False)
    assert f"read {INBOX}/1.jpg as anna" in said and "nothing was started" in said
    wanted = machine.at("/etc/systemd/system/multi-user.target.wants")
    assert sorted(os.listdir(wanted)) == ["photodiary-review.service", "photodiary.service"]
    _installed(machine, "--uninstall", systemd=False)
    assert not [path for path in machine.tree() if path.startswith(f"{wanted}/") and not stat.S_ISCHR(os.lstat(path).st_mode)]


def test_an_inbox_that_belongs_to_a_number_is_read_by_that_number(machine: Machine) -> None:
    """As on a NAS or behind a container; and what only the configuration names is never made by root."""
    assert machine.call("install", "-d", "-m", "700", "-o", "4711", "-g", "4712", "/home/nas").returncode == 0
    assert "4711 may read /home/nas" in _installed(machine, "--inbox", "/home/nas")
    assert _seen_by_systemd(machine, "User") == ["4711"] and "Group=4712" in machine.at(DROP_IN).read_text()
    assert (machine.at(CONFIG).stat().st_uid, machine.at("/var/lib/photodiary/me").stat().st_gid) == (4711, 4712)
    assert machine.call("photodiary", "version").stdout == "1.0\n"
    with machine.at(CONFIG).open("a") as file:
        file.write('[diary.sly]\ninbox = "/home/nas2"\narchive = "/etc/cron.d/sly"\n')
    done = machine.install()
    assert done.returncode == 1 and "sudo install -d -m 700 -o 4711 -g 4712 /etc/cron.d/sly" in done.stderr, done.stderr
    assert not machine.at("/etc/cron.d/sly").exists()


def test_for_oneself_alone_nothing_is_written_elsewhere(machine: Machine) -> None:
    """--user: program, configuration and diary lie in the home, and belong to its user."""
    call = f"{machine.bin}:$PATH"
    user = f"setpriv --reuid=anna --regid=anna --init-groups env HOME=/home/anna PATH={call}"
    script = f"chmod 1777 {machine.systemd} && {user} {machine.install_sh}"
    done = machine.call("sh", "-c", f"{script} --user --inbox {INBOX}")
    assert done.returncode == 0, done.stdout + done.stderr
    settings = load(machine.at("/home/anna/.config/photodiary/config.toml"))
    assert settings.diary["me"].archive == Path("/home/anna/.local/share/photodiary/me") and settings.state == "/home/anna/.local/share/photodiary/state"
    assert machine.call("sh", "-c", f"{user} /home/anna/.local/bin/photodiary version").stdout == "1.0\n"
    assert machine.at("/home/anna/.config/systemd/user/photodiary.service").exists()
    assert not any(machine.at(path).exists() for path in ("/opt/photodiary", "/etc/photodiary", "/usr/local/bin/photodiary"))
    again = machine.call("sh", "-c", f"{script} --user")
    assert "nothing needed a change" in again.stdout, again.stdout + again.stderr
    assert machine.call("sh", "-c", f"{script} --user --purge --yes").returncode == 0
    left = machine.call("find", "/home/anna", "-path", "*photodiary*").stdout.split()
    assert left == [], left
