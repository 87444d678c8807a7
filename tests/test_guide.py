"""The guide tells what the program may say, shows commands that work, and its links lead somewhere."""

from __future__ import annotations

import ast
import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from photodiary import cli
from photodiary.diary.eyes import REASONS
from photodiary.run.helping import every
from photodiary.settings import load
from tests.support import commands, sentences
from tests.test_docs import documented

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "deploy/guide"
PAGES = sorted(GUIDE.rglob("*.md"))
TROUBLE = sorted((GUIDE / "trouble").glob("*.md"))
INDEX = GUIDE / "trouble/README.md"
TEXTS = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *PAGES]}
LINK = re.compile(r"\]\(([^)\s]+)\)")


def told(path: Path) -> set[str]:
    """The sentences that a page of trouble quotes, a line each."""
    text = path.read_text(encoding="utf-8")
    return {sentences.plain(line) for kind, block in commands.blocks(text) if kind == "text" for line in block.splitlines()}


QUOTED = {path: told(path) for path in TROUBLE}
ALL = set().union(*QUOTED.values())


# -- trouble -----------------------------------------------------------------------------------------------------------------------


def test_every_sentence_of_trouble_has_its_place() -> None:
    """Whatever error, refusal of the page, problem of the configuration or degraded state the source can put into words is quoted on a page of trouble/."""
    said = {entry.sentence: entry for entry in sentences.everything()}
    assert len(said) > 250
    missing = [f"{entry.where}: {entry.kind}: {sentence}" for sentence, entry in said.items() if sentence not in ALL]
    assert missing == [], "quote these in a ```text block of a page in deploy/guide/trouble/"


def test_no_page_quotes_what_the_program_does_not_say() -> None:
    """Every quoted sentence is one that the source says: none is left of an older program."""
    said = {entry.sentence for entry in sentences.everything()} | {sentences.plain(text) for text in _texts()}
    assert [f"{path.name}: {line}" for path, lines in QUOTED.items() for line in sorted(lines) if line not in said] == []


def _texts() -> Iterator[str]:
    """All texts of the source, whatever they are for."""
    for module, node in sentences.nodes():
        if isinstance(node, ast.Constant | ast.JoinedStr):
            yield from sentences.texts(node, module)


def test_sentences_are_read_as_the_program_says_them() -> None:
    """What is known at run time only becomes …, alternatives become sentences of their own, and texts under a name are looked up."""

    def read(text: str) -> list[str]:
        return sorted({sentences.plain(said) for said in sentences.texts(ast.parse(text, mode="eval").body, "darkroom/header.py")})

    assert read("f'{path}: the disk is full'") == ["…: the disk is full"]
    assert read("f'is {1 if a else b}, {c}{d}'") == ["is …, …"]
    assert read('f\'it {"ends" if x else "begins"} there\'') == ["it begins there", "it ends there"]
    assert read("trouble or f'no {x}'") == ["no …", "…"]
    assert read("'more than {0:g} MB'.format(x)") == ["more than … MB"]
    assert read("NOT_A_PHOTO") == ["its content is neither JPEG, PNG, WebP, AVIF nor HEIC"]


def test_every_class_of_error_has_its_page() -> None:
    """Each class of errors.py that is raised is named on a page that quotes what it says."""
    for name in {entry.kind for entry in sentences.everything()} & set(sentences.errors()):
        said = {entry.sentence for entry in sentences.everything() if entry.kind == name}
        assert any(f"`{name}`" in path.read_text(encoding="utf-8") and said & lines for path, lines in QUOTED.items()), name


def test_every_reason_has_its_place() -> None:
    """Each reason of diary/eyes.py for which a photo is not in the film stands on the page about that, and each code of quarantine on that about those."""
    page = (GUIDE / "trouble/not-in-the-film.md").read_text(encoding="utf-8")
    unread = (GUIDE / "trouble/could-not-be-read.md").read_text(encoding="utf-8")
    codes = {entry.code for entry in sentences.everything() if entry.code} | set(_quarantined())
    assert codes <= set(REASONS) and len(codes) >= 6
    for code, words in REASONS.items():
        assert f"`{code}`" in page, code
        assert f"| {words} |" in page or f"(`{code}`" in unread or f", `{code}`" in unread, words
    assert all(re.search(rf"^## .*`{code}`", unread, re.MULTILINE) for code in codes)


def _quarantined() -> Iterator[str]:
    """Codes with which a photo is set aside without an Unreadable: those that `code = … if … else …` chooses from."""
    for module, node in sentences.nodes():
        if module.startswith("inbox/") and isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "code":
            yield from (text for text in sentences.texts(node.value, module) if text != "…")


def test_degraded_is_told_from_where_it_was_read() -> None:
    """`status` gathers what is degraded from places that the sentences above were read from; a new place has to be read too."""
    (gathering,) = [
        node
        for node in ast.walk(sentences.source()["run/engine.py"])
        if isinstance(node, ast.FunctionDef) and node.name == "degraded" and any(arg.arg == "house" for arg in node.args.args)
    ]
    read = {node.attr for node in ast.walk(gathering) if isinstance(node, ast.Attribute)}
    assert read <= {"values", "troubles", "reserve", "loops", "complaint", "startswith", "inbox", "problem", "_card_trouble", "following", "trouble", "locator"}


def test_every_finding_of_doctor_has_its_place() -> None:
    """Each kind of finding stands in the table of doctor.md, and no other."""
    kinds = set()
    for _, node in sentences.nodes():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding":
            kinds |= set(sentences.texts(node.args[0], ""))
    page = (GUIDE / "trouble/doctor.md").read_text(encoding="utf-8")
    assert kinds == {kind for row in re.findall(r"^\| (`.*?) \|", page, re.MULTILINE) for kind in re.findall(r"`(\w+)`", row)}


@pytest.mark.parametrize("path", [path for path in TROUBLE if path != INDEX], ids=lambda path: path.stem)
def test_every_trouble_says_what_it_means_and_what_to_do(path: Path) -> None:
    """Each section says what it means, what to do and what holds meanwhile; the index leads to its page."""
    for section in path.read_text(encoding="utf-8").split("\n## ")[1:]:
        if "```text" in section or "**What it means.**" in section:
            missing = [label for label in ("**What it means.**", "**What to do.**", "**Meanwhile.**") if label not in section]
            assert missing == [], section.splitlines()[0]
    assert f"]({path.name})" in INDEX.read_text(encoding="utf-8")


def test_the_table_of_all_sentences_is_that_of_the_pages() -> None:
    """The index quotes each sentence with its page, as deploy/documents.py writes it."""
    text = INDEX.read_text(encoding="utf-8")
    assert text == documents().index(text, [path for path in TROUBLE if path != INDEX]), "call .venv/bin/python deploy/documents.py"
    assert text.count("\n| `") > 250


def documents() -> Any:
    found = importlib.util.spec_from_file_location("documents", ROOT / "deploy/documents.py")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


# -- the man page ------------------------------------------------------------------------------------------------------------------


def test_the_man_page_is_that_of_the_program() -> None:
    """deploy/man/photodiary.1 is what the parser says, as deploy/documents.py writes it."""
    assert documents().MAN.read_text(encoding="utf-8") == documents().man(cli.parser()), "call .venv/bin/python deploy/documents.py"


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff here")
def test_the_man_page_can_be_read() -> None:
    """groff finds nothing wrong with it, and what it shows has every verb."""
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-P-cbou", documents().MAN], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    assert all(re.search(rf"^ +{re.escape(' '.join(path))}$", done.stdout, re.MULTILINE) for path, _ in every(cli.parser()) if path)


# -- commands, settings, links -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TEXTS)
def test_every_command_line_is_one(name: str) -> None:
    """Whatever calls photodiary in README and guide is taken by its parser."""
    wrong = []
    for line, strict in commands.shown(TEXTS[name]):
        for words in commands.calls(line):
            if (why := commands.refused(words, strict=strict)) is not None:
                wrong.append(f"{line}: {why}")
    assert wrong == []


def test_commands_are_found_and_wrong_ones_refused() -> None:
    """The reading of command lines sees calls behind sudo, docker and variables and after a pipe, and refuses what is none."""
    assert list(commands.calls("sudo -u me photodiary status --json | jq . > photodiary && A=1 /opt/photodiary/bin/photodiary version")) == [
        ["status", "--json"],
        ["version"],
    ]
    assert list(commands.calls("systemctl start photodiary")) == list(commands.calls("adduser photodiary")) == []
    assert commands.refused(["statsu"]) and commands.refused(["backup"]) and commands.refused(["backup"], strict=False) is None
    assert commands.refused(["photos", "turn", "PHOTO…"]) and commands.refused(["photos", "turn", "PHOTO…"], strict=False) is None
    assert commands.refused(["completion", "SHELL"], strict=False) is None and commands.refused(["completion", "csh"], strict=False)
    assert commands.refused(["photos", "turn", "PHOTO…", "--to-the-left"], strict=False)
    assert commands.refused(["backup", "DIR"]) is None and commands.refused(["photos", "exclude", "PHOTO…"]) is None
    assert [line for line, _ in commands.shown("see `photodiary status`\n\n```sh\nsudo photodiary \\\n  run\n```\n")] == [
        "sudo photodiary run",
        "photodiary status",
    ]


def test_the_guide_shows_enough_commands() -> None:
    """The tests above had something to read."""
    calls = [words for text in TEXTS.values() for line, _ in commands.shown(text) for words in commands.calls(line)]
    assert len(calls) > 80


@pytest.mark.parametrize("name", TEXTS)
def test_every_link_leads_somewhere(name: str) -> None:
    """Each relative link is to a file of the repository, each anchor to a heading there."""
    wrong = []
    for link in LINK.findall(commands.prose(TEXTS[name])):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = ((ROOT / name).parent / path).resolve() if path else ROOT / name
        if not target.exists() or not target.is_relative_to(ROOT) or (anchor and anchor not in _anchors(target)):
            wrong.append(link)
    assert wrong == []


def _anchors(page: Path) -> set[str]:
    """Of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", commands.prose(page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


EVENTS = {
    keyword.value.value
    for _, node in sentences.nodes()
    if isinstance(node, ast.Call)
    for keyword in node.keywords
    if keyword.arg == "code" and isinstance(keyword.value, ast.Constant)
}
SETTINGS = {f"{table}.{key}".strip(".") for table, key, _ in documented()}
TABLES = {table.partition(".")[0] for table, _, _ in documented() if table}
KEYS = {key for _, key, _ in documented()}


@pytest.mark.parametrize("name", TEXTS)
def test_every_setting_that_is_named_exists(name: str) -> None:
    """`table.key`, `key = value` and [table] in prose, and settings in the environment, are settings that there are."""
    wrong = set()
    for span in commands.SPAN.findall(commands.prose(TEXTS[name])):
        if found := re.fullmatch(r"([a-z]+)\.([a-z_]+)", span):
            wrong |= {span} if found[1] in TABLES - {"diary", "films"} and span not in SETTINGS | EVENTS else set()
        elif found := re.fullmatch(r"([a-z_]+) = (\[.*\]|\".*\"|true|false|[\d.]+)", span):
            wrong |= {span} if found[1] not in KEYS else set()
        elif found := re.fullmatch(r"\[([a-z]+)(\.[\w-]+)?\]", span):
            wrong |= {span} if found[1] not in TABLES else set()
    for table, key in re.findall(r"PHOTODIARY_([A-Z]+)__([A-Z_]+[A-Z])", TEXTS[name]):
        wrong |= {f"{table}__{key}"} if f"{table}.{key}".lower() not in SETTINGS | {"table.key"} else set()
    assert wrong == set()


TOML = [
    pytest.param(name, text, id=f"{name}-{number}")
    for name, page in TEXTS.items()
    for number, (kind, text) in enumerate(commands.blocks(page))
    if kind == "toml"
]


@pytest.mark.parametrize(("name", "text"), TOML)
def test_every_piece_of_configuration_loads(name: str, text: str, tmp_path: Path) -> None:
    """Each TOML block, with a diary added where it has none, is a configuration without problems."""
    config = tmp_path / "config.toml"
    config.write_text(text if "[diary." in text else f'{text}\n[diary.me]\ninbox = "inbox"\narchive = "archive"\n', encoding="utf-8")
    assert load(config).diary
