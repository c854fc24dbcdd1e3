"""What answers hold, for the published description: the names of `lightkeeper show --json`.

No route validates its answer against these: a test does.
"""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from lightkeeper.domain.change import Outcome, RemarkKind
from lightkeeper.domain.document import Condition, DocumentType, LighthouseStatus
from lightkeeper.domain.expected import ExpectedState

Time = Annotated[str | None, Field(json_schema_extra={"format": "date-time"})]


class VeteranLine(BaseModel):
    """What a veteran may read about documents in one state."""

    state: str
    documents: int
    sentence: str
    next_step: str


class DocumentFacts(BaseModel):
    """A document, as it is known by its last usable answer."""

    lighthouse_request_id: int
    form_526_submission_id: str
    form_attachment_id: str | None
    document_type: DocumentType
    lighthouse_status: LighthouseStatus
    condition: Condition
    condition_since: Time
    current_step: str = Field(description="Lighthouse's step, or none, complete, unknown.")
    step_since: Time
    failed_step: str | None
    error_detail: str | None
    unknown_words: str | None
    waited_s: int
    tracked_at: Time
    decided_at: Time
    in_efolder_at: Time
    not_found_since: Time
    unanswered_since: Time
    last_polled_at: Time
    next_poll_at: Time
    last_answered_at: Time
    answer_age_s: int | None = Field(description="Of the last usable answer; null before it.")
    lighthouse_started_at: Time
    lighthouse_ended_at: Time
    acknowledged_at: Time
    acknowledged_by: str | None
    acknowledged_reason: str | None
    steps: dict[str, Any] = Field(description="The status of each step that Lighthouse named.")


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
    settled_by: str | None
    settled_reason: str | None


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
    from_step: str
    to_step: str
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
