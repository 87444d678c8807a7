"""Promise: archive inside the inbox, inbox inside the archive, same folder for two diaries.

Each is a configuration error that names both folders, with exit status 78, also through links and `..`; nothing is made in either.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.promises.switch import Switch
from tests.support.daemon import Diary

SWITCHES = (
    Switch(
        "refusing the same folder",
        "test_it_is_refused",
        "settings/clashes.py",
        "if folder == other:",
        "if False:",
    ),
    Switch(
        "refusing folders inside one another",
        "test_it_is_refused",
        "settings/clashes.py",
        "elif os.path.commonpath([folder, other]) in (folder, other):",
        "elif False:",
    ),
    Switch(
        "seeing through links",
        "test_it_is_refused",
        "settings/clashes.py",
        'folders.append((f"diary.{name}.{key}", os.path.realpath(path)))',
        'folders.append((f"diary.{name}.{key}", os.path.abspath(path)))',
    ),
)

ONE, TWO = '[diary.me]\ninbox = "{0}"\narchive = "{1}"\n', '[diary.you]\ninbox = "{2}"\narchive = "{3}"\n'
SAME, INSIDE = "is the same folder as", "lie inside one another"

CASES = {
    "archive in the inbox": (("in", "in/archive"), INSIDE),
    "deep in the inbox": (("in", "in/a/b/c"), INSIDE),
    "inbox in the archive": (("out/photos", "out"), INSIDE),
    "inbox is the archive": (("in", "in"), SAME),
    "through dots": (("in", "elsewhere/../in/archive"), INSIDE),
    "the same through dots": (("in", "in/../in/."), SAME),
    "the same through a link": (("in", "link-to-in"), SAME),
    "inside through a link": (("in", "link-to-in/archive"), INSIDE),
    "inside through a link to a folder inside": (("in", "link-into-in"), INSIDE),
    "inbox inside through a link": (("link-to-out/photos", "out"), INSIDE),
    "one inbox for two": (("in", "out", "in", "out2"), SAME),
    "one archive for two": (("in", "out", "in2", "out"), SAME),
    "one archive for two through a link": (("in", "out", "in2", "link-to-out"), SAME),
    "one's archive in another's inbox": (("in", "out", "in2", "in/out2"), INSIDE),
    "one's inbox in another's archive": (("in", "out", "link-to-out/in2", "out2"), INSIDE),
    "one's inbox in another's inbox": (("in", "out", "in/yours", "out2"), INSIDE),
    "one's archive in another's archive": (("in", "out", "in2", "out/yours"), INSIDE),
}


@pytest.fixture(scope="module")
def diary(tmp_path_factory: pytest.TempPathFactory) -> Diary:
    diary = Diary(tmp_path_factory.mktemp("nested") / "me")
    diary.inbox.rmdir()
    for name in ("in", "in/deep", "in2", "out"):
        (diary.folder / name).mkdir()
    for name, target in (("link-to-in", "in"), ("link-to-out", "out"), ("link-into-in", "in/deep")):
        (diary.folder / name).symlink_to(target)
    return diary


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused(diary: Diary, case: str) -> None:
    """`run` and `check-config` end with 78 and one line that says which folders clash and how; no folder or file is made."""
    folders, sentence = CASES[case]
    diary.config.write_text((ONE + (TWO if len(folders) > 2 else "")).format(*folders))
    before = listing(diary.folder)
    for verb in ("run", "check-config") if case in ("archive in the inbox", "one archive for two") else ("run",):
        done = diary.call(verb, timeout=60)
        assert done.returncode == 78
        (line,) = [line for line in done.stderr.splitlines() if sentence in line]
        assert line.count(str(diary.folder)) >= 2
    assert listing(diary.folder) == before


def listing(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))
