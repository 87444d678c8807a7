"""Promise: review page exposed.  It listens on this machine alone, another address needs a link that works once, a foreign name or form is refused,
nothing a client names is opened, and neither huge bodies nor slow clients nor a thousand connections take it away from its owner."""

from __future__ import annotations

import contextlib
import re
import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.promises.switch import Switch
from tests.support.daemon import QUICK
from tests.support.page import Page

from photodiary.ledger.store import Ledger

SWITCHES = (
    Switch("listening on this machine alone", "test_it_listens_on_this_machine_alone", "review/config.py", 'host: str = "127.0.0.1"', 'host: str = "0.0.0.0"'),
    Switch(
        "the list of names that are ours", "test_a_foreign_name_is_refused", "review/visit.py",
        "if not (_is_address(name) or", "if False and not (_is_address(name) or",
    ),
    Switch(
        "asking other addresses for a link", "test_another_address_needs_a_link_that_works_once", "review/guard.py", "let_in = who.here or", "let_in = True or",
    ),
    Switch(
        "not taking what comes through a proxy for this machine", "test_what_comes_through_something_else_is_not_this_machine", "review/visit.py",
        "local and not forwarding and", "local and",
    ),
    Switch("using a link up", "test_another_address_needs_a_link_that_works_once", "review/keys.py", "            found.unlink()", "            found.stat()"),
    Switch(
        "the token of every form", "test_a_form_needs_the_token_of_its_browser", "review/guard.py",
        "if given is None or not hmac.compare_digest(", "if False and (",
    ),
    Switch("asking where a form comes from", "test_a_form_needs_the_token_of_its_browser", "review/guard.py", "if foreign(who, method, headers):", "if False:"),
    Switch(
        "following no link out of a folder", "test_nothing_a_client_names_is_opened", "review/learning.py",
        "if entry.is_file(follow_symlinks=False)", "if entry.is_file()",
    ),
    Switch(
        "refusing a body by its announced length", "test_an_announced_gigabyte_is_refused_before_it_comes", "review/guard.py",
        "            body.refuse_early()\n", "",
    ),
    Switch(
        "counting a body while it comes", "test_a_gigabyte_in_pieces_is_refused_at_the_limit", "review/guard.py",
        "            if self._seen > self._limit:", "            if False:",
    ),
    Switch(
        "closing under a body that nobody reads", "test_an_announced_gigabyte_is_refused_before_it_comes", "review/guard.py",
        "            if self._body.unread:", "            if False:",
    ),
    Switch("a deadline for heads", "test_slow_clients_are_cut_off", "review/serving.py", "now - self._since > HEAD_S", "False"),
    Switch("a deadline for bodies", "test_slow_clients_are_cut_off", "review/serving.py", "            return slow\n", "            return False\n"),
    Switch("a deadline for readers", "test_slow_clients_are_cut_off", "review/serving.py", "return now - self._paused_at > READ_S", "return False"),
    Switch(
        "a bound on connections", "test_a_thousand_connections_are_bounded", "review/serving.py", "if len(self.connections) > self.most:", "if False:",
    ),
    Switch(
        "a content policy", "test_answers_forbid_browsers_what_we_never_need", "review/guard.py", '(b"content-security-policy", CSP.encode()),', "",
    ),
)  # fmt: skip

OWN = {"Origin": "http://127.0.0.1"}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("page")
    (folder / "inbox").mkdir()
    (folder / "config.toml").write_text(QUICK)
    Ledger(folder / "archive").close()
    (folder / "archive/films").mkdir()
    (folder / "archive/films/latest.mp4").write_bytes(b"\0" * 30_000_000)
    made = Page(folder / "config.toml", hurried=True)
    yield made
    assert made.close() == 0, made.log.read_text()


def own(page: Page, cookie: str) -> dict[str, str]:
    return {"Origin": f"http://127.0.0.1:{page.port}", "Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}


def test_it_listens_on_this_machine_alone(page: Page) -> None:
    """Unless told otherwise it has one listening socket, at 127.0.0.1."""
    table = Path(f"/proc/{page.pid}/net/tcp").read_text() + Path(f"/proc/{page.pid}/net/tcp6").read_text()
    listening = [line.split()[1] for line in table.splitlines() if line.split()[3] == "0A" and line.split()[1].endswith(f":{page.port:04X}")]
    assert listening == [f"0100007F:{page.port:04X}"]


def test_a_foreign_name_is_refused(page: Page) -> None:
    """A page of a stranger's that had its name point at this machine gets nothing of ours (DNS rebinding), nor does one without a name."""
    for name in ("evil.example", f"evil.example:{page.port}", "localhost.evil.example", "127.0.0.1.nip.io"):
        status, _, body = page.ask("GET", "/", Host=name)
        assert status == 421 and b"diary/me" not in body
    assert page.raw(b"GET / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert page.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert b"diary/me" not in page.raw(b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert page.ask("GET", "/", Host="localhost")[0] == 200


def test_another_address_needs_a_link_that_works_once(page: Page) -> None:
    """By another address than this machine's nothing is shown; the link that `review --link` prints lets one device in, and only one."""
    there = {"Host": "192.168.1.5"}
    for path in ("/", "/diary/me", "/diary/me/film.mp4", "/progress.json", "/learning"):
        status, _, body = page.ask("GET", path, **there)
        assert status == 401 and b"/diary/" not in body
    token = re.search(r"/enter\?token=(\S+)", page.verb("--link")).group(1)  # type: ignore[union-attr]
    statuses = []
    for _ in range(2):
        cookie, csrf = page.session(f"/enter?token={token}", **there)
        headers = {"Cookie": cookie, "Origin": "http://192.168.1.5", "Content-Type": "application/x-www-form-urlencoded", **there}
        status, told, _ = page.ask("POST", "/enter", f"csrf={csrf}&token={token}", **headers)
        given = told.get("set-cookie", "none").partition(";")[0]
        statuses.append((status, page.ask("GET", "/", Cookie=given, **there)[0]))
    assert statuses == [(303, 200), (403, 401)]


def test_what_comes_through_something_else_is_not_this_machine(page: Page) -> None:
    """A proxy on this machine that the configuration does not know does not open the page to the world."""
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"):
        assert page.ask("GET", "/", **{"Host": "localhost", header: "127.0.0.1"})[0] == 401


def test_a_form_needs_the_token_of_its_browser(page: Page) -> None:
    """Without the token that only this browser's pages know, or from another page, a form does nothing."""
    cookie, csrf = page.session()
    _, other = page.session()
    headers = own(page, cookie)
    for body in ("", "csrf=", f"csrf={csrf[:-1]}", f"csrf={other}", "csrf=%FF"):
        assert page.ask("POST", "/diary/me/unread", body, **headers)[0] == 403
    for foreign in ("http://evil.example", "null", f"https://127.0.0.1:{page.port}"):
        assert page.ask("POST", "/diary/me/unread", f"csrf={csrf}", **{**headers, "Origin": foreign})[0] == 403
    assert page.ask("POST", "/diary/me/unread", f"csrf={csrf}", **headers)[0] == 303


TRICKS = (
    "..", "../../config.toml", "..%2f..%2fconfig.toml", "%2e%2e%2f%2e%2e%2fconfig.toml", "..%5c..%5cconfig.toml", "/etc/passwd", "%2fetc%2fpasswd",
    "....//....//etc/passwd", "%252e%252e%252fconfig.toml", "0" * 63, "0" * 64 + "%00", "0" * 64 + "%0a", "%c0%ae%c0%ae%2fconfig.toml", "style.css%00.js",
    "..%2fapp.py", "..%2ftemplates%2fbase.html", ".%2e/app.py", "A" * 64, "nobody",
)  # fmt: skip


def test_nothing_a_client_names_is_opened(page: Page) -> None:
    """Whatever stands where a photo, a diary, a day, a style or a report is named: no file of the machine comes back, and nothing breaks."""
    report = page.config.with_name("state") / "retrain" / "report"
    report.mkdir(parents=True)
    (report / "link.html").symlink_to("/etc/passwd")
    assert page.ask("GET", "/learning/report/link.html")[0] == 404
    for place in (
        "/static/{}",
        "/diary/me/frame/{}",
        "/diary/me/thumb/{}",
        "/diary/me/photo/{}",
        "/diary/{}/film.mp4",
        "/diary/me/day/{}",
        "/learning/report/{}",
    ):
        for trick in TRICKS:
            path = place.format(trick)
            answer = page.raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            assert answer[9:12] in (b"404", b"400", b"307"), (path, answer[:200])
            assert b"root:" not in answer and b"[diary" not in answer and b"import annotations" not in answer and b"{%" not in answer
            assert answer[9:12] != b"307" or b"localhost" in answer
    assert "Traceback" not in page.log.read_text()


def test_an_announced_gigabyte_is_refused_before_it_comes(page: Page) -> None:
    """Whoever announces 1 GB is told at once that it is too much, and the line is closed; memory does not grow by it."""
    cookie, csrf = page.session()
    who = f"Host: 127.0.0.1:{page.port}\r\nCookie: {cookie}\r\nX-CSRF-Token: {csrf}\r\nContent-Type: application/json\r\n"
    for path in ("/learning", "/diary/me/add"):
        answer = page.raw(f"POST {path} HTTP/1.1\r\n{who}Content-Length: 1000000000\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 413") and b"connection: close" in answer.lower()
    assert sent_of_a_gigabyte(page, "Content-Length: 1000000000", b"x" * 65_536) < 20_000_000


def test_a_gigabyte_in_pieces_is_refused_at_the_limit(page: Page) -> None:
    """Whoever sends 1 GB without saying so is cut off soon after the limit; memory does not grow by it."""
    assert sent_of_a_gigabyte(page, "Transfer-Encoding: chunked", b"10000\r\n" + b"x" * 65_536 + b"\r\n") < 20_000_000


def sent_of_a_gigabyte(page: Page, length: str, piece: bytes) -> int:
    """How many bytes of it could be sent before the page closed; it says why, as far as that is heard, and goes on."""
    cookie, csrf = page.session()
    who = f"Host: 127.0.0.1:{page.port}\r\nCookie: {cookie}\r\nX-CSRF-Token: {csrf}\r\n"
    head = f"POST /diary/me/unread HTTP/1.1\r\n{who}Content-Type: application/json\r\n{length}\r\n\r\n"
    before, sent = page.memory(), 0
    with contextlib.closing(page.socket()) as line:
        line.sendall(head.encode())
        with contextlib.suppress(ConnectionError):
            while sent < 1_000_000_000:
                line.sendall(piece)
                sent += len(piece)
        with contextlib.suppress(ConnectionError):
            assert line.recv(65_536)[:12] in (b"", b"HTTP/1.1 413")
    assert page.memory() - before < 50_000_000 and page.ask()[0] == 200
    return sent


def test_slow_clients_are_cut_off(page: Page) -> None:
    """Heads that do not end, bodies that hardly come, and readers that do not read are let go of, all at once; the page answers meanwhile."""
    cookie, csrf = page.session()
    files = page.open_files()
    own_head = f"Host: 127.0.0.1:{page.port}\r\nCookie: {cookie}\r\n"
    heads = [page.socket() for _ in range(5)]
    body, reader = page.socket(), page.socket(receive=4096)
    body.sendall(f"POST /learning HTTP/1.1\r\n{own_head}X-CSRF-Token: {csrf}\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n".encode())
    reader.sendall(f"GET /diary/me/film.mp4 HTTP/1.1\r\n{own_head}\r\n".encode())
    slow, went, end = [*heads, body], set[socket.socket](), time.monotonic() + 20
    while len(went) < len(slow) and time.monotonic() < end:
        for line in slow:
            if line not in went:
                try:
                    line.sendall(b"G" if line in heads else b"x")
                    line.settimeout(0.02)
                    if line.recv(1) == b"":
                        went.add(line)
                except TimeoutError:
                    pass
                except OSError:
                    went.add(line)
        assert page.ask()[0] == 200
    assert went == set(slow)
    while page.open_files() > files and time.monotonic() < end:  # the film's file is closed with its reader's line
        page.ask()
    assert page.open_files() <= files
    for line in (*slow, reader):
        line.close()


def test_a_thousand_connections_are_bounded(page: Page) -> None:
    """A thousand connections that say nothing leave the page as it is: so many are held at most, and who asks is answered."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))
    lines, most = [], 0
    try:
        for number in range(1000):
            line = page.socket()
            line.sendall(b"G")
            lines.append(line)
            if number % 100 == 99:
                assert page.ask()[0] == 200
                most = max(most, page.open_files())
    finally:
        for line in lines:
            line.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert 100 < most < 200 + 60 and page.ask()[0] == 200


def test_answers_forbid_browsers_what_we_never_need(page: Page) -> None:
    """Every answer, also a refusal, comes with a policy that allows our own files only, in no frame, under the type that we say."""
    for path, host in (("/", "localhost"), ("/nothing", "localhost"), ("/static/style.css", "localhost"), ("/", "192.168.1.5"), ("/", "evil.example")):
        headers = page.ask("GET", path, Host=host)[1]
        assert "default-src 'none'" in headers["content-security-policy"] and "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY" and "server" not in headers


def test_its_process_has_not_loaded_the_model(page: Page) -> None:
    """It is small, knows no torch, and its keys are for its user only."""
    page.ask()
    loaded = Path(f"/proc/{page.pid}/maps").read_text()
    assert not any(name in loaded for name in ("libtorch", "/torch/", "cv2", "libav", "numpy"))
    assert page.memory() < 120_000_000
    keys = page.config.with_name("state") / "review"
    assert keys.stat().st_mode & 0o777 == 0o700 and all(path.stat().st_mode & 0o777 == 0o600 for path in keys.iterdir())
