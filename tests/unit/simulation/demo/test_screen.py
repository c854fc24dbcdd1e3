"""How the demo looks, on a terminal and on a pipe."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from lightkeeper.alerting.files.definitions import Urgency, load
from lightkeeper.domain.document import Document
from lightkeeper.simulation.demo.board import Alert, Board
from lightkeeper.simulation.demo.screen import HEIGHT, INTRODUCTION, WIDTH, Lines, drawn
from lightkeeper.store.levels import Level

MONITORS = Path(__file__).parents[4] / "monitors"
NOON = 1_800_014_400
HOUR = 3_600


def document(
    request_id, condition, step="CLAIMS_EVIDENCE", status="failed", age=1, kind="bdd_instructions"
):
    """A document in trouble, tracked so many hours before noon."""
    fields = dict.fromkeys(Document._fields)
    fields |= {
        "request_id": request_id,
        "document_type": kind,
        "tracked_at": (NOON - age * HOUR) * 1_000,
        "lighthouse_status": status,
        "condition": condition,
        "current_step": step,
    }
    return Document(**fields)


def board(troubles=(), levels=(), alerts=()):
    """What there is to show at noon."""
    return Board(NOON, list(levels), list(troubles), list(alerts))


def text(shown, seen_steps=(), **options):
    """The screen as text, 80 columns wide."""
    console = Console(file=io.StringIO(), width=80, **options)
    console.print(drawn(shown, seen_steps))
    return console.file.getvalue()


TROUBLES = [
    document(1, "stuck", status="pending", age=49),
    document(2, "slow", status="pending", age=25),
    document(3, "not_in_efolder"),
    document(4, "in_efolder", step="BENEFITS_GATEWAY_SERVICE"),
    document(5, "efolder_unknown", step="unknown"),
    document(6, "not_found", step="none", status="pending"),
    document(7, "not_in_efolder", kind="form_0781"),
]
ALERTS = [
    Alert("failure-surge", "title", NOON - HOUR, 5, Urgency.PAGER, is_over=False),
    Alert("standstill", "title", NOON - HOUR, 3, Urgency.PAGER, is_over=False),
    Alert("documents-unacknowledged", "title", NOON, 1, Urgency.PAGER, is_over=True),
    Alert("documents-failed", "title", NOON, 1, Urgency.PAGER_LOW, is_over=False),
    Alert("documents-slow", "title", NOON, 1, Urgency.CHANNEL, is_over=False),
]


def test_the_first_line_says_what_is_real_and_what_is_simulated():
    """Before anything else."""
    assert INTRODUCTION == text(board()).splitlines()[0].rstrip()


def test_every_document_in_trouble_has_its_line():
    """None is hidden, however many there are."""
    many = [document(number, "not_in_efolder") for number in range(100, 160)]

    shown = text(board(many))

    assert [] == [one.request_id for one in many if str(one.request_id) not in shown]


def test_a_line_says_what_is_wrong_and_who_acts():
    """Condition, step, type, request id, and whose turn it is or how long the document waits."""
    lines = [line.split() for line in text(board(TROUBLES)).splitlines()[-10:-3]]

    assert [
        ["stuck", "CLAIMS_EVIDENCE", "bdd_instructions", "1", "waits", "for", "49", "h"],
        ["slow", "CLAIMS_EVIDENCE", "bdd_instructions", "2", "waits", "for", "25", "h"],
        ["failed", "CLAIMS_EVIDENCE", "bdd_instructions", "3", "staff", "must", "act"],
        ["failed", "BENEFITS_GATEWAY_SERVICE", "bdd_instructions", "4", "staff", "must", "act"],
        ["failed", "(no", "step", "named)", "bdd_instructions", "5", "staff", "look", "first"],
        ["not", "found", "bdd_instructions", "6", "staff", "look", "first"],
        ["failed", "CLAIMS_EVIDENCE", "form_0781", "7", "veteran", "must", "act"],
    ] == lines


@pytest.mark.parametrize(
    ("condition", "status", "colour"),
    [("not_in_efolder", "failed", "1;31"), ("stuck", "pending", "1;33")],
)
def test_failed_and_stuck_documents_are_coloured(condition, status, colour):
    """Red where a document failed, yellow where it is late."""
    troubles = [document(7, condition, status=status)]

    shown = text(board(troubles), force_terminal=True, color_system="standard")

    assert f"\x1b[{colour}m" in shown.splitlines()[-4]


def test_a_step_of_any_name_has_its_column():
    """Also one that Lighthouse invents, under its own name, beside all that are known."""
    levels = [Level("form_0781", "pending", "VIRUS_SCAN", "waiting", 3)]

    lines = text(board(levels=levels), ["VIRUS_SCAN"]).splitlines()
    row = next(line.split() for line in lines if line.startswith("form_0781 "))

    assert [
        ["no", "CLAIMS_", "BENEFITS_", "VIRUS_", "REMOVE_"],
        ["answer", "EVIDENCE", "GATEWAY_SERVICE", "SCAN", "FILE_BINARY", "done", "failed"],
    ] == [lines[2].split(), lines[3].split()[2:]]
    assert ["form_0781", "0", "0", "0", "3", "0", "0", "0"] == row


def test_monitors_that_would_page_are_named():
    """Under their own names, and how often they fired; each urgency apart."""
    lines = text(board(alerts=ALERTS)).splitlines()

    assert [
        "would page:  failure-surge x5  standstill x3  documents-unacknowledged",
        "would page in working hours:  documents-failed",
        "would notify the channel:  documents-slow",
    ] == [line.rstrip() for line in lines[-3:]]


@pytest.mark.parametrize("urgency", Urgency)
def test_every_monitor_that_fires_is_named(urgency):
    """However many there are: a row is broken between two of them, and none is left out."""
    monitors = load(MONITORS).monitors
    alerts = [Alert(key, "title", NOON, 12, urgency, is_over=False) for key in monitors]

    rows = [line.rstrip() for line in text(board(alerts=alerts)).splitlines()]

    assert [] == [key for key in monitors if not any(f"  {key} x12" in row for row in rows)]
    assert WIDTH >= max(map(len, rows))


# As many of each as in a whole day, and each of its monitors fires still, or again.
DAY = [document(number, "not_in_efolder", kind="form_0781") for number in range(6)]
DAY_ALERTS = [
    Alert(name, "title", NOON, times, urgency, is_over=False)
    for urgency, names in {
        Urgency.PAGER: {"documents-unacknowledged": 4, "standstill": 4},
        Urgency.PAGER_LOW: {
            "documents-failed": 9,
            "documents-not-found": 1,
            "documents-unattended": 1,
            "documents-stuck-unplanned": 4,
        },
        Urgency.CHANNEL: {
            "documents-slow": 1,
            "silent-failures": 4,
            "documents-recovered": 1,
            "in-efolder-not-bgs": 1,
            "documents-stuck": 1,
            "unknown-words": 1,
        },
    }.items()
    for name, times in names.items()
]


def test_a_day_fits_80_columns_and_24_rows():
    """Nothing is cut off; four rows are left for what the end prints, one for the prompt."""
    levels = [Level(kind, "done", "complete", "delivered", 9_999) for kind in ("form_0781",)]

    shown = text(board(DAY, levels, DAY_ALERTS), ["VIRUS_SCAN"])

    assert "…" not in shown
    assert WIDTH >= max(map(len, shown.splitlines()))
    assert HEIGHT - 5 >= len(shown.splitlines())


def test_on_a_pipe_each_thing_is_said_once(capsys):
    """What goes wrong, and what would page, in the order in which it was seen."""
    view = Lines()
    view.show(board(TROUBLES[:1], alerts=ALERTS[:1]))
    view.show(board(TROUBLES[:1], alerts=ALERTS[:1]))

    assert [
        INTRODUCTION,
        "12:00  tracked 0 = pending 0 + done 0 + failed 0",
        "12:00  stuck CLAIMS_EVIDENCE bdd_instructions 1",
        "11:00  would page: failure-surge",
    ] == capsys.readouterr().out.splitlines()
