"""Numbers with their units, as people read them."""

from dataclasses import dataclass
from typing import Any, Final

_TIMES: Final = (
    ("s", "seconds", 1.0, 120.0),
    ("min", "minutes", 60.0, 7_200.0),
    ("h", "hours", 3_600.0, 172_800.0),
    ("d", "days", 86_400.0, float("inf")),
)
"""A unit, its word, its seconds, and up to how many seconds it is used."""
_LARGE: Final = (("M", 1e6), ("k", 1e4))
_SIGNS: Final = {"percent": "%"}


@dataclass(frozen=True, slots=True)
class Unit:
    """What a number counts or measures: a name that Datadog knows, such as `second`; or none."""

    name: str = ""
    per: str = ""

    def text(self, value: float, precision: int | None = None) -> str:
        """The number with its unit; `precision` is the digits behind the point."""
        if self.name != "second":
            number = plain(value, precision)
            words = (
                self.words[:-1] if number == "1" and self.words == f"{self.name}s" else self.words
            )
            return f"{number} {words}".rstrip()
        sign, _, seconds, _ = _time(abs(value))
        return f"{plain(value / seconds, 1 if precision is None else precision)} {sign}"

    def short(self, value: float) -> str:
        """The number alone where what it counts is said elsewhere, else as `text` has it."""
        return self.text(value) if self.name in ("second", "percent") else plain(value)

    def scaled(self, largest: float) -> tuple[float, str]:
        """By what numbers up to that are divided to be read easily, and in words what of."""
        if self.name != "second":
            return 1.0, self.words
        _, word, seconds, _ = _time(largest)
        return seconds, word

    @property
    def words(self) -> str:
        """What it counts, in the plural; `%` for percent."""
        name = _SIGNS.get(self.name, f"{self.name}s" if self.name else "")
        return f"{name} per {self.per}" if self.per else name


def plain(value: float, precision: int | None = None) -> str:
    """The number alone, large ones shortened: `12.5k`."""
    if precision is None or not 0 <= precision <= 6:
        precision = 2
    for sign, size in _LARGE:
        if abs(value) >= size:
            thousands = 1e6 if sign == "M" else 1e3
            return f"{_trimmed(value / thousands, 1)}{sign}"
    return _trimmed(value, precision)


def _time(largest: float) -> tuple[str, str, float, float]:
    return next(one for one in _TIMES if largest < one[3])


def unit_of(number_format: Any, otherwise: str) -> Unit:
    """The unit that a formula names, or else that of its metric."""
    given = number_format.get("unit") if isinstance(number_format, dict) else None
    if not isinstance(given, dict):
        return Unit(otherwise)
    return Unit(
        str(given.get("unit_name") or given.get("label") or ""),
        str(given.get("per_unit_name") or ""),
    )


def _trimmed(value: float, precision: int) -> str:
    text = f"{value:,.{precision}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text
