"""Logging, configured once: a sentence a person can read on stderr, or JSON lines on request."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from typing import Any, Literal

import structlog


@dataclass(frozen=True)
class LogsConfig:
    """format: text (sentences) or json (one object a line, with code, diary and numbers); level: debug, info, warning or error."""

    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"


def _sentence(journal: bool, several: bool) -> structlog.typing.Processor:
    def render(_: Any, __: str, event: structlog.typing.EventDict) -> str:
        level = str(event.pop("level", "info"))
        stamp = event.pop("timestamp", "")
        diary = event.get("diary")
        trouble = event.pop("exception", None)
        head = "" if journal else f"{stamp} "
        mark = {"warning": "warning: ", "error": "error: ", "critical": "error: "}.get(level, "")
        where = f"[{diary}] " if several and diary else ""
        return f"{head}{mark}{where}{event['event']}" + (f"\n{trouble}" if trouble else "")

    return render


def configure(config: LogsConfig, *, several: bool = False, journal: bool = False) -> None:
    """Set up structlog and route the standard library's loggers (watchdog, apscheduler) through it.

    several: name the diary in each line; journal: systemd adds the time itself.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False) if config.format == "text" else structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
    ]
    last: structlog.typing.Processor = structlog.processors.JSONRenderer() if config.format == "json" else _sentence(journal, several)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last])
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(config.level.upper())
    for chatty in ("apscheduler", "watchdog"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
