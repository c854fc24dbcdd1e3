"""Optional spans around methods, sent to Datadog's trace Agent by ddtrace.

ddtrace is imported only by `start`. Methods are wrapped from outside, so that no part depends on
tracing. A span holds constants, words of ours and exception types: no id, address or message.
"""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import urlsplit

import structlog

from lightkeeper import __version__
from lightkeeper.domain.errors import ExitStatus, LightkeeperError

if TYPE_CHECKING:
    import ddtrace.trace

CHECK_EVERY_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 0.25
CLOSE_SECONDS: Final = 2.0
_DEFAULTS: Final = {
    "DD_CRASHTRACKING_ENABLED": "false",
    "DD_EXPERIMENTAL_PROPAGATE_PROCESS_TAGS_ENABLED": "false",  # the folder may be a user's name
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
    "DD_REMOTE_CONFIGURATION_ENABLED": "false",
    "DD_RUNTIME_METRICS_ENABLED": "false",
    "DD_SERVICE": "lightkeeper",
    "DD_TRACE_GIT_METADATA_ENABLED": "false",
    "DD_TRACE_LOG_LEVEL": "ERROR",  # at most one line of a kind each minute
}
_EXIT_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_IDLE: Final = "lightkeeper.idle"

SpanTags: TypeAlias = Callable[[Any], Mapping[str, str] | None]
"""The tags that a call's result adds to its span; None where the call had nothing to do."""

log = structlog.get_logger()


class TracingUnavailable(LightkeeperError):
    """Tracing is on, and cannot start."""

    exit_status = ExitStatus.CONFIG


class Tracer:
    """Wraps methods in spans; `start` makes one."""

    def __init__(self, tracer: "ddtrace.trace.Tracer") -> None:
        self._tracer = tracer

    def wrap(self, part: object, method: str, name: str, tags: SpanTags | None = None) -> None:
        """Make `part.method` run inside a span `name`, a child of its caller's span if any.

        An exception is raised as before; the span holds its type alone. A trace that is one span
        for which `tags` returns None is not sent.
        """
        run = getattr(part, method)

        @wraps(run)
        def traced(*args: Any, **kwargs: Any) -> Any:
            # ddtrace's own `with` would keep the exception's message and stack.
            span = self._tracer.trace(name, resource=name)
            try:
                result = run(*args, **kwargs)
                if tags is not None:
                    said = tags(result)
                    span.set_tags({_IDLE: "true"} if said is None else dict(said))
            except BaseException as exc:
                span.error = 1
                span.set_tag("error.type", f"{type(exc).__module__}.{type(exc).__qualname__}")
                raise
            finally:
                span.finish()
            return result

        setattr(part, method, traced)

    def correlation(self) -> dict[str, str]:
        """`dd.trace_id` and `dd.span_id` for a log line; empty outside of a span."""
        known = self._tracer.get_log_correlation_context()
        ids = {key: known[key] for key in ("dd.trace_id", "dd.span_id")}
        return {} if "0" in ids.values() else ids

    def close(self) -> None:
        """Send what is left, for `CLOSE_SECONDS` at most; a later span is lost."""
        self._tracer.shutdown(timeout=CLOSE_SECONDS)


def start() -> Tracer:
    """Import ddtrace's tracer, which reads `DD_TRACE_AGENT_URL` and its other variables.

    Raises `TracingUnavailable` where ddtrace is not installed or refuses one of its variables.
    """
    for name, value in _DEFAULTS.items():
        os.environ[name] = os.environ.get(name) or value
    try:
        with _signal_handlers_kept():
            from ddtrace import config
            from ddtrace.trace import TraceFilter, tracer
        agent = _Agent(tracer.agent_trace_url or "")
    except ImportError as exc:
        raise TracingUnavailable(
            f"tracing is on, but ddtrace cannot be imported ({exc}): "
            "pip install 'lightkeeper[tracing]'"
        ) from exc
    except ValueError as exc:
        raise TracingUnavailable(
            f"tracing is on, but ddtrace's settings are wrong: {exc}"
        ) from exc

    class Sendable(TraceFilter):
        """Lets a trace through that did some work, while the trace Agent is reachable."""

        def process_trace(self, trace: "list[ddtrace.trace.Span]") -> Any:
            idle = len(trace) == 1 and trace[0].get_tag(_IDLE)
            return None if idle or not agent.is_reachable() else trace

    config.version = config.version or __version__
    tracer.configure(trace_processors=[Sendable()])
    return Tracer(tracer)


class _Agent:
    """Whether the trace Agent answers, checked at most every `CHECK_EVERY_SECONDS`.

    ddtrace tries to send each trace six times, for 3 s where the port is closed and 21 s where
    no answer comes, and delays the end of the process by that: it must not get what it cannot
    send.
    """

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._path = address.path if address.scheme == "unix" else None
        self._kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
        self._host, self._port = address.hostname or "localhost", address.port
        self._reachable = True
        self._check_at = 0.0

    def is_reachable(self) -> bool:
        """As of the last check."""
        if time.monotonic() >= self._check_at:
            answers = self._answers()
            if answers != self._reachable:
                log.warning("tracing.agent.reachable" if answers else "tracing.agent.unreachable")
            self._reachable, self._check_at = answers, time.monotonic() + CHECK_EVERY_SECONDS
        return self._reachable

    def _answers(self) -> bool:
        connection = self._kind(self._host, self._port, timeout=ANSWER_SECONDS)
        try:
            if self._path is not None:
                connection.sock = socket.socket(socket.AF_UNIX)
                connection.sock.settimeout(ANSWER_SECONDS)
                connection.sock.connect(self._path)
            connection.request("GET", "/info")
            connection.getresponse()
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()
        return True


@contextmanager
def _signal_handlers_kept() -> Iterator[None]:
    """Undo ddtrace's signal handlers: they delay the end of a process that gets two signals."""
    before = {number: signal.getsignal(number) for number in _EXIT_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)
