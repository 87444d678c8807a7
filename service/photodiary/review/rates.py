"""How often somebody may ask: so many at once, and so many a second in the long run."""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict

MOST = 4096  # callers that are remembered


class Rate:
    """at_once: may come in one go; per_second: how fast they grow again.  Safe to share between threads."""

    def __init__(self, at_once: float, per_second: float) -> None:
        self._at_once, self._per_second = at_once, per_second
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._turn = threading.Lock()

    def spend(self, who: str, clock: float, cost: float = 1.0) -> bool:
        """Whether `who` may go on now.  clock: monotonic seconds."""
        with self._turn:
            left, at = self._left.pop(who, (self._at_once, clock))
            left = min(self._at_once, left + (clock - at) * self._per_second)
            allowed = left >= cost
            self._left[who] = (left - cost if allowed else left, clock)
            while len(self._left) > MOST:
                self._left.popitem(last=False)
        return allowed


def network_of(address: str) -> str:
    """Whom an address counts as: an IPv6 customer has 2^64 of them."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6:
        return str(ipaddress.ip_network(f"{parsed}/64", strict=False))
    return address
