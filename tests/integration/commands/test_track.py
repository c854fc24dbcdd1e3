"""`lightkeeper track` by a frozen clock: when a document counts as handed to Lighthouse."""

from contextlib import closing

import pytest
from click.testing import CliRunner
from freezegun import freeze_time

from lightkeeper.casework.intake import WrongDocument
from lightkeeper.commands.track import track
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents

FROZEN, NOW = "2027-01-15T08:00:00Z", 1_800_000_000_000
ONE = ("--request-id", "5", "--submission-id", "s-1", "--document-type", "form_0781")
LINE = "lighthouse_request_id,form_526_submission_id,document_type\n5,s-1,form_0781\n"


@pytest.fixture
def tracked(tmp_path):
    """A function that tracks with the clock frozen: `tracked_at` and when it was stored."""
    url = f"sqlite:///{tmp_path / 'store.db'}"

    def run(*arguments, **more):
        with freeze_time(FROZEN):
            done = CliRunner().invoke(
                track,
                arguments,
                env={"LIGHTKEEPER_DATABASE_URL": url},
                standalone_mode=False,
                **more,
            )
        if done.exception is not None:
            raise done.exception
        with closing(open_database(url, create=False)) as database:
            row = Documents(database).find(5)
            return row.tracked_at, row.created_at

    return run


def test_without_a_time_a_document_is_tracked_as_of_now(tracked):
    """Without --tracked-at the document counts as handed to Lighthouse now."""
    assert (NOW, NOW) == tracked(*ONE)


def test_without_a_time_a_line_is_tracked_as_of_now(tracked):
    """A line without `tracked_at` counts as handed to Lighthouse now."""
    assert (NOW, NOW) == tracked("-", input=LINE)


def test_a_given_time_is_kept(tracked):
    """With --tracked-at that time is stored, beside the time of tracking."""
    assert (NOW - 86_400_000, NOW) == tracked(*ONE, "--tracked-at", "2027-01-14T08:00:00Z")


def test_a_time_in_the_future_is_rejected_by_the_clock(tracked):
    """More than five minutes ahead of the clock is an error; less counts as now."""
    with pytest.raises(WrongDocument, match="tracked_at is in the future: check the clock"):
        tracked(*ONE, "--tracked-at", "2027-01-15T08:05:01Z")

    assert (NOW, NOW) == tracked(*ONE, "--tracked-at", "2027-01-15T08:05:00Z")
