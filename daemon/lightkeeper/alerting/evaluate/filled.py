"""What is filled into a message: variables, `eval`, `local_time` and `urlencode`."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias
from urllib.parse import quote
from zoneinfo import ZoneInfo

from lightkeeper.alerting.errors import TemplateError, Unsupported
from lightkeeper.alerting.evaluate.formula import Filling, Formula, shown

_EVAL: Final = re.compile(r"eval\s+\"([^\"]*)\"")
_LOCAL_TIME: Final = re.compile(r"local_time\s+(['\"])([\w.]+)\1\s+(['\"])([\w/+-]+)\3")
_URL_ENCODED: Final = re.compile(r"urlencode\s+\"([^\"]+)\"")
_TIMES: Final = ("first_triggered_at", "last_triggered_at")
_NUMBERS: Final = re.compile(
    r"value|[a-j]\.value|(?:warn_|ok_|alert_recovery_|warn_recovery_)?threshold"
    r"|(?:first|last)_triggered_at_epoch|triggered_duration_sec|(?:long|short)_window_burn_rate"
)


@dataclass(frozen=True, slots=True)
class Variable:
    """`{{name}}`."""

    name: str

    def text(self, values: Mapping[str, Filling]) -> str:
        """Return its value; empty where it has none."""
        return shown(values.get(self.name, ""))


@dataclass(frozen=True, slots=True)
class UrlEncoded:
    """`{{urlencode "name"}}`."""

    name: str

    def text(self, values: Mapping[str, Filling]) -> str:
        """Return its value as a link takes it."""
        return quote(shown(values.get(self.name, "")), safe="")


@dataclass(frozen=True, slots=True)
class LocalTime:
    """`{{local_time 'name' 'zone'}}`."""

    name: str
    zone: ZoneInfo

    def text(self, values: Mapping[str, Filling]) -> str:
        """Return the time there, as `2021-05-31 23:43:27+09:00`."""
        moment = values.get(f"{self.name}_epoch", "")
        return (
            datetime.fromtimestamp(int(moment) // 1000, self.zone).isoformat(" ") if moment else ""
        )


Filled: TypeAlias = Variable | UrlEncoded | LocalTime | Formula


def read_filled(inside: str, name_of: Callable[[str], str]) -> Filled:
    """Read what stands between braces; `name_of` checks a variable's name and cleans it.

    Raises TemplateError, and Unsupported for helpers that Datadog does not document.
    """
    if found := _EVAL.fullmatch(inside):
        formula = Formula(found[1])
        for name in map(name_of, formula.names):
            if not _NUMBERS.fullmatch(name):
                raise TemplateError(
                    f"message: {{{{eval}}}} computes with numbers, not with {name}"
                )
        return formula
    if found := _LOCAL_TIME.fullmatch(inside):
        if found[2] not in _TIMES:
            raise TemplateError(f"message: {found[2]} is no time: write {' or '.join(_TIMES)}")
        return LocalTime(found[2], _zone(found[4]))
    if found := _URL_ENCODED.fullmatch(inside):
        return UrlEncoded(name_of(found[1]))
    if not inside or re.search(r"\s", inside):
        raise Unsupported(
            f"message: {{{{{inside or '…'}}}}} is not supported: write the name of a variable, or "
            "eval \"…\", local_time '…' '…' or urlencode \"…\""
        )
    return Variable(name_of(inside))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError) as exc:
        raise TemplateError(
            f"message: {name} is no time zone: write one of the tz database, such as "
            "America/New_York"
        ) from exc
