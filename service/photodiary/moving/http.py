"""Talking to one server over HTTP, with a key that goes nowhere else: no redirect is followed, no proxy asked, and answers are bounded."""

from __future__ import annotations

import http.client
import ipaddress
import json
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from photodiary.errors import BadUsage, Transient

TIMEOUT_S = 60.0  # without a byte
TRIES = 6
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 60.0
LARGEST_ANSWER = 64 << 20  # bytes of JSON: a thousand photos have two million
PASSING = (408, 425, 429, 500, 502, 503, 504)


class Refused(Transient):
    """The server answered with something else than was asked for.  status: of HTTP."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Unreachable(Transient):
    """The server cannot be reached, or breaks off, again and again."""


@dataclass(frozen=True)
class Address:
    """Where a server is.  text: for people, without anything secret."""

    scheme: str
    host: str
    port: int | None
    path: str
    text: str

    @property
    def exposed(self) -> bool:
        """Whether what is said to it can be read on the way."""
        return self.scheme == "http" and not _loopback(self.host)


def address(url: str) -> Address:
    """What a person typed, checked.  Raises BadUsage."""
    shown = url if "@" not in url else "what was given"  # it may be a password
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").encode("idna").decode("ascii"), parts.port
    except ValueError as error:
        raise BadUsage(f"{shown}: is no address; write one like https://photos.example.org") from error
    if parts.scheme not in ("http", "https") or not host or re.search(r"[^A-Za-z0-9._:-]", host) or re.search(r"[^!-~]", parts.path):
        raise BadUsage(f"{shown}: is no address; write one like https://photos.example.org")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise BadUsage("the address may not hold a name, a password or a question mark; the key goes into a file, see --key-file")
    path = parts.path.rstrip("/").removesuffix("/api").rstrip("/")
    named = f"[{host}]" if ":" in host else host
    return Address(parts.scheme, host, port, path, f"{parts.scheme}://{named}{'' if port is None else f':{port}'}{path}")


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Server:
    """One connection, kept open between requests and made anew after trouble.  headers go with each request, and to this server only."""

    def __init__(self, where: Address, headers: dict[str, str], *, waiting: Callable[[str], None] = lambda words: None) -> None:
        """waiting: hears in words what is being waited for."""
        self.where = where
        self._headers = headers
        self._waiting = waiting
        self._connection: http.client.HTTPConnection | None = None

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(OSError):
                connection.close()

    def ask(self, method: str, path: str, body: Any = None, *, bare: bool = False) -> Any:
        """The JSON of an answer.  bare: without the headers that are secret.  Raises Refused, Unreachable, BadUsage (its certificate, a redirect)."""

        def act() -> Any:
            with self._answer(method, path, body, bare=bare) as answer:
                data = answer.read(LARGEST_ANSWER + 1)
            if len(data) > LARGEST_ANSWER:
                raise Refused(200, "an answer of more than 64 MB")
            try:
                return json.loads(data)
            except (ValueError, RecursionError) as error:
                raise Refused(200, "no JSON") from error

        return self.persistently(act)

    def fetch(self, path: str, take: Callable[[Iterator[bytes]], None]) -> None:
        """Hand what is at a path to `take`, piece by piece; again from the beginning after trouble.  Raises as `ask` does, and what `take` raises."""

        def act() -> None:
            with self._answer("GET", path, None, bare=False) as answer:
                take(_pieces(answer))

        self.persistently(act)

    def persistently(self, act: Callable[[], Any]) -> Any:
        """Try, and try again with longer waits when that may help."""
        wait, trouble = FIRST_WAIT_S, ""
        for number in range(TRIES):
            if number:
                self._waiting(f"{self.where.text}: {trouble}; trying again{f' in {wait:.0f} s' if wait >= 1 else ''}")
                time.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT_S)
            try:
                return act()
            except Refused as error:
                self.close()
                if error.status not in PASSING:
                    raise
                trouble = str(error)
            except ssl.SSLCertVerificationError as error:
                self.close()
                raise BadUsage(
                    f"{self.where.text}: its certificate is not trusted ({error.verify_message}); where it is of an authority of your own, "
                    "add that to this system's, or name its file in the environment as SSL_CERT_FILE"
                ) from error
            except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
                self.close()
                trouble = "breaks off"
            except ssl.SSLError as error:
                self.close()
                raise BadUsage(f"{self.where.text}: does not speak TLS as it should ({error.reason}); is it http:// there?") from error
            except (OSError, http.client.HTTPException) as error:
                self.close()
                trouble = _in_words(error)
        raise Unreachable(f"{self.where.text}: {trouble}; tried {TRIES} times")

    @contextmanager
    def _answer(self, method: str, path: str, body: Any, *, bare: bool) -> Iterator[http.client.HTTPResponse]:
        connection = self._connected()
        headers = {"Accept": "application/json" if method == "POST" or bare else "*/*", **({} if bare else self._headers)}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        connection.request(method, self.where.path + path, data, headers)
        answer = connection.getresponse()
        try:
            if not 200 <= answer.status < 300:
                self._refuse(answer)
            yield answer
        finally:
            if not answer.isclosed():  # something is left of it: the next answer would begin with that
                self.close()

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            where = self.where
            if where.scheme == "https":
                self._connection = http.client.HTTPSConnection(where.host, where.port or 443, timeout=TIMEOUT_S, context=ssl.create_default_context())
            else:
                self._connection = http.client.HTTPConnection(where.host, where.port or 80, timeout=TIMEOUT_S)
        return self._connection

    def _refuse(self, answer: http.client.HTTPResponse) -> None:
        if 300 <= answer.status < 400:
            there = urlsplit(answer.headers.get("Location", ""))
            place = f"{there.scheme}://{there.netloc}" if there.scheme and there.netloc else "elsewhere"
            raise BadUsage(f"{self.where.text}: sends its callers to {_plain(place)}; the key is not sent there: give that address if it is your server's")
        said = ""
        with suppress(OSError, ValueError, RecursionError, http.client.HTTPException):
            message = json.loads(answer.read(10_000)).get("message")
            said = _plain("; ".join(map(str, message)) if isinstance(message, list) else str(message or ""))
        raise Refused(answer.status, f"answers {answer.status}{f': {said}' if said else ''}")


def _pieces(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    while piece := answer.read(1 << 20):
        yield piece
    if answer.length:  # http.client raises for that only when all is read at once
        raise http.client.IncompleteRead(b"", answer.length)


def _in_words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"says nothing for {TIMEOUT_S:.0f} s"
    if isinstance(error, socket.gaierror):
        return "there is no such name in the network"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    if isinstance(error, http.client.HTTPException):
        return "breaks off, or speaks no HTTP"
    return f"cannot be reached: {getattr(error, 'strerror', None) or type(error).__name__}"


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text[:200]).strip()
