"""The signals of the daemon itself, of its account and of the API: whether all is well."""

from typing import Final

from lightkeeper.telemetry.signals import Kind, Sender, Table
from lightkeeper.telemetry.tags import CALL_OUTCOMES, OPERATIONS, TYPE_REASON

OF_THE_DAEMON: Final[Table] = {
    (Kind.COUNT, Sender.SLICE): {
        "lightkeeper.answers.unusable": (
            "document",
            TYPE_REASON,
            "Documents that were polled and got no usable answer.",
        ),
        "lightkeeper.answers.refused": (
            "document",
            {"outcome": CALL_OUTCOMES},
            "Documents about which a call failed that was about no other, by how it ended.",
        ),
        "lightkeeper.answers.unrequested": (
            "document",
            {},
            "Ids in an answer that the call did not contain.",
        ),
        "lightkeeper.poll.batches": (
            "request",
            {"outcome": CALL_OUTCOMES},
            "Calls to Lighthouse by how they ended.",
        ),
        "lightkeeper.poll.documents": ("document", {}, "Documents in calls that were answered."),
        "lightkeeper.cycle.success": (
            "operation",
            {},
            "Polling slices in which a call was answered or nothing was due; one that only waits "
            "after a 429 does not count.",
        ),
    },
    (Kind.COUNT, Sender.START): {
        "lightkeeper.service.starts": (
            "",
            {"store": ("known", "new", "older")},
            "Starts of the daemon that reached its loop; store:new: on a store that no daemon has "
            "watched before; store:older: on one that lacks the document tracked last.",
        ),
    },
    (Kind.COUNT, Sender.LOSSES): {
        "lightkeeper.dogstatsd.lost": (
            "packet",
            {},
            "Packets that did not reach the Agent, as far as can be known; transitions are "
            "published again.",
        ),
        "lightkeeper.dogstatsd.refused": (
            "error",
            {},
            "Signals that are not in the catalogue, and were not sent: a mistake in lightkeeper.",
        ),
    },
    (Kind.GAUGE, Sender.PULSE): {
        "lightkeeper.poll.failing_for": (
            "second",
            {},
            "How long every call to Lighthouse has failed; 0 while it answers.",
        ),
        "lightkeeper.lighthouse.calls_left": (
            "request",
            {},
            "Calls left in this minute, as Lighthouse says; sent once Lighthouse has said so.",
        ),
        "lightkeeper.heartbeat": ("", {}, "Always 1: the daemon's loop is running."),
    },
    (Kind.SERVICE_CHECK, Sender.PULSE): {
        "lightkeeper.lighthouse.can_connect": (
            "",
            {},
            "Whether Lighthouse answered the last calls, errors too; unknown before the first.",
        ),
        "lightkeeper.lighthouse.can_authenticate": (
            "",
            {},
            "Whether Lighthouse accepted the token at the last calls; unknown before the first.",
        ),
        "lightkeeper.database.can_write": ("", {}, "Whether the store can be written to."),
        "lightkeeper.polling": (
            "",
            {},
            "Whether polling progresses: calls are answered, or nothing is due.",
        ),
        "lightkeeper.poll.batch_endpoint": (
            "",
            {},
            "Whether calls about several documents are answered; critical while they fail, those "
            "about one are answered, and documents are polled singly.",
        ),
    },
    (Kind.COUNT, Sender.WEB): {
        "lightkeeper.web.requests": (
            "request",
            {"operation": OPERATIONS, "status": ("2xx", "4xx", "5xx")},
            "Requests that the API answered, by what was asked and how it answered.",
        ),
    },
    (Kind.DISTRIBUTION, Sender.WEB): {
        "lightkeeper.web.request_time": (
            "second",
            {"operation": OPERATIONS},
            "How long the API took to answer.",
        ),
    },
    (Kind.SERVICE_CHECK, Sender.WEB): {
        "lightkeeper.web.can_answer": (
            "",
            {},
            "Whether the API answers; critical while half of its answers but 4xx are a 5xx.",
        ),
    },
    (Kind.GAUGE, Sender.DRIFT): {
        "lightkeeper.account.drift": (
            "",
            {},
            "Monitors, SLOs and dashboards of the Datadog account that are not as the files have "
            "them; 0 where none differs.",
        ),
    },
    (Kind.SERVICE_CHECK, Sender.DRIFT): {
        "lightkeeper.account.can_compare": (
            "",
            {},
            "Whether the Datadog account could be read, and compared with the files.",
        ),
    },
}
