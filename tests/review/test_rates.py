from __future__ import annotations

from photodiary.review import rates
from photodiary.review.rates import Rate, network_of


def test_so_many_at_once_and_so_many_a_second() -> None:
    """A caller may ask so often at once, then as often as time gives it back; others are not affected."""
    rate = Rate(at_once=3, per_second=0.5)
    assert [rate.spend("a", 100.0) for _ in range(4)] == [True, True, True, False]
    assert rate.spend("b", 100.0)
    assert not rate.spend("a", 101.0) and rate.spend("a", 102.0) and not rate.spend("a", 102.0)
    assert [rate.spend("a", 9000.0) for _ in range(4)] == [True, True, True, False]


def test_few_callers_are_remembered() -> None:
    """However many addresses ask, memory stays small."""
    rate = Rate(at_once=1, per_second=0)
    for number in range(rates.MOST + 100):
        rate.spend(str(number), 1.0)
    assert len(rate._left) == rates.MOST


def test_a_customer_of_ipv6_counts_once() -> None:
    """Whoever has a whole network of addresses is one caller."""
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:2") != network_of("2001:db8:0:1::1")
    assert network_of("192.168.1.7") == "192.168.1.7" and network_of("nonsense") == "nonsense"
