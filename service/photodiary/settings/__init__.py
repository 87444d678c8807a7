"""Everything a person can set: TOML file plus environment into frozen values of the rooms."""

from __future__ import annotations

from photodiary.settings.loading import find_config, load
from photodiary.settings.values import PREFIX, DiarySettings, Settings

__all__ = ["PREFIX", "DiarySettings", "Settings", "find_config", "load"]
