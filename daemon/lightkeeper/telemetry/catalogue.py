"""The table of every signal that leaves the daemon.

The emitter refuses what is not in it; monitors, dashboards, docs and tests are checked
against it.
"""

from collections.abc import Iterator
from typing import Final

from lightkeeper.telemetry.daemon_signals import OF_THE_DAEMON
from lightkeeper.telemetry.signals import Kind, Sender, Signal, Table
from lightkeeper.telemetry.tags import (
    CONDITION,
    DISAGREEMENT,
    SILENCE,
    STEPS,
    TYPE,
    TYPE_ENDING,
    TYPE_REMARK,
    TYPE_RESULT,
    TYPE_STEP,
    TYPE_STEP_ENDING,
    TYPE_STEP_OUTCOME,
    UNTRUE,
    WORD,
)

_OF_DOCUMENTS: Final[Table] = {
    (Kind.COUNT, Sender.PUBLISHER): {
        "lightkeeper.documents.outcomes": (
            "document",
            TYPE_STEP_ENDING,
            "Documents that ended: delivered, failed at a step, or delivered after a failure; "
            "superseded: a failed try of a document that another try brought into the eFolder.",
        ),
        "lightkeeper.step.outcomes": (
            "document",
            TYPE_STEP_OUTCOME,
            "Changes of a step's status, as Lighthouse reports it.",
        ),
        "lightkeeper.answers.remarkable": (
            "document",
            TYPE_REMARK,
            "Usable answers with something odd in them, counted when an answer becomes so.",
        ),
        "lightkeeper.answers.unknown_words": (
            "document",
            WORD,
            "Words of Lighthouse's that no contract knows, counted when an answer changes.",
        ),
        "lightkeeper.slo.outcome": (
            "document",
            TYPE_RESULT,
            "Documents, once each: good when final within 48 hours (a setting).",
        ),
        "lightkeeper.slo.efolder": (
            "document",
            TYPE_RESULT,
            "The same documents: good when provably in the eFolder once final, or in that time.",
        ),
        "lightkeeper.slo.detection": (
            "document",
            TYPE_RESULT,
            "The same documents: good when final in that time and recorded within 15 minutes.",
        ),
        "silent_failure": (
            "document",
            SILENCE,
            "Documents that the veteran must send again and has no notice of; the name is VA's.",
        ),
        "silent_failure_avoided": (
            "document",
            SILENCE,
            "Such documents of which a notice reached the veteran; no notice is sent yet.",
        ),
        "silent_failure_avoided_no_confirmation": (
            "document",
            SILENCE,
            "Such documents of which a notice was sent; no notice is sent yet.",
        ),
    },
    (Kind.COUNT, Sender.TRACKED): {
        "lightkeeper.documents.tracked": (
            "document",
            TYPE,
            "Documents that were newly tracked, further tries included, whichever process "
            "tracked them.",
        ),
    },
    (Kind.COUNT, Sender.DAILY): {
        "lightkeeper.documents.unattended": (
            "document",
            CONDITION,
            "Documents that need people, by what they count as: once a day, zeros included; "
            "unsettled: acknowledged a week ago (a setting), neither closed nor changed since; "
            "expected_missing: as that gauge counts them.",
        ),
    },
    (Kind.DISTRIBUTION, Sender.PUBLISHER): {
        "lightkeeper.documents.processing_time": (
            "second",
            TYPE_ENDING,
            "From Lighthouse's start of a document to its end.",
        ),
        "lightkeeper.documents.detection_delay": (
            "second",
            TYPE_ENDING,
            "From Lighthouse's end of a document until lightkeeper recorded it.",
        ),
    },
    (Kind.GAUGE, Sender.GAUGES): {
        "lightkeeper.documents.pending": (
            "document",
            TYPE_STEP,
            "Documents neither done nor failed, by the step they are at.",
        ),
        "lightkeeper.documents.done": (
            "document",
            TYPE,
            "Documents delivered, of all ever tracked.",
        ),
        "lightkeeper.documents.failed": (
            "document",
            TYPE_STEP,
            "Documents that failed and did not recover, of all ever tracked.",
        ),
        "lightkeeper.documents.unacknowledged": (
            "document",
            TYPE_STEP,
            "Failed documents, unacknowledged.",
        ),
        "lightkeeper.documents.in_efolder_not_bgs": (
            "document",
            TYPE,
            "Failed documents that are in the eFolder all the same, unacknowledged: staff act.",
        ),
        "lightkeeper.documents.efolder_unknown": (
            "document",
            TYPE,
            "Failed documents perhaps in the eFolder, unacknowledged: staff look first.",
        ),
        "lightkeeper.documents.contradictory": (
            "document",
            TYPE,
            "Documents done by their status and not by their steps, unacknowledged.",
        ),
        "lightkeeper.documents.acknowledged": (
            "document",
            TYPE,
            "Documents that staff acknowledged, and that are neither closed nor changed since.",
        ),
        "lightkeeper.documents.slow": (
            "document",
            TYPE_STEP,
            "Pending documents that Lighthouse called unfinished after 24 hours (a setting), "
            "unacknowledged.",
        ),
        "lightkeeper.documents.stuck": (
            "document",
            TYPE_STEP,
            "The same after 48 hours (a setting); they are slow as well.",
        ),
        "lightkeeper.documents.overdue": (
            "document",
            TYPE_STEP,
            "The same after 96 hours (a setting); they are stuck as well.",
        ),
        "lightkeeper.documents.not_found": (
            "document",
            TYPE,
            "Pending documents that Lighthouse does not know, unacknowledged.",
        ),
        "lightkeeper.documents.expected_missing": (
            "document",
            TYPE,
            "Documents that submissions should have for an hour (a setting) and that are not "
            "tracked, nor settled by staff.",
        ),
        "lightkeeper.documents.unobserved": (
            "document",
            {},
            "Pending documents whose answer is over 2 hours late, unacknowledged.",
        ),
        "lightkeeper.documents.oldest_pending_age": (
            "second",
            TYPE_STEP,
            "Time since the oldest pending, unacknowledged document was handed to Lighthouse.",
        ),
        "lightkeeper.documents.median_pending_age": (
            "second",
            {"step": STEPS},
            "How long half of the pending, unacknowledged documents, or 1,000, have waited since "
            "they were handed to Lighthouse; computed every five minutes.",
        ),
        "lightkeeper.documents.oldest_failure_age": (
            "second",
            {},
            "How long the oldest failure has been unacknowledged.",
        ),
        "lightkeeper.intake.newest_age": (
            "second",
            {},
            "How long ago a document was tracked last.",
        ),
        "lightkeeper.poll.due_lag": (
            "second",
            {},
            "How long the document that is due longest has waited to be polled.",
        ),
        "lightkeeper.outbox.depth": (
            "event",
            {},
            "Transitions that are not published yet.",
        ),
        "lightkeeper.outbox.age": (
            "second",
            {},
            "How long the oldest unpublished transition has waited.",
        ),
        "lightkeeper.follow.not_tracked": (
            "document",
            {},
            "Rows of vets-api's table that cannot be tracked, without a request id or wrong, and "
            "that staff have not settled; sent only while it is followed.",
        ),
        "lightkeeper.follow.oldest_not_tracked_age": (
            "second",
            {},
            "How long ago the oldest such row was created; sent only while the table is followed.",
        ),
        "lightkeeper.follow.round_age": (
            "second",
            {},
            "How long ago all of vets-api's table was taken last; sent only while it is followed.",
        ),
        "lightkeeper.access.days_left": (
            "day",
            {"access": ("lighthouse_key",)},
            "Days until a token of the API, by its name, or the key to Lighthouse ends, below 0 "
            "once it has; of tokens those nine that end first. Sent where a setting says so.",
        ),
        "lightkeeper.maintenance": (
            "",
            {"step": STEPS},
            "Whether a maintenance window of the step, or of all steps, is in effect: 1 or 0.",
        ),
    },
    (Kind.GAUGE, Sender.COMPARISON): {
        "lightkeeper.compare.disagreements": (
            "document",
            DISAGREEMENT,
            "Rows of vets-api's table that say something else than the store, by what either "
            "says, or that were not tracked; 0 where there are none.",
        ),
        "lightkeeper.compare.untrue": (
            "document",
            {"disagreement": UNTRUE},
            "Those of these rows whose document has stood so in the store, or been stuck, for "
            "two hours, and no longer than two days: vets-api has had the time to learn of it.",
        ),
    },
    (Kind.EVENT, Sender.EVENTS): {
        "lightkeeper.document": (
            "event",
            TYPE_STEP_ENDING,
            "Documents ended: their number and first ids. Of the same tags at most one event a "
            "minute (failed, recovered, superseded) or an hour (done).",
        ),
        "lightkeeper.step": (
            "event",
            TYPE_STEP_OUTCOME,
            "Steps changed: the documents' number and first ids. Of the same tags at most one "
            "event a minute (failed) or an hour (in_progress, success).",
        ),
    },
}


def _signals() -> Iterator[Signal]:
    for (kind, sender), rows in (_OF_DOCUMENTS | OF_THE_DAEMON).items():
        for name, (unit, tags, meaning) in rows.items():
            yield Signal(name, kind, sender, unit, tags, meaning)


CATALOGUE: Final = {signal.name: signal for signal in _signals()}
