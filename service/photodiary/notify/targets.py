"""The ways a message goes: Apprise's services, and a command of the user's own.  Secrets stay in here: no sentence names more than the kind of service."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from photodiary.errors import BadConfig
from photodiary.notify.config import NotifyConfig
from photodiary.notify.facts import Message

ANSWER_S = 60.0  # for a service to take a message
SECRET = "PHOTODIARY_NOTIFY__"  # noqa: S105 - settings in the environment that begin so hold URLs, and are nobody's business
_SCHEMA = re.compile(r"([a-z][a-z0-9]{1,20})://")

REFUSALS = {
    "unknown_url": "its URL is none that Apprise understands; compare it with https://github.com/caronc/apprise/wiki",
    "unreachable": "the service could not be reached",
    "failed": "Apprise could not send it",
}


@dataclass(frozen=True)
class Answer:
    """Whether a target has the message, and what happened, as the end of a sentence."""

    sent: bool
    words: str


class Target(Protocol):
    """key: by which it is known later, and which tells nothing about it; name: for people."""

    @property
    def key(self) -> str: ...

    @property
    def name(self) -> str: ...

    def send(self, message: Message, now: float) -> Answer:
        """Try once, for a bounded time.  Never raises for what a target does."""


@dataclass(frozen=True)
class Service:
    """One Apprise URL, the `number`th in the settings."""

    number: int
    url: str = field(repr=False)
    limit_s: float = ANSWER_S

    @property
    def key(self) -> str:
        return hashlib.sha256(self.url.encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        found = _SCHEMA.match(self.url)
        return f"URL {self.number}" + (f" ({found[1]})" if found is not None else "")

    def send(self, message: Message, now: float) -> Answer:
        body = f"{message.text}\n{message.link}" if message.link else message.text
        asked = {"url": self.url, "title": message.title, "body": body}
        # -P: no module of the folder we happen to stand in takes the place of an installed one.
        command = [sys.executable, "-P", "-m", "photodiary.notify.messenger"]
        status, out = _ran(command, json.dumps(asked), self.limit_s, _environment({}), quiet=True)
        if status is None:
            return Answer(False, f"no answer within {self.limit_s:g} seconds")
        try:
            said = json.loads(out)
            if said["sent"] is True:
                return Answer(True, "sent")
            if said["why"] == "refused":
                return Answer(False, f"refused (HTTP status {int(said['code'])})")
            return Answer(False, REFUSALS[said["why"]])
        except (ValueError, KeyError, TypeError):
            return Answer(False, f"the sending program died (exit status {status})")


@dataclass(frozen=True)
class Command:
    """A command of the user's own: run without a shell, the message as JSON on its stdin and in its environment."""

    command: tuple[str, ...] = field(repr=False)
    limit_s: float
    key: str = "exec"

    @property
    def name(self) -> str:
        return f"command {os.path.basename(self.command[0])}"

    def send(self, message: Message, now: float) -> Answer:
        status, _ = _ran(self.command, json.dumps(event(message, now)), self.limit_s, _environment(variables(message)), quiet=False)
        if status is None:
            return Answer(False, f"ended after {self.limit_s:g} seconds, it was not done")
        if status == NOT_STARTED:
            return Answer(False, "there is no such program, or it may not be run")
        return Answer(status == 0, "done" if status == 0 else f"failed (exit status {status})")


def event(message: Message, now: float) -> dict[str, Any]:
    """What a command reads on stdin; now: seconds since the epoch."""
    told = {"kind": message.kind, "diary": message.diary, "title": message.title, "text": message.text, "link": message.link, "at": round(now)}
    return {**told, **message.data}


def variables(message: Message) -> dict[str, str]:
    """What a command finds in its environment.  None begins with PHOTODIARY_, which are settings: the command may call photodiary itself."""
    told = {"KIND": message.kind, "DIARY": message.diary, "TITLE": message.title, "TEXT": message.text, "LINK": message.link}
    return {f"EVENT_{key}": value.replace("\0", "") for key, value in told.items()}


def targets_of(config: NotifyConfig) -> list[Target]:
    """Everything messages go to.  Raises BadConfig when there is nothing, or Apprise is missing."""
    if not config.urls and not config.exec:
        raise BadConfig("there is nobody to send messages to: set notify.urls or notify.exec in the configuration (config.example.toml explains both)")
    if config.urls and importlib.util.find_spec("apprise") is None:
        raise BadConfig('notify.urls needs Apprise, which is not installed: pip install "photodiary[notify]"')
    services: list[Target] = [Service(number, url) for number, url in enumerate(dict.fromkeys(config.urls), start=1)]
    return services + ([Command(config.exec, config.exec_timeout_s)] if config.exec else [])


NOT_STARTED = -1000


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.upper().startswith(SECRET)} | dict(more)


def _ran(command: Sequence[str], text: str, limit_s: float, environment: Mapping[str, str], *, quiet: bool) -> tuple[int | None, str]:
    """Exit status, None when it took too long and was killed with all it had started; and its stdout when `quiet`, else that goes to our stderr."""
    try:
        process = subprocess.Popen(
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE if quiet else 2, stderr=subprocess.DEVNULL if quiet else None,
            env=dict(environment), start_new_session=True, text=True,
        )  # fmt: skip
    except (OSError, ValueError):
        return NOT_STARTED, ""
    try:
        out, _ = process.communicate(text, timeout=limit_s)
    except subprocess.TimeoutExpired:
        _end(process)
        return None, ""
    except BaseException:
        _end(process)
        raise
    return process.returncode, out or ""


def _end(process: subprocess.Popen[str]) -> None:
    """Kill it and what it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # words for a dead program were still waiting
                pipe.close()
