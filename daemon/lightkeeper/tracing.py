"""Spans for what the daemon does, where asked for. Off means that ddtrace is not even imported."""

import functools
from collections.abc import Callable
from typing import Any

from lightkeeper.model import LightkeeperError


class TracerMissing(LightkeeperError):
    """Tracing is asked for and not installed: pip install 'lightkeeper[tracing]'."""

    exit_status = 78


class Tracer:
    """Datadog's tracer, around methods of parts that know nothing of it.

    A span carries the name of what was done and nothing else: no id, no URL, no argument.
    """

    def __init__(self) -> None:
        try:
            from ddtrace.trace import tracer
        except ImportError as exc:
            raise TracerMissing from exc
        self._tracer = tracer

    def wrap(self, part: object, method: str, name: str) -> None:
        """Make every call of `part.method` a span called `name`."""
        inner: Callable[..., Any] = getattr(part, method)

        @functools.wraps(inner)
        def traced(*args: Any, **kwargs: Any) -> Any:
            with self._tracer.trace(name):
                return inner(*args, **kwargs)

        setattr(part, method, traced)

    def log_context(self) -> dict[str, str]:
        """The ids by which Datadog joins a log line to its span."""
        context = self._tracer.get_log_correlation_context()
        return {key: context[key] for key in ("dd.trace_id", "dd.span_id")}

    def shutdown(self) -> None:
        """Send what is left; gives up soon when the Agent is away."""
        self._tracer.shutdown(timeout=2)
