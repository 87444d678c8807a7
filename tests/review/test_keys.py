from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from photodiary.review.keys import A_DAY, IN, LINK_S, LINKS_AT_MOST, Keys


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(tmp_path: Path, clock: Clock) -> Keys:
    return Keys(tmp_path / "state" / "review", remember_days=90, clock=clock)


def test_a_link_lets_in_once(keys: Keys) -> None:
    """A link works once, and a wrong one never."""
    token = keys.new_link()
    assert not keys.use_link(token + "x") and not keys.use_link("") and not keys.use_link("../key")
    assert keys.use_link(token)
    assert not keys.use_link(token)


def test_of_many_who_come_with_one_link_at_once_one_gets_in(keys: Keys) -> None:
    """Also between two threads a link works once."""
    token = keys.new_link()
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: keys.use_link(token), range(24))) == 1


def test_a_link_expires(keys: Keys, clock: Clock) -> None:
    """After ten minutes a link lets nobody in."""
    token = keys.new_link()
    clock.now += LINK_S + 1
    assert not keys.use_link(token)


def test_links_do_not_pile_up(keys: Keys) -> None:
    """However many are asked for, few wait."""
    for _ in range(LINKS_AT_MOST + 10):
        keys.new_link()
    assert len(list(keys.folder.glob("link-*"))) <= LINKS_AT_MOST + 1


def test_a_cookie_says_what_it_was_given_for(keys: Keys, clock: Clock) -> None:
    """A cookie of ours is believed while it is fresh; one that was changed, is another key's, or is too old is not."""
    session, cookie = keys.new_session(IN)
    assert keys.session(cookie) == session
    guest = keys.new_session("guest")[1]
    forged = cookie.split(".")[0] + guest[guest.index(".") :]
    for wrong in (None, "", "x", "...", forged, cookie[:-1], cookie + "x", "in.1.a.b", "é" * 20, cookie * 10):
        assert keys.session(wrong) is None
    clock.now += 91 * A_DAY
    assert keys.session(cookie) is None


def test_signing_out_counts_at_once(keys: Keys) -> None:
    """After signing out no cookie and no link from before lets anybody in, also in a page that runs."""
    _, cookie = keys.new_session(IN)
    token = keys.new_link()
    Keys(keys.folder, remember_days=90).sign_out()
    assert keys.session(cookie) is None and not keys.use_link(token)


def test_forms_of_one_browser_do_not_pass_for_anothers(keys: Keys) -> None:
    """Each browser's forms carry a token of their own, and it is no part of its cookie."""
    (one, cookie), (other, _) = keys.new_session(IN), keys.new_session(IN)
    assert keys.csrf(one) != keys.csrf(other) and keys.csrf(one) not in cookie


def test_an_upload_token_is_for_one_diary(keys: Keys) -> None:
    """A token sends to its own diary only, and the one before it stops working."""
    first, other = keys.new_upload_token("me"), keys.new_upload_token("anna")
    assert keys.may_upload(first, "me") and keys.may_upload(other, "anna")
    assert not keys.may_upload(first, "anna") and not keys.may_upload("", "me") and not keys.may_upload(first, "nobody")
    second = keys.new_upload_token("me")
    assert keys.may_upload(second, "me") and not keys.may_upload(first, "me") and keys.may_upload(other, "anna")


def test_secrets_are_for_their_user_only_and_not_in_the_clear(keys: Keys) -> None:
    """The folder is 0700, its files 0600, and neither links nor upload tokens stand in them."""
    tokens = [keys.new_link(), keys.new_upload_token("me")]
    keys.new_session(IN)
    assert stat.S_IMODE(keys.folder.stat().st_mode) == 0o700
    files = list(keys.folder.iterdir())
    assert len(files) == 3 and all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
    for path in files:
        assert not any(token in path.name or token.encode() in path.read_bytes() for token in tokens)


def test_two_who_start_at_once_share_one_key(tmp_path: Path) -> None:
    """Whoever needs the key first makes it; nobody signs with another."""
    with ThreadPoolExecutor(8) as pool:
        cookies = list(pool.map(lambda _: Keys(tmp_path / "review", remember_days=1).new_session(IN)[1], range(16)))
    assert all(Keys(tmp_path / "review", remember_days=1).session(cookie) is not None for cookie in cookies)
