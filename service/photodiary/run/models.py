"""Loads the resident model; the only way from a verb to torch.  The verbs about models stand in `run/versions.py`."""

from __future__ import annotations

import structlog

from photodiary.errors import BadModel
from photodiary.eyenet import registry
from photodiary.locate.config import LocateConfig
from photodiary.locate.views import Locator

log = structlog.get_logger()


def resident(config: LocateConfig, state: str = "") -> Locator:
    """The model in force on the device of the configuration, warmed up; where it cannot be loaded the one before it, in the end the shipped one.

    state: the folder of what belongs to no single diary, "" for none.  Raises BadModel for a file that the configuration names, or when even
    the shipped one cannot be loaded.
    """
    from photodiary.locate.locator import EyeLocator

    failed: dict[str, str] = {}
    while True:
        standing = registry.Registry(state).standing(config.model, failed)
        entry = standing.entry
        try:
            locator = EyeLocator(entry.path, config, sha256=entry.sha256)
        except BadModel as error:
            if config.model or entry.path == registry.SHIPPED:
                raise
            failed[entry.name] = str(error)
            continue
        if standing.trouble is not None:
            log.warning(standing.trouble, code="model.unusable", model=entry.name)
        return locator
