"""What steers the messages."""

from __future__ import annotations

from dataclasses import dataclass, field

from photodiary.diary.hours import is_clock
from photodiary.errors import require

KINDS = ("needs_two_taps", "film_ready", "model_improved", "degraded", "no_photo_today")


@dataclass(frozen=True)
class NotifyConfig:
    """Where messages go, which ones, and when.

    urls: Apprise URLs, which hold secrets and so are never shown; exec: a command and its arguments, run without a shell; exec_timeout_s: how long
    it may take; events: kinds of messages, some of KINDS; quiet_from, quiet_until, remind_at: times of day in the diary's time zone, empty for
    none; degraded_after_s: how long trouble lasts before it is told; look_every_s: seconds between two looks.
    """

    urls: tuple[str, ...] = field(default=(), repr=False)
    exec: tuple[str, ...] = field(default=(), repr=False)
    exec_timeout_s: float = 30.0
    events: tuple[str, ...] = KINDS
    quiet_from: str = "22:00"
    quiet_until: str = "08:00"
    remind_at: str = ""
    degraded_after_s: float = 900.0
    look_every_s: float = 60.0

    def __post_init__(self) -> None:
        quiet = (self.quiet_from, self.quiet_until)
        require(
            (all("://" in url for url in self.urls), 'urls must be Apprise URLs, each like "ntfy://topic" (https://github.com/caronc/apprise/wiki)'),
            (not self.exec or bool(self.exec[0].strip()), "exec must be empty or a list that begins with a program"),
            (0.1 <= self.exec_timeout_s <= 600, "exec_timeout_s must be 0.1 to 600 seconds"),
            (all(kind in KINDS for kind in self.events), f"events must be some of {', '.join(KINDS)}"),
            (quiet == ("", "") or all(is_clock(at) for at in quiet), 'quiet_from and quiet_until must be times like "22:00", or both empty'),
            (quiet == ("", "") or quiet[0] != quiet[1], "quiet_until must differ from quiet_from; both empty: no quiet hours"),
            (not self.remind_at or is_clock(self.remind_at), 'remind_at must be empty or a time like "20:00"'),
            (0 <= self.degraded_after_s <= 86_400, "degraded_after_s must be at least 0 and at most a day"),
            (1 <= self.look_every_s <= 3600, "look_every_s must be 1 to 3600 seconds"),
        )
