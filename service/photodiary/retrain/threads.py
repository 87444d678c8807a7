"""How many threads training may use at this moment."""

from __future__ import annotations

import os

import torch

LONG_ENOUGH = 0.2  # seconds that have to be watched before anything is decided: the kernel counts in hundredths


class ConsiderateThreads:
    """Two or more threads while the machine is otherwise idle, one while somebody else computes.

    A parallel step beside another busy process waits at every barrier, up to twenty times as long; one thread does not.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._last = self._read()
        self._watched = self._others = 0.0

    @staticmethod
    def _read() -> tuple[float, float]:
        with open("/proc/stat", encoding="ascii") as handle:
            fields = [float(v) for v in handle.readline().split()[1:]]
        busy = (fields[0] + fields[1] + fields[2]) / os.sysconf("SC_CLK_TCK")
        times = os.times()
        return busy, times.user + times.system

    def adjust(self, seconds: float, others: float = 0.35) -> int:
        """Choose the number of threads from what happened in the last `seconds`; up to `others` cores may be busy with our own helpers."""
        busy, own = self._read()
        self._others += (busy - self._last[0]) - (own - self._last[1])
        self._watched += seconds
        self._last = busy, own
        if self._watched >= LONG_ENOUGH:
            threads = self.most if self._others / self._watched < others else 1
            self._watched = self._others = 0.0
            if torch.get_num_threads() != threads:
                torch.set_num_threads(threads)
        return torch.get_num_threads()
