"""How a process writes its log: lines for people, or one JSON object a line for a log store."""

import logging
import os
import sys
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from streams.source.address import redact

FORMAT_VARIABLE = "STREETWARDEN_LOG_FORMAT"
"""`text` or `json`; in the environment, so that the processes that are started inherit it."""
FORMATS = ("text", "json")
CHATTY = ("httpx", "httpcore", "alembic", "asyncio", "PIL", "libav", "faster_coco_eval", "matplotlib")

_SUBJECTS = ("camera", "incident")


def set_up_logs(level: int, process: str | None = None) -> None:
    """Sets up the log of this process, on standard error.

    Args:
        level: What is written at least.
        process: What the process is called, where there are several.
    """
    handler = logging.StreamHandler(sys.stderr)
    if os.environ.get(FORMAT_VARIABLE) == "json":
        handler.setFormatter(_json_formatter(process))
    else:
        name = f" {process}" if process else ""
        handler.setFormatter(_TextFormatter(f"%(asctime)s{name} %(levelname)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _json_formatter(process: str | None) -> logging.Formatter:
    return _Formatter(
        ["levelname", "name", "message"],
        rename_fields={"levelname": "level", "name": "logger"},
        static_fields={"process": process} if process else {},
        json_ensure_ascii=False,
        timestamp="time",
    )


class _TextFormatter(logging.Formatter):
    """Takes out the logins that an error of somebody else's may name."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class _Formatter(JsonFormatter):
    """Adds what a line is about, where it begins with that: `camera %s: …`; takes out logins."""

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        told = {name: redact(value) if isinstance(value, str) else value for name, value in log_data.items()}
        return super().process_log_record(told)

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        super().add_fields(log_data, record, message_dict)
        args = record.args if isinstance(record.args, tuple) else ()
        for subject in _SUBJECTS:
            if args and isinstance(record.msg, str) and record.msg.startswith(f"{subject} %s"):
                log_data[subject] = str(args[0])
