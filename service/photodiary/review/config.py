"""Settings of the page."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from photodiary.errors import require


@dataclass(frozen=True)
class ReviewConfig:
    """host, port: where the page listens; url: how it is called from elsewhere, through a proxy of your own that speaks https; trusted_proxies:
    addresses or networks whose X-Forwarded-* are believed; hosts: further names it may be called by; ask_here: also who sits at this machine
    needs a link, as anyway where something stands in front; remember_days: how long a device stays let in; connections: at most so many at a time.
    """

    host: str = "127.0.0.1"
    port: int = 8463
    url: str = ""
    trusted_proxies: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    ask_here: bool = False
    remember_days: int = 90
    connections: int = 200

    def __post_init__(self) -> None:
        require(
            (_is_address(self.host), 'host must be an address of this machine, such as "127.0.0.1", "::1" or "0.0.0.0"'),
            (1 <= self.port <= 65_535, "port must be 1 to 65535"),
            (self.url == "" or _is_url(self.url), 'url must be a whole address without a path, such as "https://diary.example.org"'),
            (all(_is_network(text) for text in self.trusted_proxies), 'trusted_proxies must be addresses or networks, such as ["127.0.0.1", "10.0.0.0/8"]'),
            (all(_is_name(text) for text in self.hosts), 'hosts must be names without port, such as ["nas.local"]'),
            (1 <= self.remember_days <= 400, "remember_days must be 1 to 400"),
            (10 <= self.connections <= 10_000, "connections must be 10 to 10000"),
        )

    @property
    def asks_here(self) -> bool:
        """Whether nobody is taken for one at this machine: a proxy in front may say nothing of itself, as nginx does, which speaks HTTP/1.1 since 1.30."""
        return self.ask_here or bool(self.url) or bool(self.trusted_proxies)

    @property
    def url_host(self) -> str:
        """The name in `url`, lower case; empty without one."""
        return urlsplit(self.url).hostname or ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.path in ("", "/") and not parts.query and "@" not in parts.netloc


def _is_name(text: str) -> bool:
    return 0 < len(text) < 254 and all(c.isalnum() or c in ".-_" for c in text)
