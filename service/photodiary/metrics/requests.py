"""One request's head, judged from its bytes alone: what is asked, and whether it is asked by somebody at this machine."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from photodiary.metrics.config import is_loopback

END = b"\r\n\r\n"
HEAD_BYTES = 8192


class Refused(Exception):
    """The answer is `status`, and nothing more."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


@dataclass(frozen=True)
class Asked:
    """path: without its query; whole: with the answer's body."""

    path: str
    whole: bool


def asked(head: bytes) -> Asked:
    """head: everything up to and with the empty line.  Raises Refused.

    A name that anybody's DNS may point at this machine is refused, so that no page of a stranger's reads by it what is answered here.
    """
    first, *lines = head.removesuffix(END).decode("latin-1").split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3 or parts[2] not in ("HTTP/1.0", "HTTP/1.1") or not parts[1].startswith("/"):
        raise Refused(HTTPStatus.BAD_REQUEST)
    fields = [line.partition(":") for line in lines]
    if any(not colon or not name or name != name.strip() for name, colon, _ in fields):
        raise Refused(HTTPStatus.BAD_REQUEST)
    hosts = [value.strip() for name, _, value in fields if name.lower() == "host"]
    if len(hosts) != 1:
        raise Refused(HTTPStatus.BAD_REQUEST)
    if not _here(hosts[0]):
        raise Refused(HTTPStatus.FORBIDDEN)
    if parts[0] not in ("GET", "HEAD"):
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED)
    return Asked(parts[1].partition("?")[0], parts[0] == "GET")


def _here(host: str) -> bool:
    """localhost or a loopback address in digits, with or without a port."""
    try:
        parts = urlsplit(f"//{host}")
        _, name = parts.port, parts.hostname
    except ValueError:
        return False
    return parts.netloc == host and "@" not in host and name is not None and (name == "localhost" or is_loopback(name))
