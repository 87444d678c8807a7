"""Loads the resident model; the only way from a verb to torch."""

from __future__ import annotations

from photodiary.eyenet import registry
from photodiary.locate.config import LocateConfig
from photodiary.locate.views import Locator


def resident(config: LocateConfig) -> Locator:
    """The model in force on the device of the configuration, warmed up.  Raises BadModel."""
    from photodiary.locate.locator import EyeLocator

    entry = registry.current(config.model)
    return EyeLocator(entry.path, config, sha256=entry.sha256)
