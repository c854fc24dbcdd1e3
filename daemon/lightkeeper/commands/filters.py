"""The options that choose documents, the same for `list`, `ack`, `close` and `recheck`."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from lightkeeper.domain.document import CONDITION_WORDS, DocumentType, LighthouseStatus
from lightkeeper.domain.time import Instant

if TYPE_CHECKING:
    from lightkeeper.casework.filters import Asked
    from lightkeeper.domain.policy import Policy
    from lightkeeper.store.database import Database
    from lightkeeper.store.filters import Filter


class Word(click.Choice[str]):
    """One of a few words, in any case and with - for _; names the nearest one otherwise."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The word, or a usage error that says which are right."""
        plain = str(value).strip().lower().replace("-", "_").replace(" ", "_")
        if plain not in self.choices:
            self._refuse(value, plain, param, ctx)
        return plain

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:  # noqa: ARG002
        """Which words are right, in the line that says that one is missing."""
        return f"Choose from {', '.join(self.choices)}."

    def _refuse(
        self, value: Any, plain: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> NoReturn:
        near = get_close_matches(plain, self.choices, n=1, cutoff=0.5)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        self.fail(self.get_invalid_choice_message(value, ctx) + meant, param, ctx)


STATUS: Final = Word([str(each) for each in LighthouseStatus])
DOCUMENT_TYPE: Final = Word([str(each) for each in DocumentType])
_CONDITION: Final = Word(CONDITION_WORDS)
FILTERS: Final = (
    click.option("--status", type=STATUS, multiple=True),
    click.option(
        "--step", multiple=True, metavar="STEP", help="The step at which they are, or failed."
    ),
    click.option("--document-type", "--type", "document_type", type=DOCUMENT_TYPE, multiple=True),
    click.option(
        "--condition",
        type=_CONDITION,
        multiple=True,
        help="As `status` counts: what is overdue is stuck and slow as well.",
    ),
    click.option(
        "--except",
        "but_not",
        type=_CONDITION,
        multiple=True,
        help="Without those of this condition: --condition stuck --except overdue.",
    ),
    click.option(
        "--word",
        multiple=True,
        metavar="WORD",
        help="Only where Lighthouse uses this word as a status, a step, or a step's status.",
    ),
    click.option("--submission", multiple=True, metavar="ID", help="Of this Form 526 submission."),
    click.option("--failed-since", metavar="TIME", help="Failed then or later: 7d, 2026-11-23."),
    click.option("--failed-until", metavar="TIME", help="Failed then or earlier."),
    click.option("--tracked-since", metavar="TIME", help="Handed to Lighthouse then or later."),
    click.option(
        "--tracked-until",
        "--older-than",
        "tracked_until",
        metavar="TIME",
        help="Handed to Lighthouse then or earlier: 48h is at least 48 hours ago.",
    ),
    click.option(
        "--unobserved",
        is_flag=True,
        help="Pending, and without a usable answer for two hours longer than planned.",
    ),
    click.option(
        "--unsettled",
        is_flag=True,
        help="Acknowledged a week ago (a setting), and neither closed nor changed since.",
    ),
)


FORMAT: Final = click.option(
    "--format",
    "form",
    type=Word(["table", "csv", "json", "jsonl"]),
    default="table",
    show_default=True,
    help="csv is for spreadsheets: what they would run as a formula begins with a '.",
)
"""How a command writes rows: `casework.listing.written` does it."""


def with_options(
    *options: Callable[[Callable[..., int]], Callable[..., int]],
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give a command these options, in this order."""

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def asked(options: dict[str, Any]) -> "Asked | None":
    """The filter among these options, which are removed from them; None where there is none."""
    from lightkeeper.casework.filters import Asked

    wanted = Asked(**{name: options.pop(name) for name in Asked._fields})
    return wanted if any(value not in {None, (), False} for value in wanted) else None


def filter_of(wanted: "Asked", database: "Database", policy: "Policy", now: Instant) -> "Filter":
    """The filter that was asked for; a usage error where it names no step or time that is."""
    from lightkeeper.casework import filters
    from lightkeeper.store.filters import Listing

    try:
        return filters.filter_of(wanted, Listing(database), policy, now)
    except filters.WrongFilter as exc:
        raise click.UsageError(str(exc)) from exc
