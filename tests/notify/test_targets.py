"""The ways a message goes, tried with a real HTTP server and real programs."""

from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path

import pytest
from tests.support.posted import Posted

from photodiary.errors import BadConfig
from photodiary.notify import targets
from photodiary.notify.config import NotifyConfig
from photodiary.notify.facts import Message
from photodiary.notify.targets import Command, Service, targets_of

NOW = 1_700_000_000.4
SHELLISH = 'your $(touch gone) `touch gone`; "film" is ready\nwith a second line'
MESSAGE = Message("film_ready", "me", "photodiary: your new film is ready", SHELLISH, "https://diary.example.org/diary/me/film", ("x",), {"photos": 412})


def program(folder: Path, text: str) -> Path:
    path = folder / "tell"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_service_gets_title_text_and_link() -> None:
    """Apprise brings them to a server, with the URL's password and path."""
    with Posted() as server:
        answer = Service(1, server.url).send(MESSAGE, NOW)
    assert (answer.sent, answer.words) == (True, "sent")
    (said,) = server.messages
    assert said["title"] == MESSAGE.title and said["message"] == f"{SHELLISH}\n{MESSAGE.link}"
    assert said["path"] == "/token-4711" and said["authorization"].startswith("Basic ")


def test_a_service_that_refuses_is_told_with_its_status() -> None:
    """Not sent, and the HTTP status."""
    with Posted(403) as server:
        assert Service(1, server.url).send(MESSAGE, NOW) == targets.Answer(False, "refused (HTTP status 403)")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("json://me:geheim@127.0.0.1:1/token-4711", "could not be reached"),
        ("geheim://token-4711", "none that Apprise understands"),
        ("tgram://geheim/token-4711", "none that Apprise understands"),
    ],
)
def test_nothing_that_is_said_holds_a_secret(url: str, words: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither the answer, the name, the key, nor how a target looks in a trace shows more of a URL than the kind of service."""
    target = Service(2, url)
    answer = target.send(MESSAGE, NOW)
    assert not answer.sent and words in answer.words
    out, err = capfd.readouterr()
    shown = f"{answer}{target.name}{target.key}{target!r}{NotifyConfig(urls=(url,))!r}{out}{err}"
    assert "token-4711" not in shown and url.partition("://")[2] not in shown
    assert target.name == f"URL 2 ({url.partition(':')[0]})"


def test_a_service_that_never_answers_is_given_up() -> None:
    """After the time it is given, the program that waits for it is ended."""
    with Posted(silent=True) as server:
        began = time.monotonic()
        answer = Service(1, server.url, limit_s=2.0).send(MESSAGE, NOW)
        assert not answer.sent and answer.words == "no answer within 2 seconds" and time.monotonic() - began < 30


def test_a_command_finds_the_message_on_stdin_and_in_its_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As JSON and as variables, word for word and without a shell; settings with secrets are not handed on, others are."""
    monkeypatch.setenv("PHOTODIARY_NOTIFY__URLS", '["json://geheim"]')
    monkeypatch.setenv("PHOTODIARY_CONFIG", "/etc/photodiary/config.toml")
    monkeypatch.chdir(tmp_path)
    hook = program(tmp_path, 'cat > "$1"; env -0 > "$2"')
    answer = Command((str(hook), "stdin $HOME", "environment"), 30.0).send(MESSAGE, NOW)
    assert (answer.sent, answer.words) == (True, "done")
    assert json.loads((tmp_path / "stdin $HOME").read_text()) == {
        "kind": "film_ready", "diary": "me", "title": MESSAGE.title, "text": SHELLISH, "link": MESSAGE.link, "at": 1_700_000_000, "photos": 412,
    }  # fmt: skip
    found = dict(entry.split("=", 1) for entry in (tmp_path / "environment").read_text().split("\0") if "=" in entry)
    assert {key: value for key, value in found.items() if key.startswith("EVENT_")} == {
        "EVENT_KIND": "film_ready", "EVENT_DIARY": "me", "EVENT_TITLE": MESSAGE.title, "EVENT_TEXT": SHELLISH, "EVENT_LINK": MESSAGE.link,
    }  # fmt: skip
    assert found["PHOTODIARY_CONFIG"] == "/etc/photodiary/config.toml" and "PHOTODIARY_NOTIFY__URLS" not in found
    assert not (tmp_path / "gone").exists()


def test_a_command_that_fails_or_is_not_there_is_told(tmp_path: Path) -> None:
    """Its exit status, or that there is no such program; its arguments, which may hold secrets, are not."""
    failing = Command((str(program(tmp_path, "exit 3")), "geheim"), 30.0)
    assert failing.send(MESSAGE, NOW) == targets.Answer(False, "failed (exit status 3)") and failing.name == "command tell"
    absent = Command((str(tmp_path / "none"), "geheim"), 30.0).send(MESSAGE, NOW)
    assert not absent.sent and "no such program" in absent.words
    assert "geheim" not in f"{failing!r}{failing.name}{NotifyConfig(exec=('tell', 'geheim'))!r}"


def test_a_command_that_hangs_is_killed_with_all_it_started(tmp_path: Path) -> None:
    """After its time neither it nor what it started runs on."""
    hook = program(tmp_path, f"sleep 600 & echo $! > {tmp_path}/pid; wait")
    answer = Command((str(hook),), 2.0).send(MESSAGE, NOW)
    assert not answer.sent and answer.words == "ended after 2 seconds, it was not done"
    pid = int((tmp_path / "pid").read_text())
    end = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z":
        assert time.monotonic() < end, "it lives on"
        time.sleep(0.02)


def test_a_command_that_does_not_read_is_no_trouble(tmp_path: Path) -> None:
    """A message larger than a pipe holds blocks nobody."""
    big = Message("degraded", "me", "title", "x", "", (), {"reasons": ["y" * 1_000_000]})
    assert Command(("/bin/true",), 30.0).send(big, NOW).sent
    assert os.path.exists("/bin/true")


def test_targets_are_what_the_settings_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each URL once, then the command; none at all, or URLs without Apprise, is a configuration error that says what to do."""
    both = targets_of(NotifyConfig(urls=("json://a", "json://b", "json://a"), exec=("tell",)))
    assert [target.name for target in both] == ["URL 1 (json)", "URL 2 (json)", "command tell"] and len({target.key for target in both}) == 3
    with pytest.raises(BadConfig, match="set notify.urls or notify.exec"):
        targets_of(NotifyConfig())
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BadConfig, match=r'pip install "photodiary\[notify\]"'):
        targets_of(NotifyConfig(urls=("json://a",)))
    assert [target.name for target in targets_of(NotifyConfig(exec=("tell",)))] == ["command tell"], "which needs no Apprise"


@pytest.mark.parametrize(
    "wrong",
    [
        {"urls": ("not a url",)}, {"exec": (" ",)}, {"exec_timeout_s": 0}, {"events": ("breakfast",)}, {"quiet_from": "25:00"}, {"quiet_from": ""},
        {"quiet_until": "22:00"}, {"remind_at": "8 pm"}, {"degraded_after_s": -1}, {"look_every_s": 0},
    ],
)  # fmt: skip
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    """What cannot be meant is a mistake, told with what is allowed."""
    with pytest.raises(ValueError, match="must"):
        NotifyConfig(**wrong)  # type: ignore[arg-type]
