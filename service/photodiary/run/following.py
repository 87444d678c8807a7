"""The resident model follows the registry's `current`, between two photos."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from photodiary.errors import PhotodiaryError
from photodiary.eyenet import registry
from photodiary.locate.views import Locator
from photodiary.settings import Settings

log = structlog.get_logger()


class Following:
    """Holds the resident locator.  `step` belongs to the thread that predicts; `trouble` says for `status` why another than the current one serves."""

    def __init__(self, settings: Settings, make: Callable[[Settings], Locator]) -> None:
        """make: loads the model in force.  Raises BadModel."""
        self._settings, self._make = settings, make
        self._registry = registry.Registry(settings.state)
        self._seen = self._registry.stamp()  # before loading: what moves meanwhile is seen by the first step
        self.locator = make(settings)
        self.trouble = self._trouble(self.locator)

    def step(self) -> bool:
        """Load the current model when `current` has moved; until that has worked the old one serves.  Returns whether another one has taken over."""
        stamp = self._registry.stamp()
        if stamp == self._seen or self._settings.locate.model:
            return False
        self._seen = stamp
        try:
            made = self._same() or self._make(self._settings)
        except (PhotodiaryError, RuntimeError, MemoryError, OSError) as error:
            self.trouble = f"the model that is current now cannot be loaded ({error}): {self.locator.name} goes on finding the eyes"
            log.warning(self.trouble, code="model.unusable", model=self.locator.name)
            return False
        self.trouble = self._trouble(made)
        if made.sha256 == self.locator.sha256:
            return False
        before, self.locator = self.locator, made
        log.info(f"the model {made.name} finds the eyes from now on, on {made.device}; before it did {before.name}", code="model.taken_over", model=made.name)
        return True

    def _same(self) -> Locator | None:
        """The one that is loaded already, when it is the one in force: then nothing need be loaded."""
        return self.locator if self._registry.standing().entry.sha256 == self.locator.sha256 else None

    def _trouble(self, locator: Locator) -> str | None:
        if self._settings.locate.model:
            return None
        standing = self._registry.standing()
        if standing.trouble is None and standing.entry.path != registry.SHIPPED and standing.entry.sha256 != locator.sha256:
            return f"the model {standing.entry.name} cannot be loaded: {locator.name} finds the eyes instead; `photodiary models rollback` settles on it"
        return standing.trouble
