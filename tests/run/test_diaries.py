"""Another diary: the file changes whole or not at all, keeps every byte that a person wrote, and says what the running service does with it."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photodiary import cli
from photodiary.errors import BadConfig, BadUsage
from photodiary.ledger import wishes
from photodiary.ledger.store import Ledger
from photodiary.run.config_file import changed, with_table
from photodiary.run.diaries import _beside
from photodiary.run.lock import DaemonLock
from photodiary.settings import load

ME = '# mine\ntimezone = "UTC"\n\n[diary.me]  # the first\ninbox = "inbox"\narchive = "archive"\n[film]\ncrf = 20'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    path = tmp_path / "config.toml"
    path.write_text(ME)
    return path


def call(config: Path, *arguments: str) -> int:
    return cli.main(["diary", *arguments, "--config", str(config)])


@given(st.text(min_size=1), st.text(), st.booleans())
def test_a_table_is_added_and_nothing_else(name: str, value: str, crlf: bool) -> None:
    """Whatever the name and the value, TOML reads back just that, and what was there stands before it byte for byte."""
    text = ME.replace("\n", "\r\n" if crlf else "\n").encode()
    new = with_table(text, ("diary", name), {"inbox": value}) if name != "me" else text
    assert new.startswith(text) and tomllib.loads(new.decode())["diary"].get(name) == ({"inbox": value} if name != "me" else tomllib.loads(ME)["diary"]["me"])
    assert b"\n" not in new.replace(b"\r\n", b"") or not crlf


@pytest.mark.parametrize("text", ['diary = { me = { inbox = "a", archive = "b" } }\n', "diary = 3\n", "[diary]\nanna = 1\n", "[broken meanwhile"])
def test_where_there_is_no_room_for_a_table_it_is_said(text: str) -> None:
    """A file whose tables are written in another way is left alone; the person is told what to write."""
    with pytest.raises(BadConfig, match="write it where the others stand"):
        with_table(text.encode(), ("diary", "anna"), {"inbox": "x"})
    with pytest.raises(BadUsage, match="UTF-8"):
        with_table(b"", ("diary", "anna"), {"inbox": "\udcff"})


@pytest.mark.parametrize(("archive", "beside"), [
    ("me", "anna"), ("me-archive", "anna-archive"), ("photos_of_me", "photos_of_anna"), ("memories", "memories-anna"), ("timelapse", "timelapse-anna"),
])  # fmt: skip
def test_the_archive_is_called_like_the_one_beside_it(config: Path, archive: str, beside: str) -> None:
    """With the other name where the diary's name stands as a word; a name within a word is no name."""
    config.write_text(ME.replace('"archive"', f'"{archive}"'))
    assert _beside(load(config), "anna").name == beside


def test_it_is_written_whole_with_its_mode(config: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The file keeps its mode; folders that are missing are made, the archive for its owner only; nothing running, the next step is told."""
    config.chmod(0o640)
    assert call(config, "add", "anna", "--inbox", str(tmp_path / "in-anna"), "--timezone", "Europe/Berlin") == 0
    assert config.read_text() == f'{ME}\n\n[diary.anna]\ninbox = "{tmp_path}/in-anna"\narchive = "{tmp_path}/archive-anna"\ntimezone = "Europe/Berlin"\n'
    assert stat.S_IMODE(config.stat().st_mode) == 0o640 and sorted(os.listdir(tmp_path)) == ["archive-anna", "config.toml", "in-anna", "inbox"]
    assert stat.S_IMODE((tmp_path / "archive-anna").stat().st_mode) == 0o700
    assert f"photodiary run --config {config}" in capsys.readouterr().out
    assert call(config, "add", "anna", "--inbox", str(tmp_path / "in-anna")) == 0 and config.read_text().count("[diary.anna]") == 1, "the same again"
    assert call(config, "add", "ben", "--inbox", str(tmp_path / "in-ben")) == 0
    assert load(config).diary["ben"].archive == tmp_path / "archive-ben", "called like the one before it"
    capsys.readouterr()
    assert call(config, "list", "--json") == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["name"], one["timezone"], one["running"]) for one in told] == [("me", "UTC", False), ("anna", "Europe/Berlin", False), ("ben", "UTC", False)]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["me", "--inbox", "other"], 78, "is there already"),
        (["anna", "--inbox", "inbox/below"], 78, "lie inside one another"),
        (["anna", "--inbox", "inbox"], 78, "is the same folder as diary.me.inbox"),
        (["anna", "--inbox", "other", "--archive", "inbox/archive"], 78, "lie inside one another"),
        (["anna", "--inbox", "other", "--timezone", "Mars"], 78, 'diary.anna.timezone: there is no time zone "Mars"'),
        (["anna", "--inbox", "other", "--born", "soon"], 78, "diary.anna.born"),
        (["an na", "--inbox", "other"], 78, "has letters, digits, - and _ only"),
        (["anna", "--inbox", "no/such/folder"], 64, "there is no folder"),
        (["anna", "--inbox", "config.toml"], 64, "is no folder"),
        (["anna", "--inbox", "other", "--archive", "full"], 64, "is not empty, and holds no diary"),
    ],
)
def test_a_wrong_one_is_refused_and_nothing_is_written(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str], status: int, words: str
) -> None:
    """Every problem is told as `check-config` tells it, in the file's own name; neither the file nor a folder is there that was not before."""
    monkeypatch.chdir(config.parent)
    (config.parent / "full").mkdir()
    (config.parent / "full/letters.txt").touch()
    before = sorted(os.listdir())
    assert call(config, "add", *arguments) == status
    said = capsys.readouterr().err
    assert words in said and (status != 78 or all(line.startswith(f"{config}: ") for line in said.splitlines()))
    assert config.read_text() == ME and sorted(os.listdir()) == before


def test_a_change_that_fails_leaves_nothing(config: Path) -> None:
    """Whatever goes wrong while it is checked, the file is as it was, with nothing beside it; a change by somebody else meanwhile is not lost."""
    with pytest.raises(ZeroDivisionError), changed(config, lambda text: text + b"\n"):
        _ = 1 / 0
    with pytest.raises(Exception, match="somebody else changed it"), changed(config, lambda text: text + b"\n"):
        config.write_text(ME + "\n# quickly")
    assert config.read_text() == ME + "\n# quickly" and sorted(os.listdir(config.parent)) == ["config.toml", "inbox"]
    elsewhere = config.parent / "inbox/link.toml"
    elsewhere.symlink_to(config)
    with pytest.raises(BadUsage, match="is a link into"), changed(elsewhere, lambda text: text):
        pass


@contextmanager
def served(folder: Path, problem: str | None) -> Iterator[None]:
    """As a service does that looks at this diary's inbox."""
    folder.mkdir(exist_ok=True)
    lock, ledger = DaemonLock(folder), Ledger(folder)
    wishes.note(ledger, last_scan=1, inbox_problem=problem)
    yield
    ledger.close()
    lock.release()


def test_an_inbox_that_the_service_does_not_see_is_told_with_the_command(config: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Under the hardened unit the service sees only what it was told of: it says so, with the one command that helps, and the exit status is 1."""
    inbox = tmp_path / "in-anna"
    assert call(config, "add", "anna", "--inbox", str(inbox)) == 0
    with served(tmp_path / "archive", None), served(tmp_path / "archive-anna", f"the inbox {inbox} cannot be read: Permission denied"):
        assert call(config, "add", "anna", "--inbox", str(inbox)) == 1
    said = capsys.readouterr().err
    assert "Permission denied" in said and f"sudo deploy/install.sh --diary anna --inbox {inbox}" in said


def test_a_service_that_refuses_is_told(config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the running service says against it is said, and that the diary is in the configuration all the same; exit 75."""
    monkeypatch.setattr(wishes, "get", lambda ledger, number: wishes.Wish(number, "reload", {}, None, 1.0, {"error": "its disk is full"}))
    with served(tmp_path / "archive", None):
        assert call(config, "add", "anna", "--inbox", str(tmp_path / "in-anna")) == 75
    assert "its disk is full" in capsys.readouterr().err and "anna" in load(config).diary
    with served(tmp_path / "archive", None), monkeypatch.context() as patch:
        patch.setattr(wishes, "get", lambda ledger, number: wishes.Wish(number, "reload", {}, None, 1.0, {"diaries": ["me"]}))
        assert call(config, "add", "ben", "--inbox", str(tmp_path / "in-ben")) == 75
    assert "another configuration" in capsys.readouterr().err
