"""Logging of the operator: text for people or one JSON object a line, never a value of an environment.

Libraries log requests and answers at debug level, with credentials. Their level stays at warning whatever the option
says; only our own loggers, which never see a plain value, go lower.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

FORMATS = ("text", "json")
OWN = "esc_operator"


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name in ("environment", "reason", "trace_id", "span_id"):
            if (value := getattr(record, name, None)) is not None:
                entry[name] = value
        return json.dumps(entry)


class TextFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """One line, whatever a message quotes: the author of a definition must not forge log lines."""
        line = super().formatMessage(record)
        if line.isprintable():
            return line
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name is logging's
        """Only the type of an exception: its text may quote a value."""
        return f"({ei[0].__name__})"


def configure(level: str, form: str) -> None:
    """Send all logs to stderr. `level` applies to our own loggers only."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_is_no_attempt_of_kopf)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(OWN).setLevel(level.upper())


def _is_no_attempt_of_kopf(record: logging.LogRecord) -> bool:
    """kopf reports each attempt that fails by the exception of its library; `session` says what it means, once."""
    return not (record.name.startswith("kopf") and str(record.msg).startswith("Request attempt "))


def add_trace_ids(current: Callable[[], tuple[str, str] | None]) -> None:
    """Add the ids of trace and span to each line of JSON."""

    def add(record: logging.LogRecord) -> bool:
        if ids := current():
            record.trace_id, record.span_id = ids
        return True

    for handler in logging.getLogger().handlers:
        handler.addFilter(add)
