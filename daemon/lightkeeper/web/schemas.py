"""What answers hold, for the published description: the names of `lightkeeper show --json`.

No route validates its answer against these: a test does.
"""

from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from lightkeeper.casework.intake import BATCH
from lightkeeper.casework.values import TYPE_NAMES
from lightkeeper.domain.change import Outcome, RemarkKind
from lightkeeper.domain.document import Condition, DocumentType, LighthouseStatus
from lightkeeper.domain.expected import ExpectedState

Noted = Annotated[str | None, Field(description="By staff; null without the scope `staff`.")]
Worded = Annotated[str | None, Field(description="By Lighthouse; null without the scope `staff`.")]
_STEP: Final = (
    "Lighthouse's step, or none, complete, unknown; "
    "without the scope `staff` any further one is `other`."
)
Time = Annotated[str | None, Field(json_schema_extra={"format": "date-time"})]


class VeteranLine(BaseModel):
    """What a veteran may read about documents in one state."""

    state: str
    documents: int
    sentence: str
    next_step: str


class ListedDocument(BaseModel):
    """A document as `lightkeeper list` has it."""

    lighthouse_request_id: int
    form_526_submission_id: str
    form_attachment_id: str | None
    document_type: DocumentType
    lighthouse_status: LighthouseStatus
    condition: Condition
    condition_since: Time
    current_step: str = Field(description=_STEP)
    step_since: Time
    failed_step: str | None = Field(description=_STEP)
    error_detail: Worded
    unknown_words: Worded
    waited_s: int
    tracked_at: Time
    decided_at: Time
    in_efolder_at: Time
    not_found_since: Time
    unanswered_since: Time
    last_polled_at: Time
    next_poll_at: Time
    acknowledged_at: Time
    acknowledged_by: Noted
    acknowledged_reason: Noted


class DocumentFacts(ListedDocument):
    """A document, as it is known by its last usable answer."""

    last_answered_at: Time
    answer_age_s: int | None = Field(description="Of the last usable answer; null before it.")
    answer_is_stale: bool | None = Field(
        description="Whether it is older than `max_age`, and may change; null without `max_age`."
    )
    lighthouse_started_at: Time
    lighthouse_ended_at: Time
    steps: dict[str, Any] = Field(description="The status of each step that Lighthouse named.")


class DocumentInList(ListedDocument):
    """A document in a list."""

    last_call_failed: Worded


class DocumentAnswer(DocumentFacts):
    """One document, with what its veteran may read."""

    decided_by: int | None = Field(
        description="The request id of the try that decides, if another."
    )
    veteran: list[VeteranLine]
    veteran_wording: str


class SubmissionDocument(DocumentFacts):
    """The try of a document that decides, and the others."""

    other_tries: list[DocumentFacts]


class ExpectedFacts(BaseModel):
    """How many documents of one type a submission should have, and how many are not tracked."""

    document_type: DocumentType
    count: int
    missing: int = Field(description="How many are not tracked.")
    state: ExpectedState
    expected_at: Time
    expected_by: str
    settled_at: Time
    settled_by: Noted
    settled_reason: Noted


class ExpectedAnswer(BaseModel):
    """All that is expected of a submission."""

    form_526_submission_id: str
    expected: list[ExpectedFacts]


class DocumentChange(BaseModel):
    """A change of one document: of its status or step, or what there is to remark."""

    at: Time
    lighthouse_request_id: int
    form_526_submission_id: str
    form_attachment_id: str | None
    document_type: DocumentType
    from_status: LighthouseStatus
    to_status: LighthouseStatus
    from_step: str = Field(description=_STEP)
    to_step: str = Field(description=_STEP)
    outcome: Outcome | None = Field(description="How the document ended, where it did now.")
    step_changes: dict[str, str] = Field(description="The new status of each step that changed.")
    remarks: list[RemarkKind]


class ChangesAnswer(BaseModel):
    """Changes in the order in which they were committed."""

    changes: list[DocumentChange]
    cursor: str = Field(description="Keep it once these are dealt with, and give it next time.")
    has_more: bool = Field(description="Whether there are more right now.")


class SubmissionAnswer(BaseModel):
    """All documents of a submission, with what its veteran may read."""

    form_526_submission_id: str
    documents: list[SubmissionDocument]
    expected: list[ExpectedFacts]
    veteran: list[VeteranLine]
    veteran_wording: str


class SubmissionsAnswer(BaseModel):
    """Submissions in the order asked."""

    submissions: list[SubmissionAnswer | None]


class ListAnswer(BaseModel):
    """A page of documents."""

    documents: list[DocumentInList]
    cursor: str | None = Field(description="Where the next page begins; null at the end.")
    has_more: bool


class TrackedAnswer(BaseModel):
    """How many documents are tracked from now on, and how many were already."""

    tracked: int
    known: int


_ID: Final = {
    "anyOf": [
        {"type": "string", "pattern": r"^[A-Za-z0-9._:-]{1,64}$"},
        {"type": "integer"},
    ],
    "description": "Of your own system; no name, file name or file number.",
}
_DOCUMENT: Final = {
    "type": "object",
    "required": ["lighthouse_request_id", "form_526_submission_id", "document_type"],
    "properties": {
        "lighthouse_request_id": {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": 2**63 - 1},
                {"type": "string", "pattern": "^[0-9]{1,18}$"},
            ],
            "description": "The requestId that Lighthouse returned.",
        },
        "form_526_submission_id": _ID,
        "document_type": {"type": "string", "enum": sorted(TYPE_NAMES)},
        "form_attachment_id": {
            **_ID,
            "anyOf": [
                {"type": "string", "pattern": r"^[A-Za-z0-9._:-]{0,64}$"},
                {"type": ["integer", "null"]},
            ],
            "description": "Of the attachment; a veteran_upload needs one.",
        },
        "tracked_at": {
            "type": ["string", "number", "null"],
            "description": "When it was handed to Lighthouse: ISO 8601, or seconds since 1970; "
            "default: now.",
        },
    },
    "additionalProperties": False,
}
DOCUMENTS_TO_TRACK: Final = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "oneOf": [
                    _DOCUMENT,
                    {"type": "array", "items": _DOCUMENT, "minItems": 1, "maxItems": BATCH},
                ]
            }
        }
    },
}
"""The body of a call that tracks documents; the columns of vets-api's table are taken too."""
