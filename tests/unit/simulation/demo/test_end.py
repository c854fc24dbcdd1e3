"""What the demo prints below its last board."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from lightkeeper.simulation.demo.board import Board
from lightkeeper.simulation.demo.screen import WIDTH
from lightkeeper.simulation.demo.show import Ending, print_summary, print_to_try

URL = "http://127.0.0.1:8526"
WORDING = "VA couldn't add your document to your file. Mail it. " + "You can call us. " * 20


@pytest.fixture
def ending(monkeypatch):
    """A demo that adds up, with its store at its usual place."""
    monkeypatch.setenv("HOME", "/home/someone")
    store = Path("/home/someone/.local/state/lightkeeper/demo.db")
    monkeypatch.setattr("sys.argv", ["lightkeeper"])
    return Ending(Board(0.0, [], [], []), 364_052, 477, True, store, 600_000_228, WORDING)


def printed(ending, url=None, *, is_terminal=True):
    """The rows of a terminal, or the lines of a pipe."""
    console = Console(
        file=io.StringIO(), width=WIDTH, force_terminal=is_terminal, color_system=None
    )
    print_summary(console, ending)
    print_to_try(console, ending, url)
    lines = console.file.getvalue().splitlines()
    return [line[at : at + WIDTH] for line in lines for at in range(0, len(line), WIDTH)]


def test_its_last_line_says_what_to_try_next(ending):
    """Below what is set before it, and what the API says."""
    assert [
        "Datadog received 364,052 metrics, 477 events; last gauges equal the store",
        "the API (kept by --serve) says: VA couldn't add your document to your file. ...",
        "export LIGHTKEEPER_DATABASE_URL=sqlite:///$HOME/.local/state/lightkeeper/demo.db",
        "lightkeeper show 600000228  # try next: what happened to a document",
    ] == printed(ending)


def test_where_the_api_goes_on_its_last_line_asks_it(ending):
    """In as many rows, though a terminal breaks what is to be typed."""
    *_, curl, rest = rows = printed(ending, URL)

    assert 4 == len(rows)
    assert (
        "curl -sH @$HOME/.local/state/lightkeeper/demo.header "
        "http://127.0.0.1:8526/v1/benefits-documents/600000228"
        "  # try next; Ctrl-C ends the API"
    ) == curl + rest


def test_on_a_pipe_the_answer_is_whole(ending):
    """There is room."""
    said = " ".join(" ".join(printed(ending, is_terminal=False)).split())

    assert f"the API answers at /v1/benefits-documents/600000228: {WORDING.strip()}" in said
