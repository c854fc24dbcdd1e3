"""Every state a document can be in, with the sentence that its veteran reads."""

import gettext
import io
import itertools
import re

import generated_docs
import pytest
import textstat
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

from lightkeeper.casework import veteran_wording
from lightkeeper.casework.veteran_wording import SAID, VeteranState, wording
from lightkeeper.domain.expected import ExpectedState
from lightkeeper.domain.interpret import failure_condition
from lightkeeper.domain.maintenance_windows import MaintenanceWindow
from lightkeeper.domain.time import HOUR
from lightkeeper.store.schema import Form526DocumentSubmission

AT = 1_800_000_000_000
BGS = "BENEFITS_GATEWAY_SERVICE"
NOTHING = " You don't need to do anything."
SENTENCES = {
    "send again": "VA couldn't add your document to your file. Mail it to the Evidence Intake "
    "Center, PO Box 4444, Janesville, WI 53547-4444, or bring it to a VA regional office. You "
    "don't need to file a new claim. If you have already sent it again, you don't need to do "
    "anything more.",
    "staff check": "VA staff are checking what happened to your document. They'll contact you "
    "if they need anything from you.",
    "staff look": "VA staff are looking into why your document isn't in your file yet. They'll "
    "contact you if they need anything from you.",
    "settled": "VA staff took care of your document. They'll contact you if they need anything "
    "from you.",
    "staff connect": "VA staff still need to connect your document to your claim. It's already in "
    "your file." + NOTHING,
    "delayed": "VA is adding your document to your file. This takes longer than usual, because VA "
    "is working on its systems." + NOTHING,
    "adding": "VA is adding your document to your file." + NOTHING,
    "connecting": "VA is connecting your document to your claim. It's already in your file."
    + NOTHING,
    "in file": "VA has your document in your file.",
}
ROWS = """
    status   step    eFolder  type  condition     outage  ->
    done     -       yes      -     closed        -       in file
    done     -       no       -     closed        -       settled
    done     -       yes      -     -             -       in file
    done     -       no       -     -             -       staff check
    failed   -       -        -     closed        -       settled
    failed   -       yes      -     -             -       staff connect
    failed   claims  no       bdd   -             -       staff check
    failed   claims  no       -     acknowledged  -       staff check
    failed   claims  no       -     natural       -       send again
    failed   -       no       -     -             -       staff check
    pending  -       -        -     closed        -       settled
    pending  -       yes      -     stuck         -       staff connect
    pending  -       yes      -     overdue       -       staff connect
    pending  -       yes      -     acknowledged  -       staff connect
    pending  -       yes      -     -             -       connecting
    pending  -       no       -     not found     -       staff check
    pending  -       no       -     unobserved    -       staff check
    pending  -       no       -     stuck         -       staff look
    pending  -       no       -     overdue       -       staff look
    pending  -       no       -     acknowledged  -       staff look
    pending  -       no       -     -             all     delayed
    pending  claims  no       -     -             claims  delayed
    pending  none    no       -     -             claims  delayed
    pending  bgs     no       -     -             bgs     delayed
    pending  -       no       -     -             -       adding
"""
"""The first row that matches tells; a dash matches all."""
UNTRACKED = {
    ("awaited", "none"): "adding",
    ("awaited", "all"): "delayed",
    ("awaited", "claims"): "delayed",
    ("awaited", "bgs"): "adding",
    **{("missing", outage): "staff check" for outage in ("none", "all", "claims", "bgs")},
    **{("settled", outage): "settled" for outage in ("none", "all", "claims", "bgs")},
}
"""A document that is expected and not tracked, by its state and the outage."""
STEPS = {"none": "none", "claims": "CLAIMS_EVIDENCE", "bgs": BGS, "unknown": "VIRUS_SCAN"}
CONDITIONS = {
    "done": ("natural", "contradictory", "closed"),
    "failed": ("natural", "acknowledged", "closed"),
    "pending": (
        *("waiting", "slow", "stuck", "overdue", "not found", "not found once", "unobserved"),
        *("acknowledged", "closed"),
    ),
}
OUTAGES = {"none": None, "all": (), "claims": (STEPS["claims"],), "bgs": (BGS,)}
TYPES = ("veteran_upload", "form_0781", "form_0781a", "bdd_instructions")
ALL = [
    (status, step, efolder, kind, condition, outage)
    for status in CONDITIONS
    for step, efolder, kind, condition, outage in itertools.product(
        STEPS, ("yes", "no"), TYPES, CONDITIONS[status], OUTAGES
    )
]


def expected(case):
    """The row of the table that a case belongs to."""
    case = tuple("bdd" if each == "bdd_instructions" else each for each in case)
    for row in ROWS.splitlines()[2:]:
        *patterns, which = re.split(" {2,}", row.strip())
        if all(one in {"-", each} for one, each in zip(patterns, case, strict=True)):
            return which
    raise AssertionError(case)


def document(status, step, efolder, kind, condition, _):
    """Such a document, as the store has it."""
    failed = status == "failed"
    in_efolder_at = AT if efolder == "yes" else None
    fields = {
        "lighthouse_request_id": 7,
        "form_526_submission_id": "s",
        "document_type": kind,
        "tracked_at": AT,
        "lighthouse_status": status,
        "steps": "{}",
        "current_step": STEPS[step],
        "failed_step": STEPS[step] if failed else None,
        "in_efolder_at": in_efolder_at,
        "condition": condition,
    }
    if condition == "natural":
        of_failure = failure_condition(fields["failed_step"], in_efolder_at)
        fields["condition"] = of_failure if failed else "delivered"
    elif condition.startswith("not found"):
        fields |= {"condition": "not_found", "not_found_since": AT}
        fields["last_polled_at"] = AT + (HOUR if condition == "not found" else 0)
    elif condition == "unobserved":
        fields |= {"condition": "waiting", "unanswered_since": AT}
        fields["last_polled_at"] = AT + 3 * HOUR
    return Form526DocumentSubmission(**fields)


def windows(outage):
    """The maintenance windows in effect."""
    steps = OUTAGES[outage]
    if steps is None:
        return []
    return [MaintenanceWindow(1, AT, AT + 2 * HOUR, steps, "planned", "VA", AT)]


def test_every_state_has_its_sentence():
    """Every combination of status, step, eFolder, type, condition and planned outage."""
    said = {}
    for case in ALL:
        (line,) = wording([document(*case)], windows(case[-1]))
        said[case] = line.text()

    assert len(ALL) > 1_500
    assert {case: SENTENCES[expected(case)] for case in ALL} == said
    assert set(SENTENCES.values()) == set(said.values())


def test_a_document_that_is_not_tracked_has_its_sentence():
    """Every state of one that is expected, in every planned outage; never to send it again."""
    said = {}
    for state, outage in itertools.product(ExpectedState, OUTAGES):
        if state != ExpectedState.TRACKED:
            (line,) = wording([], windows(outage), untracked=[("form_0781", state)])
            said[state, outage] = line.text()

    assert {case: SENTENCES[which] for case, which in UNTRACKED.items()} == said
    assert not any("again" in text or "Mail" in text for text in said.values())


def test_what_is_not_tracked_counts_beside_every_other_document():
    """With a tracked document in any state each has its line, or one for both where they agree."""
    for case in ALL:
        for state in ("awaited", "missing", "settled"):
            untracked = [("form_0781", state)] * 2
            lines = wording([document(*case)], windows(case[-1]), untracked=untracked)
            alone = wording([document(*case)], windows(case[-1]))[0].state
            missing = wording([], windows(case[-1]), untracked=[("form_0781", state)])[0].state

            found = {line.state: line.documents for line in lines}
            assert found == ({alone: 3} if alone == missing else {alone: 1, missing: 2})
            assert [line.state for line in lines] == sorted(found, key=list(VeteranState).index)
            assert all(("2 of your 3" in line.sentence) == (line.documents == 2) for line in lines)


def test_a_superseded_try_says_nothing():
    """The try that decides is spoken of, in either order."""
    for case in ALL:
        lost = document("failed", "claims", "no", case[3], "natural", "none")
        lost.condition = "superseded"
        rows = [document(*case), lost]
        for row in rows:
            row.form_attachment_id = "a"

        alone = wording(rows[:1], windows(case[-1]))
        assert alone == wording(rows, windows(case[-1])) == wording(rows[::-1], windows(case[-1]))


LOST = {
    ("veteran_upload", 1, 1): "the document you uploaded",
    ("veteran_upload", 1, 2): "1 of the 2 documents you uploaded",
    ("veteran_upload", 2, 2): "the 2 documents you uploaded",
    ("form_0781", 1, 1): "your Form 0781",
    ("form_0781", 1, 2): "1 of your 2 Forms 0781",
    ("form_0781", 1, 3): "1 of your 3 Forms 0781",
    ("form_0781", 2, 2): "your 2 Forms 0781",
    ("form_0781", 2, 3): "2 of your 3 Forms 0781",
    ("form_0781a", 1, 1): "your Form 0781a",
    ("form_0781a", 1, 2): "1 of your 2 Forms 0781a",
    ("form_0781a", 1, 3): "1 of your 3 Forms 0781a",
    ("form_0781a", 2, 2): "your 2 Forms 0781a",
    ("form_0781a", 2, 3): "2 of your 3 Forms 0781a",
}
"""By type, how many of it are lost, and how many there are."""


def of_types(kinds, lost):
    """A claim with a document of each of these types, those at these places lost."""
    cases = [
        ("failed" if at in lost else "done", "claims", "no" if at in lost else "yes", kind)
        for at, kind in enumerate(kinds)
    ]
    return [document(*case, "natural", "none") for case in cases]


def test_where_some_are_lost_their_types_say_which():
    """Every claim of two or three documents, each of them lost or in the eFolder."""
    for count in (2, 3):
        for kinds, lost in itertools.product(
            itertools.product(TYPES, repeat=count),
            (each for some in (1, 2) for each in itertools.combinations(range(count), some)),
        ):
            if len(lost) == count or "bdd_instructions" in {kinds[at] for at in lost}:
                continue
            gone = [kinds[at] for at in lost]
            said = [
                LOST.get((kind, gone.count(kind), kinds.count(kind)))
                for kind in TYPES
                if kind in gone
            ]
            which = (
                "." if set(kinds) == {"veteran_upload"} else f": {' and '.join(map(str, said))}."
            )
            first, _ = wording(of_types(kinds, lost))
            assert (
                f"VA couldn't add {len(lost)} of your {count} documents to your file{which}"
                == first.sentence
            ), kinds


def test_three_types_are_told_apart_by_a_comma_too():
    """And what is expected and not tracked counts beside them."""
    rows = of_types(TYPES, (0, 1, 2))
    which = "the document you uploaded, your Form 0781 and your Form 0781a"
    for state in ("awaited", "missing", "settled"):
        first = wording(rows, untracked=[("bdd_instructions", state)])[0]

        assert f"VA couldn't add 3 of your 5 documents to your file: {which}." == first.sentence
        assert first.next_step.startswith("Mail them to")
    assert textstat.flesch_kincaid_grade(first.text()) <= 8


@pytest.mark.parametrize("state", ["awaited", "missing", "settled"])
@pytest.mark.parametrize(
    ("tracked", "untracked", "said"),
    [
        (
            ("veteran_upload", "form_0781"),
            "veteran_upload",
            "1 of your 3 documents to your file: 1 of the 2 documents you uploaded.",
        ),
        (
            ("veteran_upload", "veteran_upload"),
            "form_0781",
            "1 of your 3 documents to your file: 1 of the 2 documents you uploaded.",
        ),
        (("veteran_upload",), "veteran_upload", "1 of your 2 documents to your file."),
        (("veteran_upload",), "form_0781", "1 of your 2 documents to your file: the document"),
        (("form_0781",), "form_0781", "1 of your 2 documents to your file: 1 of your 2 Forms"),
    ],
)
def test_what_is_not_tracked_is_one_of_its_type(tracked, untracked, said, state):
    """The first is lost, the others that are tracked are in the eFolder."""
    first = wording(of_types(tracked, (0,)), untracked=[(untracked, state)])[0]

    assert first.sentence.startswith(f"VA couldn't add {said}")


def test_that_staff_will_say_is_said_once():
    """Below documents that staff look for, and that they settled."""
    rows = [
        document("failed", "claims", "no", "form_0781", "acknowledged", "none"),
        document("pending", "claims", "no", "form_0781", "stuck", "none"),
        document("failed", "claims", "no", "form_0781", "closed", "none"),
    ]
    steps = [line.next_step for line in wording(rows)]

    assert ["They'll contact you if they need anything from you.", "", ""] == steps


@pytest.mark.parametrize("state", VeteranState)
def test_an_eighth_grader_can_read_it(state):
    """By Flesch and Kincaid, each sentence with its next step, about one and about several."""
    for pair in (SAID[state].of_all, SAID[state].of_some):
        for number, sentence in enumerate(pair):
            text = f"{sentence} {SAID[state].next_step[number]}".format(some=2, count=3)
            assert textstat.flesch_kincaid_grade(text) <= 8, text


def test_a_translation_takes_the_place_of_every_word(tmp_path, monkeypatch):
    """Nothing that a veteran reads stays behind; a language that is not there is English."""
    translation = Catalog("de")
    for _, pair in veteran_wording.messages():
        translation.add(pair, tuple(f"<{text}>" for text in pair))
    file = io.BytesIO()
    write_mo(file, translation)
    place = tmp_path / "de" / "LC_MESSAGES" / "veteran.mo"
    place.parent.mkdir(parents=True)
    place.write_bytes(file.getvalue())
    monkeypatch.setattr(veteran_wording, "LOCALES", tmp_path)

    for case, count in itertools.product(ALL[::11], (1, 3)):
        rows = [document(*case)] * count
        plain = wording(rows, windows(case[-1]), veteran_wording.catalogue("xx"))
        (line,) = wording(rows, windows(case[-1]), veteran_wording.catalogue("de"))
        assert plain == wording(rows, windows(case[-1]), gettext.NullTranslations())
        assert f"<{plain[0].sentence}>" == line.sentence
        assert (f"<{plain[0].next_step}>" if plain[0].next_step else "") == line.next_step

    rows = of_types(TYPES, (0, 1, 2))
    first, *_ = wording([*rows, rows[0]], (), veteran_wording.catalogue("de"))

    assert first.sentence.count("<") == 1 + 3 + 1


def test_the_template_for_translators_is_that_of_the_code():
    """`make reference` writes it."""
    assert generated_docs.messages() == generated_docs.MESSAGES.read_text()
