"""Reads a configuration.  Every problem is found and told in a line of its own."""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsError

from photodiary.errors import BadConfig
from photodiary.settings.clashes import clashes
from photodiary.settings.values import NAMED, PREFIX, Settings


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


def load(path: Path, *, lightly: bool = False) -> Settings:
    """Read, check and assemble.  Raises BadConfig, whose text has one line a problem: `file: table.key: what is wrong, what is allowed`.

    lightly: for whoever makes no film; whether what it writes into pictures can be written is not asked, which may take half a second.
    """
    try:
        with path.open("rb") as handle:
            data = tomllib.load(handle)
    except OSError as error:
        raise BadConfig(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadConfig(f"{path}: is not valid TOML: {error}") from error
    problems = [f"{path}: {line}" for line in (*_unknown(data), *_unknown_environment())]
    known = attempt = _without_unknown(data)
    settings = None
    for _ in range(2):
        try:
            settings = _absolute(Settings(**attempt), path.parent)
            problems += [f"{path}: {line}" for line in clashes(settings, lightly=lightly)]
            break
        except ValidationError as error:
            if attempt is known:
                problems += [f"{path}: {line}" for line in _told(error)]
            wrong = {detail["loc"][0] for detail in error.errors()}  # the others are still checked against each other
            attempt = {key: value for key, value in known.items() if key in ("timezone", "diary") or key not in wrong}
        except SettingsError as error:
            problems.append(f"{path}: environment: {error}; write {PREFIX}TABLE__KEY, such as {PREFIX}FILM__CRF")
            break
    if problems or settings is None:
        raise BadConfig("\n".join(problems))
    return settings


def _told(error: ValidationError) -> Iterator[str]:
    """Its problems in words; what a further film has from the main one is told of that only.  Unknown keys are told already."""
    lines = [line for detail in error.errors() if detail["type"] != "unexpected_keyword_argument" for line in _in_words(detail)]
    main = tuple(line.removeprefix("film") for line in lines if line.startswith("film."))
    yield from (line for line in lines if not (line.startswith("films.") and line.endswith(main)))


def _in_words(detail: Any) -> Iterator[str]:
    table = ".".join(str(part) for part in detail["loc"])
    values = NAMED.get(detail["loc"][0], _tables().get(table))
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
        elif key in NAMED and isinstance(value, dict):
            for name, table in value.items():
                if isinstance(table, dict):
                    yield from _unknown_in(f"{key}.{name}", table, NAMED[key])
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
        if key in NAMED and isinstance(value, dict):
            value = {name: _known_of(table, NAMED[key]) for name, table in value.items()}
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
        values = NAMED.get(table, tables.get(table))
        keys = rest[1:] if table in NAMED else rest
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
    metrics = settings.metrics
    if metrics.textfile:
        metrics = dataclasses.replace(metrics, textfile=str(_from(folder, Path(metrics.textfile))))
    made = {"diary": diaries, "locate": locate, "retrain": retrain, "metrics": metrics, "state": str(_state(settings.state, folder))}
    return settings.model_copy(update=made)


def _state(given: str, folder: Path) -> Path:
    """Where what belongs to no single diary lies: beside the configuration, but for a service of the system where such a service may write."""
    if given:
        return _from(folder, Path(given))
    return Path("/var/lib/photodiary") if folder == Path("/etc/photodiary") else folder / "state"


def _from(folder: Path, path: Path) -> Path:
    """`path` from the configuration's folder; one with an unknown home stays as it is and is told by `clashes`."""
    try:
        return folder / path.expanduser()
    except RuntimeError:
        return path
