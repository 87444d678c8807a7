from __future__ import annotations

import re
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.daemon import QUICK, ROOT
from tests.support.page import Page

from photodiary.errors import BadUsage
from photodiary.review import serving
from photodiary.review.site import words


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    (folder / "inbox").mkdir()
    (folder / "config.toml").write_text(QUICK)
    return folder / "config.toml"


@pytest.fixture(scope="module")
def page(config: Path) -> Iterator[Page]:
    made = Page(config)
    yield made
    assert made.close() == 0


def test_it_is_there_before_anything_else_is(page: Page) -> None:
    """Without a daemon, a database or an archive the page stands, and says what to do first."""
    status, _, body = page.ask()
    assert status == 200 and b"first photo" in body and not page.config.with_name("archive").exists()


def test_its_files_are_for_their_user_only(page: Page) -> None:
    """What it makes, nobody else may read."""
    page.ask()
    keys = page.config.with_name("state") / "review"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700 and stat.S_IMODE((keys / "key").stat().st_mode) == 0o600


def test_signing_out_is_heard_by_the_page_that_runs(page: Page) -> None:
    """`--link` lets a device into the page that runs, `--sign-out` sends it away again."""
    there = {"Host": "192.168.1.5", "Origin": "http://192.168.1.5", "Content-Type": "application/x-www-form-urlencoded"}
    token = re.search(r"token=(\S+)", page.verb("--link")).group(1)  # type: ignore[union-attr]
    cookie, csrf = page.session(f"/enter?token={token}", Host="192.168.1.5")
    _, told, _ = page.ask("POST", "/enter", f"csrf={csrf}&token={token}", Cookie=cookie, **there)
    given = told["set-cookie"].partition(";")[0]
    assert page.ask("GET", "/", Host="192.168.1.5", Cookie=given)[0] == 200
    assert "new link" in page.verb("--sign-out")
    assert page.ask("GET", "/", Host="192.168.1.5", Cookie=given)[0] == 401


def test_a_port_that_is_taken_is_told(page: Page, config: Path) -> None:
    """Who starts a second page hears which setting chooses another port."""
    done = subprocess.run(
        [sys.executable, "-m", "photodiary", "review", "--port", str(page.port), "--config", str(config)],
        env=page.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 64 and "review.port" in done.stderr and "Traceback" not in done.stderr


def test_lan_opens_it_to_the_home_network(config: Path) -> None:
    """With --lan it listens everywhere, says under which address, and prints a link for one device."""
    command = [sys.executable, "-m", "photodiary", "review", "--lan", "--port", "0", "--config", str(config)]
    with subprocess.Popen(command, env={"PYTHONPATH": str(ROOT / "service"), "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            first, _, link = (process.stdout.readline() for _ in range(3))
            port = int(first.rpartition(":")[2])
            assert re.fullmatch(rf"http://[\d.]+:{port}/enter\?token=\S{{32}}\n", link)
            table = Path(f"/proc/{process.pid}/net/tcp").read_text().splitlines()
            assert any(line.split()[1] == f"00000000:{port:04X}" and line.split()[3] == "0A" for line in table[1:])
        finally:
            process.terminate()
    assert process.returncode == 0


def test_a_socket_at_no_address_of_ours_is_told() -> None:
    """An address of another machine cannot be listened at, and the words say what can be changed."""
    with pytest.raises(BadUsage, match=r"203\.0\.113\.7"):
        serving.listening("203.0.113.7", 8463)
    with serving.listening("127.0.0.1", 0) as sock:
        assert sock.getsockname()[1] > 0 and sock.family == socket.AF_INET


def test_what_a_person_types_stands_out() -> None:
    """Sentences are text, whatever stands in them; what stands in backticks is shown as code."""
    assert words("use `photodiary run` & <b>") == "use <code>photodiary run</code> &amp; &lt;b&gt;"
