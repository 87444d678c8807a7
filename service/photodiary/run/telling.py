"""Looks at what the service has done, and sends what is due."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from photodiary.archive.store import Archive
from photodiary.diary.hours import day_of
from photodiary.errors import PhotodiaryError, StorageTrouble
from photodiary.notify.due import Due, look
from photodiary.notify.facts import Facts
from photodiary.notify.memory import WAITS, Memory, from_text, to_text
from photodiary.notify.targets import Target
from photodiary.run import facts
from photodiary.settings import Settings

log = structlog.get_logger()

SENT = "notify/sent.json"  # below the state folder


class Teller:
    """Looks, and sends what is due.  memories: what was told, by diary; in the file after each change."""

    def __init__(self, settings: Settings, targets: Sequence[Target]) -> None:
        self.settings = settings
        self.memories: dict[str, Memory] = {}
        self._targets = {target.key: target for target in targets}
        self._state = Archive(Path(settings.state))
        self._patient = False
        self._trouble = ""  # said already

    @property
    def names(self) -> list[str]:
        """Of the targets, for people."""
        return [target.name for target in self._targets.values()]

    def with_(self, settings: Settings, targets: Sequence[Target]) -> Teller:
        """The same memory with other settings."""
        made = Teller(settings, targets)
        made.memories, made._patient = self.memories, self._patient
        return made

    def restore(self, *, patient: bool = False) -> None:
        """Read what was told before.  patient: this process lives on and remembers, so that it may send also when the disk refuses.

        What lasted when an earlier process saw it last may have gone and come again since: for a patient one it begins anew.
        """
        self._patient = patient
        path = Path(self.settings.state) / SENT
        try:
            self.memories = from_text(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            log.warning(f"{path}: cannot be understood ({error}); some messages may come a second time", code="notify.forgot")
        if patient:
            self.memories = {name: Memory(memory.told) for name, memory in self.memories.items()}

    def try_to_tell(self, now: float, stopping: Callable[[], bool]) -> None:
        """`tell`; what stands in its way is logged once and may be over at the next look."""
        try:
            self.tell(now, stopping)
            self._trouble = ""
        except PhotodiaryError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                log.warning(f"{error}; looking again later", code="notify.trouble")

    def tell(self, now: float, stopping: Callable[[], bool] = lambda: False) -> bool:
        """One look at everything; sends what is due.  Returns whether a delivery is left to be tried again.

        stopping: asked before each delivery; what is not sent then is left.  Raises LedgerTrouble, and StorageTrouble unless patient.
        """
        for one in facts.gather(self.settings, now):
            before = self.memories.get(one.diary, Memory())
            memory, due = look(one, before, now, self.settings.notify)
            self._remember(one.diary, memory)
            for delivery in due:
                self._deliver(one, delivery, now, stopping)
        mine = [self.memories.get(name, Memory()) for name in (*self.settings.diary, "")]
        return any(told.left for memory in mine for told in memory.told.values())

    def _deliver(self, one: Facts, due: Due, now: float, stopping: Callable[[], bool]) -> None:
        message, kind = due.message, due.message.kind
        to = [key for key in (self._targets if due.to is None else due.to) if key in self._targets]
        memory = self.memories.get(one.diary, Memory())
        self._remember(one.diary, memory.begun(kind, message.what, tuple(to), day_of(now, one.zone).isoformat(), now))
        for key in to:
            if stopping():
                return
            target = self._targets[key]
            answer = target.send(message, now)
            if answer.sent:
                self._remember(one.diary, self.memories[one.diary].delivered(kind, key))
                log.info(f"{target.name}: {message.title}: {answer.words}", code="notify.sent", diary=one.diary)
                continue
            tries = self.memories[one.diary].told[kind].tries
            then = "given up" if tries > len(WAITS) else f"trying again in {WAITS[tries - 1] / 60:.0f} min"
            log.warning(f"{target.name}: {message.title}: {answer.words}; {then}", code="notify.failed", diary=one.diary)

    def _remember(self, diary: str, memory: Memory) -> None:
        if self.memories.get(diary, Memory()) == memory:
            return
        self.memories[diary] = memory
        try:
            self._state.publish(SENT, to_text(self.memories).encode())
        except StorageTrouble as error:
            if not self._patient:
                raise
            log.warning(f"{error}; what was told is remembered until this process ends", code="notify.unkept")
