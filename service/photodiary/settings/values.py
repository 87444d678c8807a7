"""What can be set, each value beside the room that it steers; `config.example.toml` explains it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from photodiary.align.config import AlignConfig
from photodiary.archive.reserve import DiskConfig
from photodiary.darkroom.limits import DarkroomConfig
from photodiary.diary import filmset
from photodiary.diary.eyes import DoubtConfig
from photodiary.diary.filmset import FilmConfig, FilmWish
from photodiary.diary.reel_style import ReelStyle
from photodiary.inbox.settle import InboxConfig
from photodiary.locate.config import LocateConfig
from photodiary.logs import LogsConfig
from photodiary.metrics.config import MetricsConfig
from photodiary.notify.config import NotifyConfig
from photodiary.render.schedule import RenderConfig
from photodiary.retrain.config import RetrainConfig
from photodiary.review.config import ReviewConfig

PREFIX = "PHOTODIARY_"


@dataclass(frozen=True)
class DiarySettings:
    """One diary.  inbox: the folder to watch, never written to; archive: the folder that holds everything about it.

    timezone and canvas replace the general setting for this diary.  on_delete: what becomes of a photo that is deleted from the inbox, "keep" or
    "exclude" (out of the film after a week).  born: "1990-04-17", for films that write the age into the picture; "" where it is not known.  Relative paths
    count from the configuration file.
    """

    inbox: Path
    archive: Path
    timezone: str = ""
    canvas: str = ""
    on_delete: str = "keep"
    born: str = ""


NAMED: Final[dict[str, Any]] = {"diary": DiarySettings, "films": FilmConfig}
"""Tables of tables, each with a name of its own: [diary.NAME]."""


class _Environment(EnvSettingsSource):
    """The environment, where lists are written as JSON, such as '["one", "two"]'."""

    def explode_env_vars(self, field_name: str, field: FieldInfo, env_vars: Mapping[str, str | None]) -> dict[str, Any]:
        found = super().explode_env_vars(field_name, field, env_vars)
        values = NAMED.get(field_name, field.annotation)
        if not dataclasses.is_dataclass(values):
            return found
        for table in found.values() if field_name in NAMED else (found,):
            if not isinstance(table, dict):
                continue
            for key in dataclasses.fields(values):
                if isinstance(key.default, tuple) and isinstance(table.get(key.name), str):
                    with suppress(ValueError):  # what is no JSON is told as what is no list
                        table[key.name] = json.loads(table[key.name])
            if "pace" in table:  # it wins over whatever the file says about it, by its older name too
                table.setdefault("photos_per_second", 0)
        return found


class Settings(BaseSettings):
    """Everything a person can set.  Values are those of the rooms they steer; `config.example.toml` explains each."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True
    )

    timezone: str = "UTC"
    state: str = ""
    diary: dict[str, DiarySettings] = Field(default_factory=dict)
    inbox: InboxConfig = InboxConfig()
    darkroom: DarkroomConfig = DarkroomConfig()
    locate: LocateConfig = LocateConfig()
    doubt: DoubtConfig = DoubtConfig()
    align: AlignConfig = AlignConfig()
    film: ReelStyle = ReelStyle()
    films: dict[str, FilmConfig] = Field(default_factory=dict)
    render: RenderConfig = RenderConfig()
    disk: DiskConfig = DiskConfig()
    retrain: RetrainConfig = RetrainConfig()
    review: ReviewConfig = ReviewConfig()
    notify: NotifyConfig = NotifyConfig()
    metrics: MetricsConfig = MetricsConfig()
    logs: LogsConfig = LogsConfig()

    @model_validator(mode="before")
    @classmethod
    def _filled_in(cls, data: dict[str, Any]) -> dict[str, Any]:
        """What TOML has other ways to write, and what a further film leaves out: as the main film has it."""
        main = data.get("film", {})
        main = _plain(dataclasses.asdict(main) if isinstance(main, ReelStyle) else main)
        filled = {**data, "film": main}
        if isinstance(data.get("films"), dict):
            filled["films"] = {name: _inheriting(main, _plain(film)) for name, film in data["films"].items()}
        if isinstance(data.get("diary"), dict):
            filled["diary"] = {name: _plain(diary) for name, diary in data["diary"].items()}
        return filled

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource, file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:  # fmt: skip
        """The environment wins over the file, which arrives as init values."""
        return _Environment(settings_cls), init_settings

    def zone(self, name: str) -> ZoneInfo:
        """The time zone of a diary."""
        return ZoneInfo(self.diary[name].timezone or self.timezone)

    def align_of(self, name: str) -> AlignConfig:
        """The alignment of a diary: its own picture format, else the general one."""
        own = self.diary[name].canvas
        return AlignConfig(own) if own else self.align

    def films_of(self, name: str) -> list[FilmWish]:
        """The films of a diary, the main one first."""
        return filmset.films_of(name, self.film, self.films)


def _plain(table: Any) -> Any:
    """A pace may be written as a number, and a day as TOML's days are."""
    if not isinstance(table, dict):
        return table
    return {
        key: str(value) if (key == "pace" and isinstance(value, int | float)) or (key == "born" and isinstance(value, date)) else value
        for key, value in table.items()
    }  # fmt: skip


def _inheriting(main: Any, film: Any) -> Any:
    """A further film with what it leaves out.  A pace of its own is not overruled by the main film's older name for it."""
    if not isinstance(main, dict) or not isinstance(film, dict):
        return film
    own = {"photos_per_second": 0, **film} if "pace" in film else film
    return {**main, **own}
