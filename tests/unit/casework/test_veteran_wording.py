"""The sentence for a veteran: true in every state, and asking only for what is needed."""

import itertools

import pytest

from lightkeeper.casework.veteran_wording import submission_sentence
from lightkeeper.store.schema import Form526DocumentSubmission

AT = 1_800_000_000_000
CLAIMS, BGS = "CLAIMS_EVIDENCE", "BENEFITS_GATEWAY_SERVICE"
STATES = {
    "done": {"lighthouse_status": "done", "in_efolder_at": AT},
    "new": {"lighthouse_status": "pending"},
    "in_efolder": {"lighthouse_status": "pending", "in_efolder_at": AT, "current_step": BGS},
    "not_found": {"lighthouse_status": "pending", "not_found_since": AT},
    "purged": {"lighthouse_status": "pending", "in_efolder_at": AT, "not_found_since": AT},
    "lost": {"lighthouse_status": "failed", "failed_step": CLAIMS},
    "lost_later": {"lighthouse_status": "failed", "failed_step": CLAIMS, "in_efolder_at": AT},
    "bgs": {"lighthouse_status": "failed", "failed_step": BGS, "in_efolder_at": AT},
    "unknown": {"lighthouse_status": "failed"},
    "new_step": {"lighthouse_status": "failed", "failed_step": "VIRUS_SCAN"},
    "never_found": {"lighthouse_status": "failed", "not_found_since": AT},
}
CLAIM_AGAIN = "do not start the claim again"


def _document(state, document_type="veteran_upload", **more):
    fields = {
        "lighthouse_request_id": 604_526,
        "form_526_submission_id": "526-526",
        "form_attachment_id": "att-9",
        "document_type": document_type,
        "tracked_at": AT,
        "error_detail": "Ann_Doe.pdf: attempts exceeded",
        "current_step": "none",
    }
    return Form526DocumentSubmission(**fields | STATES[state] | more)


def _sentence(*states):
    return submission_sentence([_document(state) for state in states])


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("done", "VA has your document in your file."),
        ("new", "VA is adding your document to your file; you need not do anything."),
        (
            "in_efolder",
            "VA is connecting your document to your claim; it is in your file already, and you "
            "need not do anything.",
        ),
        (
            "purged",
            "VA is connecting your document to your claim; it is in your file already, and you "
            "need not do anything.",
        ),
        (
            "lost",
            "VA could not add your document to your file: please mail it to the Evidence Intake "
            "Center, PO Box 4444, Janesville, WI 53547-4444, or bring it to a VA regional "
            "office; do not start the claim again.",
        ),
        *(
            (
                state,
                "VA staff still must connect your document to your claim; it is in your file "
                "already, and you need not do anything.",
            )
            for state in ("bgs", "lost_later")
        ),
        *(
            (
                state,
                "VA staff are looking into what became of your document; you need not do "
                "anything now.",
            )
            for state in ("unknown", "new_step", "never_found", "not_found")
        ),
    ],
)
def test_each_state_has_its_sentence(state, sentence):
    """One document: where it is, and whether the veteran must act."""
    assert sentence == _sentence(state)


@pytest.mark.parametrize(
    ("states", "beginning"),
    [
        (["done"] * 3, "VA has your 3 documents in your file."),
        (["done", "new", "new"], "VA is adding 2 of your 3 documents to your file;"),
        (["done", "new", "in_efolder"], "VA is adding 1 of your 3 documents to your file;"),
        (["in_efolder"] * 2, "VA is connecting your 2 documents to your claim; they are"),
        (
            ["done", "bgs"],
            "VA staff still must connect 1 of your 2 documents to your claim; it",
        ),
        (["bgs", "unknown", "new"], "VA staff are looking into what became of 1 of your 3 "),
        (
            ["bgs", "unknown", "lost"],
            "VA could not add 1 of your 3 documents to your file: ",
        ),
    ],
)
def test_what_needs_doing_comes_first(states, beginning):
    """Of many documents the sentence is about those that need most, in whatever order they are."""
    for order in itertools.permutations(states):
        assert _sentence(*order).startswith(beginning)


def test_two_lost_documents_are_them():
    """The remedy is in the plural where more than one has to be mailed."""
    assert "please mail them to the Evidence Intake Center" in _sentence("lost", "lost", "done")
    assert "or bring them to a VA regional office" in _sentence("lost", "lost", "done")


@pytest.mark.parametrize("pair", list(itertools.combinations_with_replacement(STATES, 2)))
def test_the_remedy_is_named_only_where_the_veteran_must_act(pair):
    """Mailing what VA has makes duplicates, so only a document VA does not have is asked for."""
    sentence = _sentence(*pair)

    assert ("lost" in pair) == ("PO Box 4444" in sentence)
    assert ("lost" in pair) == (CLAIM_AGAIN in sentence)
    assert ("lost" in pair) != ("you need not do anything" in sentence or pair == ("done", "done"))


def test_nobody_is_asked_to_mail_bdd_instructions():
    """They are none of the veteran's papers: staff look into it."""
    sentence = submission_sentence([_document("lost", "bdd_instructions"), _document("done")])

    assert sentence.startswith("VA staff are looking into what became of 1 of your 2 documents;")


@pytest.mark.parametrize("state", STATES)
def test_the_sentence_is_one_and_says_nothing_personal(state):
    """No id, no file name, nothing that Lighthouse said; one full stop."""
    sentence = _sentence(state, state)

    assert sentence.endswith(".")
    assert 1 == sentence.count(".")
    for private in ("604526", "526-526", "att-9", "Doe", ".pdf", "exceeded"):
        assert private not in sentence


def test_a_claim_without_documents_has_none():
    """Nothing is claimed of documents that nobody knows."""
    assert "We know of no documents for this claim." == submission_sentence([])
