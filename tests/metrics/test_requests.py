"""Who may ask, judged from the head of a request alone."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photodiary.metrics.requests import END, Asked, Refused, asked


def head(line: str = "GET /metrics HTTP/1.1", *fields: str) -> bytes:
    return "\r\n".join([line, *(fields or ("Host: 127.0.0.1:9464",))]).encode("latin-1") + END


@pytest.mark.parametrize("host", ["127.0.0.1:9464", "127.0.0.1", "localhost", "LOCALHOST:80", "[::1]:9464", "[::1]", "127.3.2.1:1"])
def test_this_machine_is_answered(host: str) -> None:
    """By localhost and by loopback addresses in digits."""
    assert asked(head("GET /metrics?x=1 HTTP/1.1", f"hOsT:  {host} ", "Accept: */*")) == Asked("/metrics", True)
    assert asked(head("HEAD /health HTTP/1.0", f"Host: {host}")) == Asked("/health", False)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:9464", "localhost.evil.example", "127.0.0.1.nip.io", "192.168.1.2", "10.0.0.1:9464", "0.0.0.0", "[::]", "", "[::1",
     "2130706433",
     "user@localhost", "localhost:x", "127.0.0.1/", "127.0.0.1?localhost", "evil#localhost"],
)  # fmt: skip
def test_a_name_that_somebody_may_point_here_is_not(host: str) -> None:
    """A page that reaches this machine through a name of its own reads nothing."""
    with pytest.raises(Refused) as no:
        asked(head("GET /metrics HTTP/1.1", f"Host: {host}"))
    assert no.value.status is HTTPStatus.FORBIDDEN


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (head("POST /metrics HTTP/1.1"), 405),
        (head("OPTIONS /metrics HTTP/1.1"), 405),
        (head("GET /metrics HTTP/1.1", "Accept: */*"), 400),
        (head("GET /metrics HTTP/1.1", "Host: localhost", "Host: evil.example"), 400),
        (head("GET /metrics HTTP/2.0"), 400),
        (head("GET http://127.0.0.1/metrics HTTP/1.1"), 400),
        (head("GET /metrics"), 400),
        (head("GET /metrics HTTP/1.1", "Host: localhost", "no colon"), 400),
        (head("GET /metrics HTTP/1.1", "Host : localhost"), 400),
        (head("", "Host: localhost"), 400),
    ],
)
def test_what_is_no_plain_question_is_refused(said: bytes, status: int) -> None:
    """Other methods, other protocols, no Host or two, and what is no HTTP."""
    with pytest.raises(Refused) as no:
        asked(said)
    assert no.value.status == status


@given(st.binary(max_size=300))
def test_anything_is_answered_or_refused(said: bytes) -> None:
    """Whatever comes over the line ends in an answer, never in another error."""
    try:
        path = asked(said + END).path
    except Refused:
        return
    assert path.startswith("/")
