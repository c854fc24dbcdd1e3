"""What an SLO says of its targets must be one thing: Datadog shows one and alerts by another.

Write each timeframe once into `thresholds`, a `warning` between its target and 100, and as
`timeframe`, `target_threshold` and `warning_threshold` one of them again. Datadog allows up to
three decimal places in a target of counts.
"""

from collections.abc import Iterator
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final

from lightkeeper.alerting.files.dashboards import dicts
from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject

_AGAIN: Final = {
    "timeframe": "timeframe",
    "target_threshold": "target",
    "warning_threshold": "warning",
}
_MOST_PLACES: Final = 3


def check(subject: Subject) -> Iterator[Finding]:
    if not subject.is_slo:
        return
    yield from _too_fine(subject.payload)
    targets = dicts(subject.payload.get("thresholds"), "payload.thresholds")
    seen: set[str] = set()
    for path, one in targets:
        span, target, warning = (one.get(name) for name in ("timeframe", "target", "warning"))
        if str(span) in seen:
            yield path, f"{span} has a target already: leave out one of the two"
        seen.add(str(span))
        if (
            isinstance(target, int | float)
            and isinstance(warning, int | float)
            and not target < warning < 100
        ):
            yield f"{path}.warning", f"write one above the target {target:g} and below 100"
    yield from _contradictions(subject.payload, [one for _, one in targets])


def _too_fine(payload: dict[str, Any]) -> Iterator[Finding]:
    places = [("payload", payload), *dicts(payload.get("thresholds"), "payload.thresholds")]
    for path, one in places:
        for name in ("target", "warning", "target_threshold", "warning_threshold"):
            given = one.get(name)
            if isinstance(given, float) and round(given, _MOST_PLACES) != given:
                written = Decimal(repr(given))
                yield (
                    f"{path}.{name}",
                    f"{written:f} has more than three decimal places, which Datadog does not "
                    f"allow: write {_cut(written):f}",
                )


def _cut(given: Decimal) -> Decimal:
    """The same with the places that are allowed, and never rounded up to 100."""
    return given.quantize(Decimal("0.001"), ROUND_DOWN)


def _contradictions(payload: dict[str, Any], targets: list[dict[str, Any]]) -> Iterator[Finding]:
    left = targets
    for name, inside in _AGAIN.items():
        given = payload.get(name)
        if given is None or not left:
            continue
        said = dict.fromkeys(str(one.get(inside)) for one in left)
        left = [one for one in left if one.get(inside) == given]
        if not left:
            yield (
                f"payload.{name}",
                f"{given} contradicts `thresholds`: write {' or '.join(said)}, as it says",
            )
