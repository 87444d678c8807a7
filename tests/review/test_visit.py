from __future__ import annotations

import pytest

from photodiary.review.config import ReviewConfig
from photodiary.review.visit import Refused, caller, foreign

PROXY = ReviewConfig(url="https://diary.example.org", trusted_proxies=("127.0.0.1", "10.0.0.0/8"))


def head(host: str | None = "localhost:8463", **others: str) -> list[tuple[bytes, bytes]]:
    told = {} if host is None else {"host": host}
    return [(key.replace("_", "-").encode(), value.encode()) for key, value in {**told, **others}.items()]


@pytest.mark.parametrize("host", ["localhost", "localhost:8463", "127.0.0.1:8463", "[::1]:8463", "LOCALHOST", "localhost."])
def test_who_calls_this_machine_by_its_own_name_sits_at_it(host: str) -> None:
    """From the machine itself, by a name that only it has, nobody is asked for a link."""
    assert caller(ReviewConfig(), frozenset(), "127.0.0.1", "http", "1.1", head(host)).here


@pytest.mark.parametrize(
    ("peer", "host", "version", "others"),
    [
        ("192.168.1.7", "192.168.1.5:8463", "1.1", {}),
        ("192.168.1.7", "localhost", "1.1", {}),
        ("127.0.0.1", "192.168.1.5", "1.1", {}),
        ("127.0.0.1", "localhost", "1.0", {}),
        ("127.0.0.1", "localhost", "1.1", {"x_forwarded_for": "127.0.0.1"}),
        ("127.0.0.1", "127.0.0.1:8463", "1.1", {"x_real_ip": "203.0.113.9"}),
        ("127.0.0.1", "127.0.0.1:8463", "1.1", {"via": "1.1 somebody"}),
    ],
)
def test_who_may_come_from_elsewhere_does_not_sit_here(peer: str, host: str, version: str, others: dict[str, str]) -> None:
    """Another address, another name, or anything that stands between us counts as elsewhere, whatever the other signs say."""
    assert not caller(ReviewConfig(), frozenset(), peer, "http", version, head(host, **others)).here


def test_behind_a_proxy_nobody_sits_here() -> None:
    """A proxy on this machine may hand strangers on without a word about itself: where one is configured, everybody needs a link."""
    for config in (PROXY, ReviewConfig(url="https://diary.example.org"), ReviewConfig(trusted_proxies=("10.0.0.1",)), ReviewConfig(ask_here=True)):
        assert not caller(config, frozenset(), "127.0.0.1", "http", "1.1", head()).here


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "0x7f.1", "diary.example.org.evil.example", "nas.local.x"]
)
def test_a_name_that_is_not_ours_is_refused(host: str) -> None:
    """A name that anybody's DNS may point at us is refused, also where it looks like ours (DNS rebinding)."""
    config = ReviewConfig(url="https://diary.example.org", hosts=("nas.local",))
    with pytest.raises(Refused) as no:
        caller(config, frozenset(config.hosts), "127.0.0.1", "http", "1.1", head(host))
    assert no.value.status_code == 421


@pytest.mark.parametrize("host", [None, "", "a b", "user@localhost", "localhost/x", "localhost:port", "[::1", "localhost?x", "localhost#x"])
def test_a_request_without_a_clear_host_is_refused(host: str | None) -> None:
    """A request says once, and clearly, which host it means."""
    with pytest.raises(Refused) as no:
        caller(ReviewConfig(), frozenset(), "127.0.0.1", "http", "1.1", head(host))
    assert no.value.status_code in (400, 421)


def test_two_hosts_are_none() -> None:
    """Whoever names two hosts means to show each reader another one."""
    with pytest.raises(Refused):
        caller(ReviewConfig(), frozenset(), "127.0.0.1", "http", "1.1", [*head("localhost"), *head("evil.example")])


def test_a_trusted_proxy_is_believed() -> None:
    """Behind a proxy of the configuration, address, scheme and host are what it says, and the visitor comes from elsewhere."""
    who = caller(PROXY, frozenset(), "127.0.0.1", "http", "1.1", head("127.0.0.1:8463", x_forwarded_for="203.0.113.9", x_forwarded_proto="https",
                 x_forwarded_host="diary.example.org"))  # fmt: skip
    assert (who.address, who.origin, who.here) == ("203.0.113.9", "https://diary.example.org", False)


def test_by_its_url_it_is_reached_as_that_says() -> None:
    """Also where the proxy in front is not named, the page knows whether it is reached by https under its own url."""
    config = ReviewConfig(url="https://diary.example.org")
    assert caller(config, frozenset(), "127.0.0.1", "http", "1.1", head("diary.example.org")).origin == "https://diary.example.org"


def test_a_stranger_who_says_he_is_a_proxy_is_not_believed() -> None:
    """X-Forwarded-* of an address that the configuration does not name changes nothing but that its sender is not taken for one at this machine."""
    who = caller(PROXY, frozenset(), "192.168.1.7", "http", "1.1", head("192.168.1.5", x_forwarded_for="127.0.0.1", x_forwarded_proto="https",
                 x_forwarded_host="localhost"))  # fmt: skip
    assert (who.address, who.scheme, who.host, who.here) == ("192.168.1.7", "http", "192.168.1.5", False)


def test_of_a_chain_only_what_trusted_proxies_wrote_counts() -> None:
    """What stands before the nearest address that is no trusted proxy may have been written by anybody."""
    who = caller(PROXY, frozenset(), "127.0.0.1", "http", "1.1", head("diary.example.org", x_forwarded_for="127.0.0.1, 198.51.100.4, 10.1.2.3"))
    assert who.address == "198.51.100.4"


OWN = "http://127.0.0.1:8463"


@pytest.mark.parametrize(
    ("method", "others", "refused"),
    [
        ("POST", {"origin": OWN}, False),
        ("POST", {"origin": "http://evil.example"}, True),
        ("POST", {"origin": "null"}, True),
        ("POST", {"origin": "https://127.0.0.1:8463"}, True),
        ("POST", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}, True),
        ("POST", {"sec_fetch_site": "same-site"}, True),
        ("POST", {}, False),
        ("GET", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}, False),
        ("GET", {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"}, True),
        ("GET", {"sec_fetch_site": "none"}, False),
        ("GET", {"origin": "http://evil.example", "sec_fetch_site": "cross-site", "sec_fetch_mode": "cors"}, True),
    ],
)
def test_another_page_cannot_ask_through_our_visitors_browser(method: str, others: dict[str, str], refused: bool) -> None:
    """A form must come from a page of ours; a link from elsewhere may lead here, pictures and scripts of foreign pages may not be ours."""
    headers = head("127.0.0.1:8463", **others)
    who = caller(ReviewConfig(), frozenset(), "127.0.0.1", "http", "1.1", headers)
    assert foreign(who, method, headers) is refused


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"host": "localhost"}, "host must"), ({"port": 0}, "port must"), ({"url": "diary.example.org"}, "url must"), ({"url": "https://x/diary"}, "url must"),
        ({"url": "https://a@b"}, "url must"), ({"trusted_proxies": ("proxy",)}, "trusted_proxies must"), ({"hosts": ("a:1",)}, "hosts must"),
        ({"remember_days": 0}, "remember_days must"), ({"connections": 1}, "connections must"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_told(values: dict[str, object], word: str) -> None:
    """Each setting of the page says what is allowed."""
    with pytest.raises(ValueError, match=word):
        ReviewConfig(**values)  # type: ignore[arg-type]
