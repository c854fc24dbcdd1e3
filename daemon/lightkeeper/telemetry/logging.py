"""Logs by structlog: fields in the journal, plain text on a terminal, JSON lines elsewhere.

Secrets and personal data are redacted in all of them.
"""

import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from lightkeeper.telemetry.journald import Journal, is_journal
from lightkeeper.telemetry.lasting import Lasting

REDACTED: Final = "[redacted]"
_SECRETS: Final = (
    r"token|secret|password|passwd|private[_-]?key|assertion|authorization|cookie|api[_-]?key"
)
_PERSON: Final = r"icn|ssn|edipi|birls(?:_?id)?|file_?\s?number|participant(?:_?\s?id)?"
_SECRET_KEY: Final = re.compile(
    rf"{_SECRETS}|file_?name|(?:^|[^a-z])(?:{_PERSON})(?:$|[^a-z])", re.IGNORECASE
)
_QUOTING: Final = frozenset({"psycopg", "urllib3"})
"""Libraries that log what a server says."""
_FILE: Final = r"\.(?:pdf|jpe?g|png|gif|bmp|tiff?|txt|docx?)\b"
# Each starts only where a match can start: otherwise a long word takes very long.
_PERSONAL: Final = (
    re.compile(r"-----BEGIN [^-]+-----.*?(?:-----END [^-]+-----|\Z)", re.DOTALL),
    re.compile(r"\beyJ[\w-]{5,1000}\.[\w-]+(?:\.[\w-]*)*"),
    re.compile(r"(?i)\b(?:bearer|basic)\s+[\w.~+/=-]{6,}"),
    re.compile(rf"(?i)(?:{_SECRETS})[\"']?\s*(?:=|%3D|:\s*[\"'])\s*[\"']?[^\s&\"']+"),
    re.compile(r"(?i)(?:secret|passw(?:or)?d|api[_-]?key)\s*:\s*[^\s&\"']+"),
    re.compile(r"(?i)(?:token|assertion|cookie|private[_-]?key)\s*:\s*[\w.~+/=-]{16,}"),
    re.compile(r"(?<=://)[^\s/@:]{0,64}:\S{0,128}(?=@)"),
    re.compile(r"(?<![\w.+%-])[\w.+%-]+(?:@|%(?:25)*40)[\w-]+(?:\.[\w-]+)+"),
    re.compile(rf"(?i)(?<=['\"])[^'\"\n]*{_FILE}(?=['\"])"),
    # With words before it that look like names: file names contain blanks.
    re.compile(rf"(?i)(?:[\w.&-]{{1,40}} ){{0,3}}\(\d{{1,3}}\){_FILE}"),
    re.compile(
        r"(?i)(?<![^\s/\\'\"<>|:;,()\[\]{}=])(?:(?-i:[A-Z][\w.&-]{0,39}) ){0,3}"
        rf"[^\s/\\'\"<>|:;,()\[\]{{}}=]+{_FILE}"
    ),
    re.compile(r"\b\d{3}-\d{2}-\d{4}\b"),
    re.compile(r"\b\d{10}V\d{6}\b"),  # an ICN
    re.compile(
        rf"(?i)\b(?:{_PERSON})\b"
        r"[^\w\n]{0,4}(?:is\s)?\d[\w-]*"
    ),
)


def redact(value: Any) -> Any:
    """`value` with secrets and personal data redacted at any depth."""
    if isinstance(value, str):
        for pattern in _PERSONAL:
            value = pattern.sub(REDACTED, value)
        return value
    if isinstance(value, Mapping):
        return {
            redact(str(key)): REDACTED if _SECRET_KEY.search(str(key)) else redact(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value))


def _redactor(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    redacted: EventDict = redact(event)
    return redacted


class _Unfailing:
    """A stream that drops a line where its disk is full or its reader is gone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


class _Libraries(logging.Handler):
    """Sends what libraries log by Python's `logging` through structlog, redacted.

    What some of them fill in are a server's own words: these are left out.
    """

    def emit(self, record: logging.LogRecord) -> None:
        quotes = record.name.split(".")[0] in _QUOTING
        message = str(record.msg) if quotes else record.getMessage()
        structlog.get_logger().log(
            record.levelno, "library.said", logger=record.name, message=message
        )


def configure(
    *,
    level: str = "info",
    unified: Mapping[str, str] | None = None,
    correlation: Callable[[], Mapping[str, str]] = dict,
) -> None:
    """Send logs to stderr, or to the journal where systemd connected stderr to it.

    `unified` holds `dd.env`, `dd.service` and `dd.version`; `correlation` returns the ids of the
    current trace and span. Both are on every line, but for a terminal.
    """
    service_tags = dict(unified or {})

    def add_service(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.update(service_tags)
        event.update(correlation())
        return event

    stderr = cast(TextIO, _Unfailing(sys.stderr))
    factory: Callable[..., WrappedLogger] = structlog.PrintLoggerFactory(stderr)
    renderer: list[Processor] = [add_service, _redactor, structlog.processors.JSONRenderer()]
    if sys.stderr.isatty():
        # Without colours: on a terminal escape sequences are replaced in all output.
        renderer = [_redactor, structlog.dev.ConsoleRenderer(colors=False)]
    elif is_journal(sys.stderr):
        renderer, factory = [add_service, _redactor], Journal(fallback=stderr)
    structlog.configure(
        processors=[
            Lasting(),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=factory,
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)


@contextmanager
def diverted(
    keep: Callable[[dict[str, Any]], None], monotonic: Callable[[], float]
) -> Iterator[None]:
    """Within it, give `keep` each line that would be logged, redacted, and log nothing."""
    before = structlog.get_config()

    def kept(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        keep(dict(event))
        raise structlog.DropEvent

    structlog.configure(
        processors=[Lasting(monotonic), structlog.processors.add_log_level, _redactor, kept],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)
