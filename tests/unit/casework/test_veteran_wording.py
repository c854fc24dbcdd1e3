"""What the veteran reads: true in every state, and asking only for what is needed."""

import itertools

import pytest

from lightkeeper.casework.veteran_wording import VeteranState, wording
from lightkeeper.domain.time import HOUR, MINUTE
from lightkeeper.store.schema import Form526DocumentSubmission

AT = 1_800_000_000_000
CLAIMS, BGS = "CLAIMS_EVIDENCE", "BENEFITS_GATEWAY_SERVICE"
STATES = {
    "done": {"lighthouse_status": "done", "in_efolder_at": AT},
    "new": {"lighthouse_status": "pending"},
    "slow": {"lighthouse_status": "pending", "condition": "slow"},
    "stuck": {"lighthouse_status": "pending", "condition": "stuck"},
    "overdue": {"lighthouse_status": "pending", "condition": "overdue"},
    "stuck_later": {
        "lighthouse_status": "pending",
        "condition": "stuck",
        "in_efolder_at": AT,
        "current_step": BGS,
    },
    "denied": {"lighthouse_status": "done", "condition": "contradictory"},
    "in_efolder": {"lighthouse_status": "pending", "in_efolder_at": AT, "current_step": BGS},
    "not_found_now": {
        "lighthouse_status": "pending",
        "condition": "not_found",
        "not_found_since": AT,
        "last_polled_at": AT + 30 * MINUTE - 1,
    },
    "not_found": {
        "lighthouse_status": "pending",
        "condition": "not_found",
        "not_found_since": AT,
        "last_polled_at": AT + 30 * MINUTE,
    },
    "unanswered": {
        "lighthouse_status": "pending",
        "unanswered_since": AT,
        "last_polled_at": AT + HOUR,
    },
    "unobserved": {
        "lighthouse_status": "pending",
        "unanswered_since": AT,
        "last_polled_at": AT + 2 * HOUR,
    },
    "purged": {"lighthouse_status": "pending", "in_efolder_at": AT, "not_found_since": AT},
    "lost": {
        "lighthouse_status": "failed",
        "failed_step": CLAIMS,
        "condition": "not_in_efolder",
    },
    "lost_later": {"lighthouse_status": "failed", "failed_step": CLAIMS, "in_efolder_at": AT},
    "bgs": {"lighthouse_status": "failed", "failed_step": BGS, "in_efolder_at": AT},
    "unknown": {"lighthouse_status": "failed"},
    "new_step": {"lighthouse_status": "failed", "failed_step": "VIRUS_SCAN"},
    "never_found": {"lighthouse_status": "failed", "not_found_since": AT},
}
_ATTACHMENTS = itertools.count(900)
NEW_CLAIM = "You don't need to file a new claim."
NOTHING_TO_DO = "You don't need to do anything"


def _document(state, document_type="veteran_upload", **more):
    fields = {
        "lighthouse_request_id": 604_526,
        "form_526_submission_id": "526-526",
        "form_attachment_id": f"att-{next(_ATTACHMENTS)}",
        "document_type": document_type,
        "tracked_at": AT,
        "error_detail": "Ann_Doe.pdf: attempts exceeded",
        "current_step": "none",
        "steps": "{}",
    }
    return Form526DocumentSubmission(**fields | STATES[state] | more)


def _text(documents, *more):
    return "\n".join(line.text() for line in wording(documents, *more))


def _wording(*states):
    return _text([_document(state) for state in states])


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("done", "VA has your document in your file."),
        *(
            (state, "VA is adding your document to your file. You don't need to do anything.")
            for state in ("new", "slow", "unanswered", "not_found_now")
        ),
        *(
            (
                state,
                "VA staff are looking into why your document isn't in your file yet. "
                "They'll contact you if they need anything from you.",
            )
            for state in ("stuck", "overdue")
        ),
        *(
            (
                state,
                "VA is connecting your document to your claim. It's already in your file. "
                "You don't need to do anything.",
            )
            for state in ("in_efolder", "purged")
        ),
        (
            "lost",
            "VA couldn't add your document to your file. Mail it to the Evidence Intake Center, "
            "PO Box 4444, Janesville, WI 53547-4444, or bring it to a VA regional office. "
            "You don't need to file a new claim. If you have already sent it again, you don't "
            "need to do anything more.",
        ),
        *(
            (
                state,
                "VA staff still need to connect your document to your claim. It's already in "
                "your file. You don't need to do anything.",
            )
            for state in ("bgs", "lost_later", "stuck_later")
        ),
        *(
            (
                state,
                "VA staff are checking what happened to your document. "
                "They'll contact you if they need anything from you.",
            )
            for state in (
                *("unknown", "new_step", "never_found", "not_found", "unobserved", "denied"),
            )
        ),
    ],
)
def test_each_state_has_its_wording(state, expected):
    """One document: where it is, and whether the veteran must act."""
    assert expected == _wording(state)


@pytest.mark.parametrize(
    ("states", "beginning"),
    [
        (["done"] * 3, "VA has your 3 documents in your file."),
        (["done", "new", "new"], "VA is adding 2 of your 3 documents to your file."),
        (["done", "new", "in_efolder"], "VA is adding 1 of your 3 documents to your file."),
        (["in_efolder"] * 2, "VA is connecting your 2 documents to your claim. They're"),
        (
            ["done", "bgs"],
            "VA staff still need to connect 1 of your 2 documents to your claim. It's",
        ),
        (["bgs", "unknown", "new"], "VA staff are checking what happened to 1 of your 3 "),
        (
            ["bgs", "unknown", "lost"],
            "VA couldn't add 1 of your 3 documents to your file. ",
        ),
    ],
)
def test_what_needs_doing_comes_first(states, beginning):
    """Of many documents the wording is about those that need most, in any order."""
    for order in itertools.permutations(states):
        assert _wording(*order).startswith(beginning)


def test_two_lost_documents_are_them():
    """The remedy is in the plural where more than one has to be mailed."""
    assert "Mail them to the Evidence Intake Center" in _wording("lost", "lost", "done")
    assert "or bring them to a VA regional office" in _wording("lost", "lost", "done")


@pytest.mark.parametrize("state", STATES)
def test_the_remedy_is_named_only_where_the_veteran_must_act(state):
    """Mailing what VA has makes duplicates, so only a document VA does not have is asked for."""
    for other in STATES:
        _names_the_remedy_only_for_the_lost((state, other))


def _names_the_remedy_only_for_the_lost(pair):
    first, *others = wording([_document(state) for state in pair])

    assert ("lost" in pair) == ("PO Box 4444" in first.next_step)
    assert ("lost" in pair) == (NEW_CLAIM in first.next_step)
    for line in others:
        assert "PO Box 4444" not in line.next_step
        assert NOTHING_TO_DO not in line.next_step
        assert list(VeteranState).index(first.state) < list(VeteranState).index(line.state)


IN_FILE = {name for name, state in STATES.items() if "in_efolder_at" in state}
COMING = {"new", "slow", "stuck", "overdue", "unanswered", "unobserved"}
NOT_FOUND = {"not_found", "not_found_now"}


def _tries(*states, **more):
    return _text([_document(state, form_attachment_id="77090", **more) for state in states])


@pytest.mark.parametrize("state", STATES)
def test_two_tries_of_an_attachment_are_one_document(state):
    """The try that came farther decides, in any order; the other one is not spoken of."""
    for other in STATES:
        _are_one_document((state, other))


def _are_one_document(pair):
    said = _tries(*pair)

    assert "documents" not in said
    assert "of your" not in said
    found = IN_FILE | {"denied"}
    decides = next(
        ({*group} & {*pair} for group in (found, COMING, NOT_FOUND) if {*group} & {*pair}),
        {*pair},
    )
    assert said in {_wording(state) for state in decides}
    assert ({*pair} == {"lost"}) == ("PO Box 4444" in said)


@pytest.mark.parametrize("states", list(itertools.permutations(["lost", "lost", "new"])))
def test_while_one_try_is_pending_va_is_still_adding_it(states):
    """However many tries failed before, or after."""
    assert _wording("new") == _tries(*states)


@pytest.mark.parametrize("state", [state for state in STATES if state != "done"])
@pytest.mark.parametrize("condition", ["acknowledged", "closed"])
def test_what_staff_took_up_is_not_for_the_veteran_to_do(state, condition):
    """Acknowledged or closed, it is neither to be mailed nor called under way."""
    said = _text([_document(state, condition=condition), _document("done")])

    assert "Mail" not in said
    assert "adding" not in said
    assert said.startswith(("VA staff ", "VA has your 2 documents", "VA is connecting 1 of"))
    assert state in IN_FILE or said.startswith("VA staff ")


def test_a_lost_form_that_may_have_arrived_under_another_id_is_staffs_to_check():
    """Its condition says so, and the veteran is asked for nothing."""
    said = _text([_document("lost", "form_0781", condition="efolder_unknown"), _document("done")])

    assert said.startswith("VA staff are checking what happened to 1 of your 2 documents.")


def test_the_veteran_is_not_asked_to_mail_bdd_instructions():
    """They are VA's own paper: staff check what happened."""
    said = _text([_document("lost", "bdd_instructions"), _document("done")])

    assert said.startswith("VA staff are checking what happened to 1 of your 2 documents.")


@pytest.mark.parametrize("state", STATES)
def test_the_wording_is_short_and_says_nothing_personal(state):
    """At most four sentences; no id, no file name, no word of Lighthouse's."""
    said = _wording(state, state)

    assert said.endswith(".")
    assert said.count(".") in {1, 2, 3, 4}
    for private in ("604526", "526-526", "att-9", "Doe", ".pdf", "exceeded"):
        assert private not in said


def test_a_claim_without_documents_has_no_line():
    """The wording claims nothing about documents that are not tracked."""
    assert [] == wording([])
