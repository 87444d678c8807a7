"""TOML file plus environment into frozen values.  Every problem is found and told in a line of its own."""

from __future__ import annotations

import dataclasses
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from photodiary.align.config import AlignConfig
from photodiary.archive.reserve import DiskConfig
from photodiary.darkroom.limits import DarkroomConfig
from photodiary.diary.eyes import DoubtConfig
from photodiary.diary.reel import ReelStyle
from photodiary.errors import BadConfig
from photodiary.inbox.settle import InboxConfig
from photodiary.locate.config import LocateConfig
from photodiary.logs import LogsConfig
from photodiary.notify.config import NotifyConfig
from photodiary.render.schedule import RenderConfig
from photodiary.retrain.config import RetrainConfig
from photodiary.review.config import ReviewConfig

PREFIX = "PHOTODIARY_"
ON_DELETE = ("keep", "exclude")


@dataclass(frozen=True)
class DiarySettings:
    """One diary.  inbox: the folder to watch, never written to; archive: the folder that holds everything about it.

    timezone and canvas replace the general setting for this diary.  on_delete: what becomes of a photo that is deleted from the inbox, "keep" or
    "exclude" (out of the film after a week).  Relative paths count from the configuration file.
    """

    inbox: Path
    archive: Path
    timezone: str = ""
    canvas: str = ""
    on_delete: str = "keep"


class _Environment(EnvSettingsSource):
    """The environment, where lists are written as JSON, such as '["one", "two"]'."""

    def explode_env_vars(self, field_name: str, field: FieldInfo, env_vars: Mapping[str, str | None]) -> dict[str, Any]:
        found = super().explode_env_vars(field_name, field, env_vars)
        for key in dataclasses.fields(field.annotation) if dataclasses.is_dataclass(field.annotation) else ():
            if isinstance(key.default, tuple) and isinstance(found.get(key.name), str):
                with suppress(ValueError):  # what is no JSON is told as what is no list
                    found[key.name] = json.loads(found[key.name])
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
    render: RenderConfig = RenderConfig()
    disk: DiskConfig = DiskConfig()
    retrain: RetrainConfig = RetrainConfig()
    review: ReviewConfig = ReviewConfig()
    notify: NotifyConfig = NotifyConfig()
    logs: LogsConfig = LogsConfig()

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


def find_config(given: str | None) -> Path:
    """--config, else $PHOTODIARY_CONFIG, ./config.toml, ~/.config/photodiary/config.toml, /etc/photodiary/config.toml.  Raises BadConfig."""
    if given or os.environ.get("PHOTODIARY_CONFIG"):
        path = Path(given or os.environ["PHOTODIARY_CONFIG"])
        if not path.is_file():
            raise BadConfig(f"{path}: there is no such configuration file; `photodiary init DIR` writes one")
        return path.absolute()
    places = [Path("config.toml"), Path("~/.config/photodiary/config.toml").expanduser(), Path("/etc/photodiary/config.toml")]
    for place in places:
        if place.is_file():
            return place.absolute()
    raise BadConfig(f"no configuration file found (looked for {', '.join(str(p) for p in places)}); `photodiary init DIR` writes one")


def load(path: Path) -> Settings:
    """Read, check and assemble.  Raises BadConfig, whose text has one line a problem: `file: table.key: what is wrong, what is allowed`."""
    try:
        with path.open("rb") as handle:
            data = tomllib.load(handle)
    except OSError as error:
        raise BadConfig(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadConfig(f"{path}: is not valid TOML: {error}") from error
    problems = [f"{path}: {line}" for line in (*_unknown(data), *_unknown_environment())]
    known = _without_unknown(data)
    settings = None
    # When a table is wrong, the others are still checked against each other.
    for attempt in (known, {key: value for key, value in known.items() if key in ("timezone", "diary")}):
        try:
            settings = _absolute(Settings(**attempt), path.parent)
            problems += [f"{path}: {line}" for line in _clashes(settings)]
            break
        except ValidationError as error:
            if attempt is known:  # unknown keys have been told already
                problems += [f"{path}: {line}" for d in error.errors() if d["type"] != "unexpected_keyword_argument" for line in _in_words(d)]
        except SettingsError as error:
            problems.append(f"{path}: environment: {error}; write {PREFIX}TABLE__KEY, such as {PREFIX}FILM__CRF")
            break
    if problems or settings is None:
        raise BadConfig("\n".join(problems))
    return settings


def _in_words(detail: Any) -> Iterator[str]:
    table = ".".join(str(part) for part in detail["loc"])
    values = _tables().get(table)
    said = str(detail["msg"]).removeprefix("Value error, ")
    if detail["type"] == "tuple_type":
        said = 'must be a list, such as ["one", "two"]'
    for message in said.splitlines():
        where = table
        key, _, rest = message.partition(" ")
        if dataclasses.is_dataclass(values) and key in {f.name for f in dataclasses.fields(values)}:  # a check of the table's own
            where, message = f"{table}.{key}", rest
        yield f"{where}: {message[:1].lower()}{message[1:]}"


def _tables() -> dict[str, Any]:
    return {name: info.annotation for name, info in Settings.model_fields.items()}


def _unknown(data: dict[str, Any]) -> Iterator[str]:
    tables = _tables()
    for key, value in data.items():
        if key not in tables:
            yield f"{key}: is not a setting; known are {', '.join(tables)}"
        elif key == "diary" and isinstance(value, dict):
            for name, table in value.items():
                if isinstance(table, dict):
                    yield from _unknown_in(f"diary.{name}", table, DiarySettings)
        elif isinstance(value, dict) and dataclasses.is_dataclass(tables[key]):
            yield from _unknown_in(key, value, tables[key])


def _unknown_in(where: str, table: dict[str, Any], values: Any) -> Iterator[str]:
    known = [f.name for f in dataclasses.fields(values)]
    for key in table:
        if key not in known:
            yield f"{where}.{key}: is not a setting; known are {', '.join(known)}"


def _without_unknown(data: dict[str, Any]) -> dict[str, Any]:
    tables = _tables()
    kept: dict[str, Any] = {}
    for key, value in data.items():
        if key not in tables:
            continue
        if key == "diary" and isinstance(value, dict):
            value = {name: _known_of(table, DiarySettings) for name, table in value.items()}
        elif dataclasses.is_dataclass(tables[key]):
            value = _known_of(value, tables[key])
        kept[key] = value
    return kept


def _known_of(table: Any, values: Any) -> Any:
    names = {f.name for f in dataclasses.fields(values)}
    return {key: value for key, value in table.items() if key in names} if isinstance(table, dict) else table


def _unknown_environment() -> Iterator[str]:
    tables = _tables()
    for variable in sorted(os.environ):
        if not variable.upper().startswith(PREFIX) or variable.upper() == f"{PREFIX}CONFIG":
            continue
        table, *rest = variable[len(PREFIX) :].lower().split("__")
        values = DiarySettings if table == "diary" else tables.get(table)
        keys = rest[1:] if table == "diary" else rest
        fields = {f.name for f in dataclasses.fields(values)} if dataclasses.is_dataclass(values) else set()
        if table not in tables or len(keys) > 1 or (keys and keys[0] not in fields):
            yield f"environment variable {variable}: is not a setting; write {PREFIX}TABLE__KEY, such as {PREFIX}FILM__CRF"


def _absolute(settings: Settings, folder: Path) -> Settings:
    diaries = {
        name: dataclasses.replace(diary, inbox=_from(folder, diary.inbox), archive=_from(folder, diary.archive)) for name, diary in settings.diary.items()
    }
    locate = settings.locate
    if locate.model:
        locate = dataclasses.replace(locate, model=str(folder / Path(locate.model).expanduser()))
    retrain = settings.retrain
    if retrain.rehearsal:
        retrain = dataclasses.replace(retrain, rehearsal=str(_from(folder, Path(retrain.rehearsal))))
    return settings.model_copy(update={"diary": diaries, "locate": locate, "retrain": retrain, "state": str(_state(settings.state, folder))})


def _state(given: str, folder: Path) -> Path:
    """Where what belongs to no single diary lies: beside the configuration, but for a service of the system where such a service may write."""
    if given:
        return _from(folder, Path(given))
    return Path("/var/lib/photodiary") if folder == Path("/etc/photodiary") else folder / "state"


def _from(folder: Path, path: Path) -> Path:
    """`path` from the configuration's folder; one with an unknown home stays as it is and is told by `_clashes`."""
    try:
        return folder / path.expanduser()
    except RuntimeError:
        return path


def _clashes(settings: Settings) -> Iterator[str]:
    """What is wrong between settings: time zones, formats, folders inside one another."""
    if not settings.diary:
        yield "diary: no diary is configured; write a table [diary.NAME] with inbox and archive"
    for where, zone in [("timezone", settings.timezone)] + [(f"diary.{n}.timezone", d.timezone) for n, d in settings.diary.items() if d.timezone]:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield f'{where}: there is no time zone "{zone}"; write one like "Europe/Berlin"'
    folders: list[tuple[str, str]] = []
    for name, diary in settings.diary.items():
        if not name.replace("-", "").replace("_", "").isalnum():
            yield f"diary.{name}: a diary's name has letters, digits, - and _ only"
        if diary.on_delete not in ON_DELETE:
            yield f'diary.{name}.on_delete: must be "keep" or "exclude"'
        if diary.canvas:
            try:
                AlignConfig(diary.canvas)
            except ValueError as error:
                yield f"diary.{name}.canvas: {error}"
        for key, path in (("inbox", diary.inbox), ("archive", diary.archive)):
            if "\0" in str(path) or str(path).startswith("~"):
                yield f"diary.{name}.{key}: there can be no such folder; write an absolute path, or one relative to this file"
            else:
                folders.append((f"diary.{name}.{key}", os.path.realpath(path)))
    clashes = list(_inside_one_another(folders))
    yield from clashes
    if "\0" in settings.state or settings.state.startswith("~"):
        yield "state: there can be no such folder; write an absolute path, or one relative to this file"
    elif not clashes:
        yield from _inside_one_another([*folders, ("state", os.path.realpath(settings.state))])


def _inside_one_another(folders: list[tuple[str, str]]) -> Iterator[str]:
    for number, (where, folder) in enumerate(folders):
        for other_where, other in folders[number + 1 :]:
            if folder == other:
                yield f"{other_where}: is the same folder as {where} ({folder}); each needs a folder of its own"
            elif os.path.commonpath([folder, other]) in (folder, other):
                yield f"{other_where}: {other} and {folder} ({where}) lie inside one another; each needs a folder of its own"
