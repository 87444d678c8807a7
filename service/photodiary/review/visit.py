"""Who is calling, by what name, from where: judged from the connection and the request's head alone."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException

from photodiary.review.config import ReviewConfig

Headers = Iterable[tuple[bytes, bytes]]
FORWARDING = ("forwarded", "via", "x-real-ip", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "cf-connecting-ip", "tailscale-user-login")
SAFE = ("GET", "HEAD")


class Refused(HTTPException):
    """The answer is this status with this sentence, and nothing more is read of the request."""


@dataclass(frozen=True)
class Caller:
    """address: of the visitor, behind trusted proxies; origin: scheme://host:port as its browser shows it; here: sits at this very machine."""

    address: str
    scheme: str
    host: str
    here: bool

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host}"


def caller(config: ReviewConfig, names: frozenset[str], peer: str, scheme: str, version: str, headers: Headers) -> Caller:
    """names: further host names that are ours.  Raises Refused: a request without one clear Host, or by a name that is not ours.

    A name that anybody's DNS may point at us is refused, so that no foreign page gets to speak to us by it; an address written in digits is
    not anybody's to point.
    """
    told: dict[str, list[str]] = {}
    for key, value in headers:
        told.setdefault(key.decode("latin-1").lower(), []).append(value.decode("latin-1").strip())
    if len(told.get("host", ())) != 1:
        raise Refused(400, "The request does not say which host it means.")
    host, address = told["host"][0].lower(), peer
    forwarding = any(key in told for key in FORWARDING)
    trusted = [ipaddress.ip_network(text, strict=False) for text in config.trusted_proxies]
    proxied = forwarding and _within(peer, trusted)
    if proxied:
        address = _behind(peer, ",".join(told.get("x-forwarded-for", ())), trusted)
        scheme = _last(told, "x-forwarded-proto") or scheme
        host = (_last(told, "x-forwarded-host") or host).lower()
        if scheme not in ("http", "https"):
            raise Refused(400, "The proxy names a scheme that is neither http nor https.")
    name = _name(host)
    if config.url and name == config.url_host:
        scheme = urlsplit(config.url).scheme  # whatever stands in front of us, and whether it says so: that is how we are reached by this name
    if not (_is_address(name) or name == "localhost" or name in names or (config.url and name == config.url_host)):
        raise Refused(421, f"This page is not called {name[:80]}; who gave it that name adds it to review.hosts in the configuration.")
    local = name == "localhost" or (_is_address(name) and ipaddress.ip_address(name).is_loopback)
    here = _is_loopback(peer) and local and not forwarding and version == "1.1" and not config.asks_here  # a proxy that says nothing may speak 1.0
    return Caller(address, scheme, host, here)


def foreign(who: Caller, method: str, headers: Headers) -> bool:
    """Whether another page made the browser ask: by Origin, and where there is none, by Sec-Fetch-Site."""
    told = {key.lower(): value.decode("latin-1") for key, value in headers}
    origin, site, mode = told.get(b"origin"), told.get(b"sec-fetch-site"), told.get(b"sec-fetch-mode")
    if origin is not None and method not in SAFE:
        return origin.lower() != who.origin
    if site in (None, "same-origin", "none"):
        return False
    return method not in SAFE or mode != "navigate"  # a link from elsewhere is fine, a picture or script in a foreign page is not


def _name(host: str) -> str:
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        raise Refused(400, "The request does not say which host it means.") from None
    if not parts.hostname or parts.path or parts.query or parts.fragment or "@" in host:
        raise Refused(400, "The request does not say which host it means.")
    return parts.hostname.rstrip(".")


def _last(told: dict[str, list[str]], key: str) -> str | None:
    return ",".join(told[key]).rpartition(",")[2].strip() if key in told else None


def _behind(peer: str, chain: str, trusted: list[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> str:
    """The nearest address that is no trusted proxy: what stands before it, anybody may have written."""
    for text in [part.strip() for part in reversed(chain.split(",")) if part.strip()]:
        if not _is_address(text):
            return peer
        if not _within(text, trusted):
            return text
    return peer


def _within(text: str, networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    return _is_address(text) and any(ipaddress.ip_address(text) in network for network in networks)


def _is_loopback(text: str) -> bool:
    if not _is_address(text):
        return False
    address = ipaddress.ip_address(text)
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
