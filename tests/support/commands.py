"""The `photodiary …` command lines that documents show, as the real parser reads them."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Iterator

from photodiary import cli
from photodiary.run.helping import every

OPERATORS = re.compile(r"[|&;<>()]+")
BLOCK = re.compile(r"^(?P<indent> *)```(?P<kind>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
SHELLS = {"sh", "bash", "shell", "console"}
PROGRAM = re.compile(r"(\S*/)?photodiary")
RUNNERS = {"sudo": ("-u", "-g"), "runuser": ("-u",), "nice": ("-n",), "exec": (), "time": (), "if": (), "!": ()}  # with their options that take a value
PARSER = cli.parser()
VERBS = dict(every(PARSER))


def blocks(markdown: str) -> Iterator[tuple[str, str]]:
    """(language, text) of every fenced block."""
    yield from ((found["kind"], re.sub(rf"^{found['indent']}", "", found["text"], flags=re.MULTILINE)) for found in BLOCK.finditer(markdown))


def prose(markdown: str) -> str:
    """All but the fenced blocks."""
    return BLOCK.sub("", markdown)


def shown(markdown: str) -> Iterator[tuple[str, bool]]:
    """Every line of a shell block that names photodiary (True: to be copied), and every span of code that calls it (False: may only speak of a verb)."""
    for kind, text in blocks(markdown):
        if kind in SHELLS:
            yield from ((line, True) for line in re.sub(r"\\\n\s*", "", text).splitlines() if "photodiary" in line)
    yield from ((span, False) for span in SPAN.findall(prose(markdown)) if re.match(r"(\S*/)?photodiary\s+(?!\S+:\s)", span))


def calls(line: str) -> Iterator[list[str]]:
    """The words that a shell would hand to photodiary in this line, for each call of it."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, "#"
    words: list[list[str]] = [[]]
    file_next = False
    for word in lexer:
        redirects = OPERATORS.fullmatch(word) and word[0] in "<>"
        if file_next:
            pass
        elif OPERATORS.fullmatch(word) and not redirects:
            words.append([])
        elif not redirects:
            words[-1].append(word)
        file_next = bool(redirects)
    for command in words:
        called = _called(command)
        if called is not None:
            yield called


def _called(command: list[str]) -> list[str] | None:
    """What photodiary is given by a command that runs it, itself or through another program; None where its name is a file's, a user's or a unit's."""
    rest = [word for word in command if not re.fullmatch(r"\w+=.*", word)]
    while rest and not PROGRAM.fullmatch(rest[0]):
        runner, *rest = rest
        if runner in ("docker", "podman"):  # whose containers may be called so too
            return next((rest[n + 1 :] for n, word in enumerate(rest[:-1]) if PROGRAM.fullmatch(word) and (rest[n + 1],) in VERBS), None)
        if runner not in RUNNERS:
            return None
        while rest and rest[0].startswith("-"):
            option, *rest = rest
            rest = rest[1:] if option in RUNNERS[runner] else rest
    return rest[1:] if rest else None


def refused(words: list[str], *, strict: bool = True) -> str | None:
    """What the parser says against a call; None for one that it takes.

    Not strict, for what is only spoken of: the bare name of a verb is fine, what is required may be missing, and a word in capitals stands for any.
    """
    if not strict and tuple(words) in VERBS:
        return None
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            PARSER.parse_args(words)
        except SystemExit as leaving:
            told = said.getvalue()
            spoken = not strict and _known(words) and ("arguments are required" in told or re.search(r"invalid choice: '[A-Z]+'", told))
            return told if leaving.code and not spoken else None
    return None


def _known(words: list[str]) -> bool:
    """Whether the verb has these options."""
    path = next((tuple(words[:length]) for length in (2, 1) if tuple(words[:length]) in VERBS), ())
    options = {option for action in VERBS[path]._actions for option in action.option_strings}
    return all(word.partition("=")[0] in options for word in words if word.startswith("-"))
