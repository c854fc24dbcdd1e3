"""The tags of signals: their keys, and the values that each may have."""

from typing import Final, TypeAlias

DOCUMENT_TYPES: Final = ("veteran_upload", "form_0781", "form_0781a", "bdd_instructions")
STEPS: Final = (
    "none",
    "claims_evidence",
    "benefits_gateway_service",
    "remove_file_binary",
    "complete",
    "unknown",
)
ENDINGS: Final = ("done", "failed", "recovered", "superseded")
STEP_OUTCOMES: Final = ("in_progress", "success", "failed")
CALL_OUTCOMES: Final = (
    "ok",
    "not_found",
    "too_large",
    "rate_limited",
    "unauthorized",
    "token_unavailable",
    "rejected",
    "server_error",
    "malformed",
    "timeout",
    "connection",
    "unexpected",
)
UNTRUE: Final = (
    *("completed_not_found", "completed_failed", "completed_pending"),
    *("pending_failed", "failed_done", "failed_pending"),
)
"""What vets-api says of a document, and what the store: the veteran is told what is not so."""
DISAGREEMENTS: Final = (*UNTRUE, "not_tracked")
"""The same; or that it is not tracked."""
Tags: TypeAlias = dict[str, tuple[str, ...]]
TYPE: Final[Tags] = {"document_type": DOCUMENT_TYPES}
TYPE_STEP: Final[Tags] = {**TYPE, "step": STEPS}
TYPE_ENDING: Final[Tags] = {**TYPE, "outcome": ENDINGS}
TYPE_STEP_ENDING: Final[Tags] = {**TYPE_STEP, "outcome": ENDINGS}
TYPE_STEP_OUTCOME: Final[Tags] = {**TYPE_STEP, "outcome": STEP_OUTCOMES}
TYPE_RESULT: Final[Tags] = {**TYPE, "result": ("good", "bad")}
TYPE_REMARK: Final[Tags] = {
    **TYPE,
    "remark": ("contradictory", "housekeeping", "not_found", "found", "reopened"),
}
DISAGREEMENT: Final[Tags] = {"disagreement": DISAGREEMENTS}
TYPE_REASON: Final[Tags] = {**TYPE, "reason": ("missing", "malformed", "refused")}
WORD: Final[Tags] = {
    "field": ("unknown_status", "unknown_step", "unknown_step_status"),
    "word": (),
}
# VA's own tags. VA writes BDD instructions itself: no veteran has to send them again.
SILENCE: Final[Tags] = {
    "service": ("disability-application",),
    "function": tuple(kind for kind in DOCUMENT_TYPES if kind != "bdd_instructions"),
}
CONDITION: Final[Tags] = {
    "condition": (
        *("slow", "stuck", "overdue", "not_found"),
        *("unacknowledged", "in_efolder_not_bgs", "efolder_unknown", "contradictory"),
        *("acknowledged", "unsettled", "expected_missing"),
    )
}
OPERATIONS: Final = (
    "expect_documents",
    "get_changes",
    "get_document",
    "get_submission",
    "healthz",
    "list_documents",
    "other",
    "query_submissions",
    "readyz",
    "track_documents",
)
"""What callers ask of the API, by the names in its description; `other` is nothing of it."""
OPEN_WORDS: Final = 8
"""How many words that no contract knows have a tag value of their own; the rest is `other`."""
OPEN_TAGS: Final = frozenset({"step", "word", "access"})
CONSTANT_TAGS: Final = ("env", "service", "version")
"""Keys that the daemon puts on every signal which does not carry them itself."""
