"""The switches fit the code as it is: each would turn something off, and names a test that is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.promises import switches
from tests.promises.switch import Switch

ALL = switches.collect()


@pytest.mark.parametrize(("path", "switch"), ALL, ids=[f"{path.stem}-{number}" for number, (path, _) in enumerate(ALL)])
def test_each_switch_would_turn_something_off(path: Path, switch: Switch) -> None:
    """Its text stands in the service exactly once, differs from what replaces it, still compiles when replaced, and its test exists."""
    assert switches.wrong_with(switch, path) is None
    assert switch.old != switch.new
    source = (switches.ROOT / "service/photodiary" / switch.file).read_text(encoding="utf-8")
    compile(source.replace(switch.old, switch.new), switch.file, "exec")


def test_a_switch_that_fits_no_more_is_seen(tmp_path: Path) -> None:
    """Text, file and test that are gone are each told."""
    test_file = tmp_path / "test_it.py"
    test_file.write_text("def test_it() -> None: ...\n")
    fine = Switch("", "test_it", "errors.py", "class Held(Transient):", "class Held(Permanent):")
    assert switches.wrong_with(fine, test_file) is None
    assert "is not there" in str(switches.wrong_with(Switch("", "test_it", "nowhere.py", "a", "b"), test_file))
    assert "0 times" in str(switches.wrong_with(Switch("", "test_it", "errors.py", "no such words", "b"), test_file))
    assert "no test_other" in str(switches.wrong_with(Switch("", "test_it test_other", "errors.py", fine.old, fine.new), test_file))
