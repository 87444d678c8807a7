"""Everything a user can set or call is documented, and what the documents show is true."""

from __future__ import annotations

import argparse
import dataclasses
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from photodiary import cli
from photodiary.diary.filmset import FilmConfig
from photodiary.diary.reel_style import ReelStyle
from photodiary.settings import DiarySettings, Settings, load

ROOT = Path(__file__).parents[1]
EXAMPLE = (ROOT / "config.example.toml").read_text(encoding="utf-8")
HIDDEN_SETTING = re.compile(r"^# ?(?=\[[\w.-]+\]$|[a-z_]+ = )", re.MULTILINE)


# -- settings ----------------------------------------------------------------------------------------------------------------------


def shown(text: str) -> dict[str, Any]:
    """All settings of an example file, those in comments included, as they would be read."""
    return tomllib.loads(HIDDEN_SETTING.sub("", text))


def documented() -> Iterator[tuple[str, str, Any]]:
    """(table, key, default) of everything in Settings and its tables; a diary's inbox and archive have no default, and further films are examples."""
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if dataclasses.is_dataclass(default) and not isinstance(default, type):
            yield from ((name, key.name, getattr(default, key.name)) for key in dataclasses.fields(default))
        elif name not in ("diary", "films"):
            yield "", name, default
    yield from (("diary.me", key.name, key.default) for key in dataclasses.fields(DiarySettings))
    main = {key.name for key in dataclasses.fields(ReelStyle)}
    yield from (("films.month", key.name, dataclasses.MISSING) for key in dataclasses.fields(FilmConfig) if key.name not in main)


@pytest.mark.parametrize(("table", "key", "default"), [pytest.param(*entry, id=".".join(entry[:2]).strip(".")) for entry in documented()])
def test_every_setting_is_explained_with_its_default(table: str, key: str, default: Any) -> None:
    """Each setting stands in config.example.toml with its default, with a comment in words right above it or its neighbours."""
    values = shown(EXAMPLE)
    for part in filter(None, table.split(".")):
        values = values[part]
    assert key in values, f"{table}.{key} is missing"
    if default is not dataclasses.MISSING:
        assert values[key] == (list(default) if isinstance(default, tuple) else default)
    lines = EXAMPLE.splitlines()
    start = next(n for n, line in enumerate(lines) if line in (f"[{table}]", f"# [{table}]")) if table else 0
    number = next(n for n in range(start, len(lines)) if re.match(rf"(# )?{key} = ", lines[n]))
    while re.match(r"[a-z_]+ = ", lines[number]):
        number -= 1
    assert lines[number].startswith("# ")
    assert not table.startswith("films.") or f"`{key}`" in EXAMPLE


def test_the_example_shows_nothing_that_is_no_setting() -> None:
    """The example holds the settings there are and no others."""
    keys = {(table, key) for table, key, _ in documented()}
    values = shown(EXAMPLE)
    for name, value in values.items():
        if name == "diary":
            assert {(f"diary.{diary}", key) for diary, table in value.items() for key in table} <= {
                (f"diary.{diary}", key) for diary in value for table, key in keys if table == "diary.me"
            }
        elif name == "films":
            assert {key for table in value.values() for key in table} <= {key.name for key in dataclasses.fields(FilmConfig)}
        elif isinstance(value, dict):
            assert {(name, key) for key in value} <= keys
        else:
            assert ("", name) in keys


def test_the_example_shows_two_diaries() -> None:
    """One diary stands in the example ready to use, a second one as a comment."""
    assert set(tomllib.loads(EXAMPLE)["diary"]) == {"me"}
    assert set(shown(EXAMPLE)["diary"]) == {"me", "anna"}


def test_the_example_works(tmp_path: Path) -> None:
    """The example as it stands, in a folder of its own, is a configuration without problems, and says the same as an empty one."""
    config = tmp_path / "config.toml"
    config.write_text(EXAMPLE, encoding="utf-8")
    full = load(config)
    assert (full.diary["me"].inbox, full.diary["me"].archive) == (tmp_path / "inbox", tmp_path / "archive")
    config.write_text('[diary.me]\ninbox = "inbox"\narchive = "archive"\n', encoding="utf-8")
    assert full == load(config)


def test_the_example_works_with_everything_shown(tmp_path: Path) -> None:
    """With the comments taken off the second diary, and its folders set, it is still without problems."""
    text = HIDDEN_SETTING.sub("", EXAMPLE).replace("/home/anna/Phone/Camera", f"{tmp_path}/anna/in").replace("/srv/photodiary/anna", f"{tmp_path}/anna/out")
    config = tmp_path / "config.toml"
    config.write_text(text, encoding="utf-8")
    settings = load(config)
    assert settings.zone("anna").key == "America/New_York" and settings.zone("me").key == "UTC"
    assert settings.align_of("anna").canvas == "1080x1080" and settings.align_of("me").canvas == "auto"
    assert [film.name for film in settings.films_of("me")] == ["latest", "month", "year"]
    assert [film.name for film in settings.films_of("anna")] == ["latest", "month"]


@pytest.mark.parametrize("line", ["# anna wrote this", "# [a list]  of things", "# The key = value form", "#no_space=1"])
def test_prose_is_not_taken_for_a_setting(line: str) -> None:
    """The reading of hidden settings leaves ordinary comments alone."""
    assert shown(line) == {}


# -- verbs -------------------------------------------------------------------------------------------------------------------------


def verbs_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    return {name: sub for action in parser._actions if isinstance(action, argparse._SubParsersAction) for name, sub in action.choices.items()}


def every_verb(parser: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    yield path, parser
    for name, sub in verbs_of(parser).items():
        yield from every_verb(sub, (*path, name))


VERBS = dict(every_verb(cli.parser()))
TOP = sorted(verbs_of(cli.parser()))


@pytest.mark.parametrize("path", VERBS, ids=lambda path: " ".join(path) or "photodiary")
def test_help_tells_every_verb_and_option(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """`VERB --help` exits 0 and names every further verb, every option and every argument of it, each option with words."""
    with pytest.raises(SystemExit) as leaving:
        cli.main([*path, "--help"])
    assert leaving.value.code == 0
    help_ = capsys.readouterr().out
    for action in VERBS[path]._actions:
        if isinstance(action, argparse._SubParsersAction):
            told = {choice.dest: choice.help for choice in action._choices_actions}
            assert set(told) == set(action.choices) and all(told.values())
            assert all(re.search(rf"^ +{re.escape(name)}\s", help_, re.MULTILINE) for name in action.choices)
        elif action.option_strings:
            assert action.help and action.help != argparse.SUPPRESS
            assert all(re.search(rf"(^|\s){re.escape(option)}\b", help_) for option in action.option_strings)
        else:
            assert str(action.metavar or action.dest) in help_


@pytest.mark.parametrize("path", [path for path in VERBS if path], ids=" ".join)
def test_config_and_diary_may_stand_anywhere(path: tuple[str, ...]) -> None:
    """Every verb takes --config and --diary, after the verb as before it."""
    options = {option for action in VERBS[path]._actions for option in action.option_strings}
    assert {"--config", "--diary"} <= options


@pytest.mark.parametrize("verb", TOP)
def test_the_readme_mentions_every_verb(verb: str) -> None:
    """Whatever can be called is in the README."""
    assert re.search(rf"photodiary {re.escape(verb)}\b", (ROOT / "README.md").read_text(encoding="utf-8"))


def test_a_wrong_verb_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A verb or option that does not exist exits with 64, says so on stderr, and prints nothing else."""
    for arguments in (["dance"], ["status", "--loud"], []):
        with pytest.raises(SystemExit) as leaving:
            cli.main(arguments)
        assert leaving.value.code == 64
        told = capsys.readouterr()
        assert told.out == "" and "usage: photodiary" in told.err
