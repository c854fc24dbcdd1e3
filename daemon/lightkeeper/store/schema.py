"""The tables, as Peewee sees them. `migrations` makes them; a test keeps the two in step.

Every time is an `Instant`: milliseconds since the epoch, UTC, in a BIGINT.
"""

from typing import Final

from peewee import (
    BigAutoField,
    BigIntegerField,
    CompositeKey,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)

from lightkeeper.domain.document import Document
from lightkeeper.domain.time import Instant

COLUMNS: Final = ", ".join(
    "lighthouse_request_id" if field == "request_id" else field for field in Document._fields
)
"""The columns that make a `Document`, in the order of its fields."""
MOVED_AT: Final = (
    "(SELECT MAX(t.at) FROM transitions AS t "
    "WHERE t.document_id = d.id AND t.from_step <> t.to_step)"
)
"""When the document `d` came to its step; NULL where it never moved."""


class InstantField(BigIntegerField):
    """An `Instant`: whole milliseconds since the epoch, UTC."""


class Form526DocumentSubmission(Model):
    """One document of a Form 526 claim that was handed to Lighthouse."""

    id = BigAutoField()
    lighthouse_request_id = BigIntegerField(unique=True)
    form_526_submission_id = TextField()
    form_attachment_id = TextField(null=True)
    document_type = TextField()
    tracked_at = InstantField()
    created_at = InstantField()
    lighthouse_status = TextField()
    condition = TextField()
    reported_status = TextField(null=True)
    steps = TextField()
    current_step = TextField()
    failed_step = TextField(null=True)
    error_detail = TextField(null=True)
    in_efolder_at = InstantField(null=True)
    lighthouse_started_at = InstantField(null=True)
    lighthouse_ended_at = InstantField(null=True)
    last_polled_at = InstantField(null=True)
    last_answered_at = InstantField(null=True)
    next_poll_at = InstantField(null=True)
    not_found_since = InstantField(null=True)
    decided_at = InstantField(null=True)
    trouble_count = IntegerField()
    unanswered_since = InstantField(null=True)
    must_act_since = InstantField(null=True)
    judged_at = InstantField(null=True)
    first_tracked_at = InstantField(null=True)
    last_answer = TextField(null=True)
    last_problem = TextField(null=True)
    acknowledged_at = InstantField(null=True)
    acknowledged_by = TextField(null=True)
    acknowledged_reason = TextField(null=True)
    moved_at: Instant | None = None
    """Since when it is known to be at its step; None where it never moved. It is no column."""

    class Meta:
        table_name = "form_526_document_submissions"
        indexes = ((("form_526_submission_id", "form_attachment_id"), False),)


class Transition(Model):
    """A change of a document: history, and outbox while `published_at` is empty."""

    id = BigAutoField()
    document = ForeignKeyField(Form526DocumentSubmission, backref="transitions")
    at = InstantField()
    from_status = TextField()
    to_status = TextField()
    from_step = TextField()
    to_step = TextField()
    outcome = TextField(null=True)
    step_changes = TextField()
    remarks = TextField()
    processing_ms = BigIntegerField(null=True)
    detection_ms = BigIntegerField(null=True)
    published_at = InstantField(null=True)

    class Meta:
        table_name = "transitions"


class EventDigest(Model):
    """Published transitions of one kind, gathered for the next Datadog event of that kind.

    `document_count` is 0 once that event was sent; `sent_at` is when the last one was.
    """

    name = TextField()
    document_type = TextField()
    step = TextField()
    outcome = TextField()
    document_count = BigIntegerField()
    request_ids = TextField()
    first_at = InstantField()
    last_at = InstantField()
    sent_at = InstantField(null=True)

    class Meta:
        table_name = "event_digests"
        primary_key = CompositeKey("name", "document_type", "step", "outcome")


class OpenWord(Model):
    """A word of Lighthouse's own that has a tag value of its own."""

    tag = TextField()
    word = TextField()

    class Meta:
        table_name = "open_words"
        primary_key = CompositeKey("tag", "word")


class PublishedUpTo(Model):
    """How far publishing has come in what has no transition."""

    name = TextField(primary_key=True)
    value = BigIntegerField()

    class Meta:
        table_name = "published_up_to"


class Tally(Model):
    """How many documents stand where, changed in the transaction that moves them.

    `ended_well_at` is when the last of them became done, and stays when it moves on.
    """

    document_type = TextField()
    lighthouse_status = TextField()
    step = TextField()
    condition = TextField()
    count = BigIntegerField()
    ended_well_at = InstantField(null=True)

    class Meta:
        table_name = "tallies"
        primary_key = CompositeKey("document_type", "lighthouse_status", "step", "condition")


class Maintenance(Model):
    """A planned outage that was announced; without `step_names` it is of all of Lighthouse."""

    id = BigAutoField()
    starts_at = InstantField()
    ends_at = InstantField()
    step_names = TextField()
    reason = TextField()
    announced_by = TextField()
    announced_at = InstantField()
    ended_at = InstantField(null=True)
    ended_by = TextField(null=True)
    va_id = TextField(null=True, unique=True)

    class Meta:
        table_name = "maintenance_windows"


class FollowedUpTo(Model):
    """When the newest row was created that was taken from another program's table.

    `taken_from`: from when on created rows are taken. `followed_at`: when a process that follows
    it for ever last took all of it, or else began.
    """

    source = TextField(primary_key=True)
    created_at = InstantField()
    taken_from = InstantField(null=True)
    followed_at = InstantField(null=True)

    class Meta:
        table_name = "followed_up_to"


class WaitingUpload(Model):
    """A row of such a table that cannot be tracked: `reason` says why it is rejected.

    Without a reason it has no request id yet: Lighthouse has not taken its document.
    """

    source = TextField()
    row_id = BigIntegerField()
    created_at = InstantField()
    reason = TextField(null=True)
    settled_at = InstantField(null=True)

    class Meta:
        table_name = "waiting_uploads"
        primary_key = CompositeKey("source", "row_id")


class ExpectedDocument(Model):
    """How many documents of one type a submission should have, and how many are not tracked.

    `expected_at`: since when those that are missing are expected.
    """

    form_526_submission_id = TextField()
    document_type = TextField()
    document_count = BigIntegerField()
    missing_count = BigIntegerField()
    expected_at = InstantField()
    expected_by = TextField()
    settled_at = InstantField(null=True)
    settled_by = TextField(null=True)
    settled_reason = TextField(null=True)

    class Meta:
        table_name = "expected_documents"
        primary_key = CompositeKey("form_526_submission_id", "document_type")


class PollWanted(Model):
    """A poll that a caller waits for; the row goes once it was made, or is not made in time."""

    document_id = BigIntegerField(primary_key=True)
    asked_at = InstantField()
    asked_by = TextField()

    class Meta:
        table_name = "wanted_polls"


class AuditEntry(Model):
    """A write that a caller of the API or staff made: who, when, and what."""

    id = BigAutoField()
    at = InstantField()
    who = TextField()
    action = TextField()
    what = TextField()

    class Meta:
        table_name = "audit_log"
        indexes = ((("at", "id"), False),)


MODELS = (
    *(Form526DocumentSubmission, Transition, EventDigest, OpenWord, PublishedUpTo, Tally),
    *(Maintenance, FollowedUpTo, WaitingUpload, ExpectedDocument),
    *(PollWanted, AuditEntry),
)
