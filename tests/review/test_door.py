from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.visitor import BASE, Visitor

from photodiary.review import guard, paths
from photodiary.review.site import Site

PAGES = ("/", "/diary/me", "/diary/me/2024", "/diary/me/day/2024-03-02", "/diary/me/film", "/diary/me/unread", "/diary/me/add", "/learning", "/nothing")
LAN = "http://192.168.1.5:8463"


@pytest.fixture
def phone(site: Site) -> Visitor:
    """A browser elsewhere in the home network."""
    return Visitor(site, address="192.168.1.7", base=LAN)


def _entered(phone: Visitor, token: str) -> bool:
    csrf = phone.csrf(f"{paths.ENTER}?token={token}")
    origin = str(phone.base_url).rstrip("/")
    return phone.post(paths.ENTER, data={"csrf": csrf, "token": token}, headers={"Origin": origin}).status_code == 303


@pytest.mark.parametrize("path", [*PAGES, "/progress.json", "/static/style.css"])
def test_every_answer_tells_browsers_to_be_strict(visitor: Visitor, path: str) -> None:
    """Nothing inline, nothing from elsewhere, no frames, no guessing of types, no word to others about where one was."""
    headers = visitor.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "same-origin" and "camera=()" in headers["permissions-policy"]
    assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("path", PAGES)
def test_no_page_needs_what_the_policy_forbids(visitor: Visitor, path: str) -> None:
    """No page has scripts, styles or handlers in its text, nor anything from another server."""
    text = visitor.get(path).text
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=|javascript:|(?:src|href|action)=\"(?:https?:)?//", text)


def test_pages_are_not_kept_by_anybody(visitor: Visitor) -> None:
    """Pages are not stored, pictures by the browser alone, scripts and styles for good under an address that changes with them."""
    assert visitor.get("/").headers["cache-control"] == "no-store"
    page = visitor.get("/diary/me/day/2024-03-02").text
    picture = re.search(r'src="(/diary/[^"]+)"', page)
    assert picture is not None and visitor.get(picture.group(1)).headers["cache-control"].startswith("private")
    style = re.search(r'href="(/static/style[^"]+)"', page)
    assert style is not None and "immutable" in visitor.get(style.group(1)).headers["cache-control"]


@pytest.mark.parametrize("path", [*PAGES, "/progress.json", "/diary/me/film.mp4", "/diary/me/film.json", "/learning/report/"])
def test_a_device_that_was_not_let_in_sees_nothing(phone: Visitor, path: str) -> None:
    """Without its link a device elsewhere is told how to get one, and nothing about any diary."""
    answer = phone.get(path)
    assert answer.status_code == 401 and "photodiary review --link" in answer.text
    assert "/diary/" not in answer.text and "me" not in re.sub(r"<[^>]+>", " ", answer.text).split()


def test_a_link_lets_one_device_in(phone: Visitor, site: Site) -> None:
    """Looking at the link does not use it up; the tap on it does, and from then on the device sees everything and may send forms."""
    token = site.keys.new_link()
    for _ in range(3):
        assert phone.get(f"{paths.ENTER}?token={token}").status_code == 200
    assert _entered(phone, token)
    assert phone.get("/").status_code == 200
    assert phone.submit("/diary/me/unread").status_code == 303
    other = Visitor(site, address="192.168.1.8", base=LAN)
    assert not _entered(other, token) and other.get("/").status_code == 401


def test_the_cookie_is_out_of_reach_of_scripts_and_others(phone: Visitor, site: Site) -> None:
    """HttpOnly and SameSite, and behind https Secure under a name that only https can set."""
    cookie = phone.get(paths.ENTER).headers["set-cookie"]
    assert cookie.startswith("photodiary=") and "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" not in cookie
    config = dataclasses.replace(site.config, url="https://diary.example.org", trusted_proxies=("127.0.0.1",))
    proxied = Visitor(dataclasses.replace(site, config=config), base="http://127.0.0.1:8463")
    told = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "diary.example.org"}
    answer = proxied.get(paths.ENTER, headers=told)
    assert answer.headers["set-cookie"].startswith("__Host-photodiary=") and "; Secure" in answer.headers["set-cookie"]
    assert proxied.get("/", headers=told).status_code == 401


def test_a_guests_cookie_from_this_machine_is_no_way_in_from_elsewhere(visitor: Visitor, phone: Visitor) -> None:
    """What a browser at this machine is given lets no other device in."""
    visitor.get("/")
    phone.cookies.set("photodiary", visitor.cookies["photodiary"])
    assert phone.get("/").status_code == 401


def test_a_device_stays_let_in_while_it_is_used(phone: Visitor, site: Site) -> None:
    """A cookie that has seen a week is given again, for the same browser; its forms go on working."""
    assert _entered(phone, site.keys.new_link())
    before = site.keys.session(phone.cookies["photodiary"])
    assert before is not None
    old = dataclasses.replace(before, issued=before.issued - 2 * guard.RENEW_S)
    phone.cookies.clear()
    phone.cookies.set("photodiary", site.keys.cookie(old))
    answer = phone.get("/")
    value = answer.headers["set-cookie"].partition("=")[2].partition(";")[0]
    renewed = site.keys.session(value)
    assert renewed is not None and renewed.sid == before.sid and renewed.role == before.role and renewed.issued > old.issued
    assert site.keys.csrf(before) in answer.text


def test_ask_here_asks_here_too(folder: Path, sites: Callable[[Path], Site]) -> None:
    """Where others have accounts on the machine, its own browser needs a link as well."""
    site = sites(folder)
    visitor = Visitor(dataclasses.replace(site, config=dataclasses.replace(site.config, ask_here=True)))
    assert visitor.get("/").status_code == 401
    token = site.keys.new_link()
    assert _entered(visitor, token) and visitor.get("/").status_code == 200


def test_guessing_links_is_slow(phone: Visitor) -> None:
    """After a few wrong links an address has to wait, whatever it tries next."""
    csrf = phone.csrf(paths.ENTER)
    codes = [phone.post(paths.ENTER, data={"csrf": csrf, "token": str(n)}, headers={"Origin": LAN}).status_code for n in range(14)]
    assert set(codes[:10]) == {403} and codes[-1] == 429


def test_whoever_asks_too_often_has_to_wait(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may not come in cannot keep the page busy either; another address is not made to wait for it."""
    monkeypatch.setattr(guard, "ASKING", (5.0, 0.0))
    phone = Visitor(site, address="192.168.1.7", base=LAN)
    assert [phone.get("/").status_code for _ in range(7)] == [401] * 5 + [429] * 2
    assert Visitor(site, address="192.168.1.8", base=LAN).get("/").status_code == 401


def test_a_form_needs_its_token(visitor: Visitor) -> None:
    """Without its token, with a wrong one or another browser's, or from a foreign page, a form does nothing."""
    other = Visitor(visitor.site).csrf()
    token = visitor.csrf()
    for fields, headers in (
        ({}, {}), ({"csrf": ""}, {}), ({"csrf": token[:-1]}, {}), ({"csrf": other}, {}), ({"csrf": "é"}, {}),
        ({"csrf": token}, {"Origin": "http://evil.example"}), ({"csrf": token}, {"Sec-Fetch-Site": "cross-site"}), ({"csrf": token}, {"Origin": "null"}),
    ):  # fmt: skip
        assert visitor.post("/diary/me/unread", data=fields, headers=headers).status_code == 403
    assert visitor.post("/diary/me/unread", data={"csrf": token}, headers={"Origin": BASE}).status_code == 303
    assert visitor.post("/diary/me/unread", json={}, headers={"X-CSRF-Token": token}).status_code == 303


def test_what_is_no_form_is_not_understood(visitor: Visitor) -> None:
    """Only the kinds of bodies that the page's forms have are read at all."""
    token = {"X-CSRF-Token": visitor.csrf()}
    assert visitor.post("/learning", content=b"x", headers={**token, "Content-Type": "text/plain"}).status_code == 415
    assert visitor.post("/learning", content=b"{", headers={**token, "Content-Type": "application/json"}).status_code == 400
    assert visitor.post("/learning", content=b"[" * 100_000, headers={**token, "Content-Type": "application/json"}).status_code == 400
    assert visitor.post("/learning", content=b"a=1&" * 20_000, headers={**token, "Content-Type": "application/x-www-form-urlencoded"}).status_code == 400
    assert visitor.request("DELETE", "/learning").status_code == 405
    assert visitor.get("/learning", headers={"Host": "evil.example"}).status_code == 421


def test_a_mistake_of_ours_says_nothing_of_how_we_are_made(site: Site) -> None:
    """An error inside becomes a plain page: no trace, no path, no text of the error."""

    def broken() -> dict[str, object]:
        raise RuntimeError("secret 4711")

    answer = Visitor(dataclasses.replace(site, status=broken)).get("/")
    assert answer.status_code == 500 and "went wrong" in answer.text
    assert "4711" not in answer.text and "Traceback" not in answer.text and "photodiary/review" not in answer.text
    assert "content-security-policy" in answer.headers


def test_keys_that_cannot_be_kept_are_trouble_in_words(site: Site, tmp_path: Path) -> None:
    """Where the page's own folder refuses, it says so and which one it is."""
    (tmp_path / "taken").write_text("a file where the folder should be")
    keys = type(site.keys)(tmp_path / "taken" / "review", remember_days=1)
    answer = Visitor(dataclasses.replace(site, keys=keys)).get("/")
    assert answer.status_code == 503 and "taken" in answer.text and "content-security-policy" in answer.headers
