"""What the veteran reads about a claim's documents: a sentence and a next step, by state.

Second person, short sentences, words for an eighth-grade reader. The sentences are the messages of
a gettext catalogue, whose template is locale/veteran.pot. A translation that VA has checked is
locale/LANGUAGE/LC_MESSAGES/veteran.mo beside it.
"""

import gettext
from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from lightkeeper.casework.tries import documents_of
from lightkeeper.domain import steps
from lightkeeper.domain.answer import Reported
from lightkeeper.domain.document import DONE, FAILED, PENDING, Condition, DocumentType, Step
from lightkeeper.domain.expected import ExpectedState
from lightkeeper.domain.maintenance_windows import MaintenanceWindow, is_out
from lightkeeper.domain.time import MINUTE
from lightkeeper.store.levels import UNOBSERVED_AFTER_MS
from lightkeeper.store.schema import Form526DocumentSubmission

ENGLISH: Final = gettext.NullTranslations()
LOCALES: Final = Path(__file__).with_name("locale")
_LATE: Final = frozenset({Condition.STUCK, Condition.OVERDUE, Condition.ACKNOWLEDGED})
"""Pending for so long that VA staff look into it, or looked into already."""
_NOT_FOUND_AFTER_MS: Final = 30 * MINUTE
"""For how long Lighthouse does not know it until `documents-not-found` pages staff."""
_Pair: TypeAlias = tuple[str, str]
"""A message for one document, and for several."""


class VeteranState(StrEnum):
    """How a document stands for the veteran, first what they must do."""

    SEND_AGAIN = "send_again"
    STAFF_CHECK = "staff_check"
    STAFF_LOOK_FOR_IT = "staff_look_for_it"
    STAFF_SETTLED = "staff_settled"
    STAFF_CONNECT = "staff_connect"
    DELAYED = "delayed"
    ADDING = "adding"
    CONNECTING = "connecting"
    IN_FILE = "in_file"


class Line(NamedTuple):
    """What the veteran reads about the documents of a claim that are in one state."""

    state: VeteranState
    documents: int
    """How many they are."""
    sentence: str
    next_step: str
    """What the veteran is to do; empty where it is said already, or goes without saying."""

    def text(self) -> str:
        """Both, as they are shown."""
        return f"{self.sentence} {self.next_step}".rstrip()


class _Said(NamedTuple):
    of_all: _Pair
    """About every document of the claim: one, or {count}."""
    of_some: _Pair
    """About {some} of {count}: one of them, or several."""
    next_step: _Pair


_NOTHING: Final = ("You don't need to do anything.",) * 2
_STAFF_WILL_SAY: Final = ("They'll contact you if they need anything from you.",) * 2

SAID: Final = {
    VeteranState.SEND_AGAIN: _Said(
        (
            "VA couldn't add your document to your file.",
            "VA couldn't add your {count} documents to your file.",
        ),
        ("VA couldn't add {some} of your {count} documents to your file.",) * 2,
        (
            "Mail it to the Evidence Intake Center, PO Box 4444, Janesville, WI 53547-4444, or "
            "bring it to a VA regional office. You don't need to file a new claim. If you have "
            "already sent it again, you don't need to do anything more.",
            "Mail them to the Evidence Intake Center, PO Box 4444, Janesville, WI 53547-4444, or "
            "bring them to a VA regional office. You don't need to file a new claim. If you have "
            "already sent them again, you don't need to do anything more.",
        ),
    ),
    VeteranState.STAFF_CHECK: _Said(
        (
            "VA staff are checking what happened to your document.",
            "VA staff are checking what happened to your {count} documents.",
        ),
        ("VA staff are checking what happened to {some} of your {count} documents.",) * 2,
        _STAFF_WILL_SAY,
    ),
    VeteranState.STAFF_LOOK_FOR_IT: _Said(
        (
            "VA staff are looking into why your document isn't in your file yet.",
            "VA staff are looking into why your {count} documents aren't in your file yet.",
        ),
        (
            "VA staff are looking into why {some} of your {count} documents isn't in your file "
            "yet.",
            "VA staff are looking into why {some} of your {count} documents aren't in your file "
            "yet.",
        ),
        _STAFF_WILL_SAY,
    ),
    VeteranState.STAFF_SETTLED: _Said(
        (
            "VA staff took care of your document.",
            "VA staff took care of your {count} documents.",
        ),
        ("VA staff took care of {some} of your {count} documents.",) * 2,
        _STAFF_WILL_SAY,
    ),
    VeteranState.STAFF_CONNECT: _Said(
        (
            "VA staff still need to connect your document to your claim. It's already in your "
            "file.",
            "VA staff still need to connect your {count} documents to your claim. They're already "
            "in your file.",
        ),
        (
            "VA staff still need to connect {some} of your {count} documents to your claim. It's "
            "already in your file.",
            "VA staff still need to connect {some} of your {count} documents to your claim. "
            "They're already in your file.",
        ),
        _NOTHING,
    ),
    VeteranState.DELAYED: _Said(
        (
            "VA is adding your document to your file. This takes longer than usual, because VA is "
            "working on its systems.",
            "VA is adding your {count} documents to your file. This takes longer than usual, "
            "because VA is working on its systems.",
        ),
        (
            "VA is adding {some} of your {count} documents to your file. This takes longer than "
            "usual, because VA is working on its systems.",
        )
        * 2,
        _NOTHING,
    ),
    VeteranState.ADDING: _Said(
        (
            "VA is adding your document to your file.",
            "VA is adding your {count} documents to your file.",
        ),
        ("VA is adding {some} of your {count} documents to your file.",) * 2,
        _NOTHING,
    ),
    VeteranState.CONNECTING: _Said(
        (
            "VA is connecting your document to your claim. It's already in your file.",
            "VA is connecting your {count} documents to your claim. They're already in your file.",
        ),
        (
            "VA is connecting {some} of your {count} documents to your claim. It's already in "
            "your file.",
            "VA is connecting {some} of your {count} documents to your claim. They're already in "
            "your file.",
        ),
        _NOTHING,
    ),
    VeteranState.IN_FILE: _Said(
        ("VA has your document in your file.", "VA has your {count} documents in your file."),
        ("VA has {some} of your {count} documents in your file.",) * 2,
        ("",) * 2,
    ),
}

NAMED: Final = ("VA couldn't add {some} of your {count} documents to your file: {which}.",) * 2
"""Which of several documents are to be sent again, where their types tell."""
TYPES: Final = {
    DocumentType.VETERAN_UPLOAD: (
        ("the document you uploaded", "the {count} documents you uploaded"),
        ("{some} of the {count} documents you uploaded",) * 2,
    ),
    DocumentType.FORM_0781: (
        ("your Form 0781", "your {count} Forms 0781"),
        ("{some} of your {count} Forms 0781",) * 2,
    ),
    DocumentType.FORM_0781A: (
        ("your Form 0781a", "your {count} Forms 0781a"),
        ("{some} of your {count} Forms 0781a",) * 2,
    ),
}
"""The documents of a type in `NAMED`: all of the claim, and some of them."""
AND: Final = ("{others} and {last}",) * 2


def messages() -> Iterator[tuple[str, _Pair]]:
    """Every message, with where it is used, for translators."""
    for state, said in SAID.items():
        yield from ((f"state {state}", pair) for pair in said if pair[0])
    for pair in (NAMED, *chain.from_iterable(TYPES.values()), AND):
        yield f"state {VeteranState.SEND_AGAIN}", pair


def catalogue(language: str) -> gettext.NullTranslations:
    """The messages in that language, in English where there are none."""
    return gettext.translation("veteran", LOCALES, [language], fallback=True)


def wording(
    rows: Sequence[Form526DocumentSubmission],
    windows: Sequence[MaintenanceWindow] = (),
    said_in: gettext.NullTranslations = ENGLISH,
    *,
    untracked: Sequence[tuple[str, ExpectedState]] = (),
) -> list[Line]:
    """What a veteran could be shown about these documents of one claim, first what they must do.

    Several tries of one document are one. Where one waits because of `windows`, which are the
    maintenance windows in effect, that is said. `untracked` are the types and states of the
    claim's documents that are expected and not tracked. Without a document there is no line.
    """
    documents = [each.decides for each in documents_of(rows)]
    lost = [each.document_type for each in documents if _veteran_must_act(each)]
    states = [_state(each, windows) for each in documents]
    states += [_state_of_untracked(state, windows) for _, state in untracked]
    of_claim = [each.document_type for each in documents] + [kind for kind, _ in untracked]
    lines: list[Line] = []
    for state in VeteranState:
        if not (some := states.count(state)):
            continue
        count, said = len(states), SAID[state]
        pair, which = said.of_all if some == count else said.of_some, ""
        if state is VeteranState.SEND_AGAIN and some < count:
            which = _which(lost, of_claim, said_in)
            pair = NAMED if which else pair
        sentence = said_in.ngettext(*pair, some).format(some=some, count=count, which=which)
        # Each is said once, and that there is nothing to do not below what is to be done.
        spared = not said.next_step[0] or (said.next_step is _NOTHING and lines)
        spared = spared or any(said.next_step is SAID[line.state].next_step for line in lines)
        next_step = "" if spared else said_in.ngettext(*said.next_step, some)
        lines.append(Line(state, some, sentence, next_step))
    return lines


def _which(lost: Sequence[str], of_claim: Sequence[str], said_in: gettext.NullTranslations) -> str:
    """Which documents are lost, by their types; empty where all of the claim were uploaded."""
    if set(of_claim) == {DocumentType.VETERAN_UPLOAD}:
        return ""
    said = []
    for kind, (of_all, of_some) in TYPES.items():
        if some := lost.count(kind):
            count = of_claim.count(kind)
            pair = of_all if some == count else of_some
            said.append(said_in.ngettext(*pair, some).format(some=some, count=count))
    *others, last = said
    if not others:
        return last
    return said_in.ngettext(*AND, len(lost)).format(others=", ".join(others), last=last)


def _state(
    document: Form526DocumentSubmission, windows: Sequence[MaintenanceWindow]
) -> VeteranState:
    if _veteran_must_act(document):
        return VeteranState.SEND_AGAIN
    if _is_finished(document):
        return VeteranState.IN_FILE
    if document.condition == Condition.CLOSED:
        return VeteranState.STAFF_SETTLED
    if document.in_efolder_at is not None:
        staff = document.lighthouse_status == FAILED or document.condition in _LATE
        return VeteranState.STAFF_CONNECT if staff else VeteranState.CONNECTING
    if _staff_must_look(document):
        return VeteranState.STAFF_CHECK
    if document.condition in _LATE:
        return VeteranState.STAFF_LOOK_FOR_IT
    out = is_out(document.current_step, windows)
    return VeteranState.DELAYED if out else VeteranState.ADDING


def _state_of_untracked(
    state: ExpectedState, windows: Sequence[MaintenanceWindow]
) -> VeteranState:
    """Of a document of which no more is known than that there should be one.

    So the veteran is told neither that it is lost nor to send it again.
    """
    if state == ExpectedState.SETTLED:
        return VeteranState.STAFF_SETTLED
    if state == ExpectedState.MISSING:
        return VeteranState.STAFF_CHECK
    return VeteranState.DELAYED if is_out(Step.NONE, windows) else VeteranState.ADDING


def _veteran_must_act(document: Form526DocumentSubmission) -> bool:
    # BDD instructions are VA's own paper: the veteran has nothing to mail.
    return (
        document.condition == Condition.NOT_IN_EFOLDER
        and document.document_type != DocumentType.BDD_INSTRUCTIONS
    )


def _is_finished(document: Form526DocumentSubmission) -> bool:
    """Whether VA has it: what is left once BGS knows it is Lighthouse's own housekeeping."""
    if document.lighthouse_status == DONE:
        return document.in_efolder_at is not None
    return steps.decode(document.steps).get(Step.BENEFITS_GATEWAY_SERVICE) == Reported.SUCCESS


def _staff_must_look(document: Form526DocumentSubmission) -> bool:
    """Whether staff were paged: it ended in doubt, or was polled for long and is not known."""
    if document.lighthouse_status != PENDING:
        return True
    polled_at = document.last_polled_at or 0
    missed_for = polled_at - (document.not_found_since or polled_at)
    unanswered_for = polled_at - (document.unanswered_since or polled_at)
    return missed_for >= _NOT_FOUND_AFTER_MS or unanswered_for >= UNOBSERVED_AFTER_MS
