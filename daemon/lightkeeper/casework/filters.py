"""What staff write to choose documents, made into a filter: words, dates and ages."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from difflib import get_close_matches
from typing import Final, NamedTuple

from pydantic import TypeAdapter, ValidationError

from lightkeeper.config.durations import Duration
from lightkeeper.domain.document import Condition, Step, conditions_named
from lightkeeper.domain.errors import ExitStatus, LightkeeperError
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.time import DAY, SECOND, Instant
from lightkeeper.store.filters import OTHER, Filter, Listing

_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:?\d\d.*")


class WrongFilter(LightkeeperError):
    """A filter names a step or a time that does not exist.

    `unnamed` says the same for a caller: nothing that it or Lighthouse worded is repeated.
    """

    exit_status = ExitStatus.USAGE

    def __init__(self, said: str, unnamed: str | None = None) -> None:
        super().__init__(said)
        self.unnamed = unnamed or said


class Asked(NamedTuple):
    """A filter as it is written on the command line; several words of a kind allow any of them."""

    status: Sequence[str] = ()
    step: Sequence[str] = ()
    document_type: Sequence[str] = ()
    condition: Sequence[str] = ()
    but_not: Sequence[str] = ()
    """Conditions that are left out. Each of both is one of `CONDITION_WORDS`."""
    word: Sequence[str] = ()
    submission: Sequence[str] = ()
    failed_since: str | None = None
    failed_until: str | None = None
    tracked_since: str | None = None
    tracked_until: str | None = None
    unobserved: bool = False
    unsettled: bool = False


def filter_of(
    asked: Asked, listing: Listing, policy: Policy, now: Instant, *, for_staff: bool = True
) -> Filter:
    """The filter that `asked` describes; raises `WrongFilter`, naming the nearest right word.

    A condition stands for what `status` counts under its name. Unless it is `for_staff`, every
    step that Lighthouse's contract lacks is `other`, as in the answers.
    """
    if wrong := [each for each in asked.submission if not each or not each.isprintable()]:
        raise WrongFilter(f"--submission: {wrong[0]!r} is no id", "--submission: one is no id")
    if wrong := [each for each in asked.word if not each.strip() or not each.isprintable()]:
        raise WrongFilter(f"--word: {wrong[0]!r} is no word", "--word: one is no word")
    conditions = map(conditions_named, asked.condition)
    chosen = frozenset().union(*conditions) if asked.condition else Filter().conditions
    if asked.unsettled:
        chosen &= {Condition.ACKNOWLEDGED}
    return Filter(
        chosen.difference(*map(conditions_named, asked.but_not)),
        frozenset(asked.status),
        _steps(asked.step, listing, for_staff=for_staff),
        frozenset(asked.document_type),
        frozenset(asked.submission),
        *between("failed-", asked.failed_since, asked.failed_until, now),
        *between("tracked-", asked.tracked_since, asked.tracked_until, now),
        unobserved_at=now if asked.unobserved else None,
        words=frozenset(word.strip().lower() for word in asked.word),
        acknowledged_until=now - policy.unsettled_after_ms if asked.unsettled else None,
    )


def _steps(words: Sequence[str], listing: Listing, *, for_staff: bool) -> frozenset[str]:
    """The steps that these words name; `other` are those that have no name of their own.

    For staff those that Datadog has no tag value for.
    """
    if not words:
        return frozenset()
    tallied = listing.steps()
    if for_staff:
        tagged = {*map(_plain, Step), *listing.own_tags("step")}
        other = frozenset(step for step in tallied if _plain(step) not in tagged)
    else:
        other = frozenset(tallied).difference(map(str, Step))
    plain = [word for word in words if not other or _plain(word) != OTHER]
    known = tallied if for_staff else ()
    return steps_named(plain, known) | (other if len(plain) < len(words) else frozenset())


def steps_named(words: Iterable[str], tallied: Iterable[str]) -> frozenset[str]:
    """The steps under Lighthouse's own names; a word may be in lower case, with - for _.

    `tallied` are the steps that documents are or were at. Raises `WrongFilter`.
    """
    known: dict[str, set[str]] = {}
    for step in [*map(str, Step), *tallied]:
        known.setdefault(_plain(step), set()).add(step)
    steps: set[str] = set()
    for word in words:
        if _plain(word) not in known:
            nowhere, usual = "--step: no document is or was at", {_plain(each) for each in Step}
            raise WrongFilter(
                f"{nowhere} {word!r}: {_remedy(word, known)}",
                f"{nowhere} such a step: {_remedy(word, {each: known[each] for each in usual})}",
            )
        steps |= known[_plain(word)]
    return frozenset(steps)


def _remedy(word: str, known: Mapping[str, set[str]]) -> str:
    near = _near(_plain(word), known)
    names = sorted(min(each) for each in known.values())
    return f"Did you mean {min(known[near])!r}?" if near else f"choose from {', '.join(names)}"


def _near(word: str, known: Iterable[str]) -> str | None:
    """The step that a word is like, or is short for: bgs, gateway, benefits_gateway."""
    names = list(known)
    if near := get_close_matches(word, names, n=1, cutoff=0.5):
        return near[0]
    initials = {"".join(part[:1] for part in name.split("_")): name for name in names}
    within = (name for name in names if len(word) > 2 and word in name)
    return initials.get(word) or next(within, None)


def _plain(word: str) -> str:
    return word.strip().lower().replace("-", "_").replace(" ", "_")


def between(
    prefix: str, since: str | None, until: str | None, now: Instant
) -> tuple[Instant | None, Instant | None]:
    """The times that the options `--{prefix}since` and `--{prefix}until` name.

    Of a date the whole day is meant. Raises `WrongFilter`.
    """
    bounds = [
        None if text is None else instant_of(f"--{prefix}{name}", text, now, whole_day_ms)
        for name, text, whole_day_ms in (("since", since, 0), ("until", until, DAY - 1))
    ]
    first, last = bounds
    if first is not None and last is not None and first > last:
        raise WrongFilter(f"--{prefix}since is later than --{prefix}until: exchange the two")
    return first, last


def instant_of(
    option: str, text: str, now: Instant, whole_day_ms: int, lasts_from: Instant | None = None
) -> Instant:
    """The time that `text` names: a date or time (UTC if it names no zone), or how long ago.

    With `lasts_from` a length is not how long ago, but how long after that. `whole_day_ms` is
    added to a date without a time. Raises `WrongFilter`.
    """
    text = text.strip()
    try:
        if _DATE.fullmatch(text):
            day = date.fromisoformat(text)
            start = datetime(day.year, day.month, day.day, tzinfo=UTC)
            return round(start.timestamp() * SECOND) + whole_day_ms
        if _TIME.fullmatch(text):
            moment = datetime.fromisoformat(text)
            zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return round(zoned.timestamp() * SECOND)
        length = TypeAdapter(Duration).validate_python(text)
        return now - length if lasts_from is None else lasts_from + length
    except (ValueError, OverflowError, ValidationError) as exc:
        raise WrongFilter(
            f"{option}: give a date such as 2026-11-23, a time such as 2026-11-23T14:05:00Z "
            "(UTC), or a number with a unit, such as 12h or 30d, for how long "
            + ("ago" if lasts_from is None else "it lasts")
        ) from exc
