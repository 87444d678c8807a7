"""`--help` can be read on a narrow terminal, shows how each verb is called, and a slip of the fingers gets the word that was meant."""

from __future__ import annotations

import argparse
import itertools

import pytest
from tests.support import commands

from photodiary import __version__, cli
from photodiary.run.examples import EXAMPLES, GROUPS
from photodiary.run.helping import every, groups

VERBS = {" ".join(path): parser for path, parser in every(cli.parser())}
TOP = [name for name in VERBS if name and " " not in name]


@pytest.mark.parametrize("columns", [80, 60])
def test_help_fits_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No line of any help is longer than a terminal is wide, but for commands that are to be copied, and none is wider than a person reads."""
    monkeypatch.setenv("COLUMNS", str(columns))
    commands_ = {f"  {command}" for shown in EXAMPLES.values() for command, _ in shown}
    meanings = {f"      {meaning}" for shown in EXAMPLES.values() for _, meaning in shown}
    for name, parser in VERBS.items():
        lines = parser.format_help().splitlines()
        assert [line for line in lines if len(line) > columns and line not in commands_ | meanings] == [], name
    assert [text for text in commands_ | meanings if len(text) > 95] == []
    assert max(len(text) for text in meanings) <= 80
    monkeypatch.setenv("COLUMNS", "300")
    assert max(len(line) for parser in VERBS.values() for line in parser.format_help().splitlines()) <= 100


def test_every_verb_stands_in_one_group() -> None:
    """Each verb of the program stands in exactly one group, with its line, and no group has a verb that is not there."""
    grouped = list(itertools.chain.from_iterable(GROUPS.values()))
    assert sorted(grouped) == sorted(TOP)
    help_ = cli.parser().format_help()
    places = [help_.index(f"\n  {title}\n") for title in GROUPS]
    assert places == sorted(places)
    assert all(f" {words}" in help_ for words in GROUPS["film"].values())


def test_a_verb_that_no_group_names_is_shown_all_the_same() -> None:
    """A verb that somebody forgot to put into a group comes last, with its own words."""
    assert list(groups({"dance": "all night", "status": "x"}).items())[-1] == ("more", {"dance": "all night"})


@pytest.mark.parametrize("name", VERBS, ids=lambda name: name or "photodiary")
def test_every_verb_shows_examples_that_work(name: str) -> None:
    """Each verb's help ends with examples, each of which calls that verb, or one of its own, and is taken by the parser."""
    assert EXAMPLES.get(name), f"run/examples.py shows no example of {name}"
    assert "\nexamples:\n" in VERBS[name].format_help()
    for command, _ in EXAMPLES[name]:
        called = list(commands.calls(command))
        assert called and " ".join(called[0]).startswith(name)
        assert [commands.refused(words) for words in called] == [None] * len(called), command


def test_examples_are_of_verbs_that_there_are() -> None:
    """No example is left of a verb that is gone."""
    assert set(EXAMPLES) <= set(VERBS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["statsu"], "photodiary: there is no verb statsu; did you mean status?"),
        (["zzz"], "photodiary: there is no verb zzz; see `photodiary --help`"),
        (["why", "2024-05-15"], "photodiary: there is no verb why; did you mean `photodiary photos why`?"),
        (["photos", "exlude", "a"], "photodiary photos: there is no verb exlude; did you mean exclude?"),
        (["status", "--jsn0"], "photodiary status: --jsn0 is not known here; did you mean --json?"),
        (["status", "please"], "photodiary status: please is not known here; see `photodiary status --help`"),
        ([], "photodiary: say what to do; `photodiary --help` lists the verbs"),
        (["photos"], "photodiary photos: say what to do; `photodiary photos --help` lists the verbs"),
    ],
)
def test_a_slip_gets_the_word_that_was_meant(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong verb or option exits with 64 and names the nearest one, or where to look."""
    with pytest.raises(SystemExit) as leaving:
        cli.main(arguments)
    assert leaving.value.code == 64
    told = capsys.readouterr()
    assert told.out == "" and told.err.splitlines()[-1] == said


def test_help_is_a_verb_too(capsys: pytest.CaptureFixture[str]) -> None:
    """`help photos why` prints what `photos why --help` does, `help` alone what `--help` does; a wrong word is told as ever."""
    told = []
    for arguments in (["help", "photos", "why"], ["photos", "why", "--help"], ["help"], ["--help"]):
        with pytest.raises(SystemExit) as leaving:
            cli.main(arguments)
        assert leaving.value.code == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1] and told[2] == told[3] and "usage: photodiary photos why" in told[0]
    with pytest.raises(SystemExit) as leaving:
        cli.main(["help", "photso"])
    assert leaving.value.code == 64 and "did you mean photos?" in capsys.readouterr().err


def test_the_version_is_asked_for_either_way(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` and `version` say the same."""
    with pytest.raises(SystemExit) as leaving:
        cli.main(["--version"])
    assert leaving.value.code == 0 and cli.main(["version"]) == 0
    assert capsys.readouterr().out == f"photodiary {__version__}\n" * 2


def test_a_description_is_a_sentence() -> None:
    """What a verb does begins with a capital and ends with a full stop."""
    texts = [parser.description for parser in VERBS.values() if isinstance(parser, argparse.ArgumentParser) and parser.description]
    assert len(texts) > 30 and all(text[0].isupper() and text.endswith(".") and not text.endswith("..") for text in texts)
