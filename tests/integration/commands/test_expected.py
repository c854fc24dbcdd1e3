"""What is expected and not tracked, through the commands: listed, shown, settled."""

import json
import time
from contextlib import closing

import pytest
from command_line import complaint, environment, run

from lightkeeper.domain.time import HOUR
from lightkeeper.store.database import open_database
from lightkeeper.store.expected import ExpectedDocuments

CHECKING = (
    "VA staff are checking what happened to your document. They'll contact you if they need "
    "anything from you."
)


def _environment(url):
    """That of a command on a new store."""
    with closing(open_database(url, create=True)):
        return environment(LIGHTKEEPER_DATABASE_URL=url)


@pytest.fixture
def env(tmp_path):
    """The environment of a command on an empty store."""
    return _environment(f"sqlite:///{tmp_path}/store.db")


def _expect(env, submission_id, hours_ago=0.0, **counts):
    at = round(time.time() * 1_000 - hours_ago * HOUR)
    with closing(open_database(env["LIGHTKEEPER_DATABASE_URL"], create=False)) as database:
        ExpectedDocuments(database).expect(submission_id, counts, "vets-api", at)


def _said(env, *arguments):
    done = run(*arguments, env=env)
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


def _track(env, request_id, submission_id, kind="form_0781"):
    ids = ("--request-id", request_id, "--submission-id", submission_id)
    _said(env, "track", *ids, "--document-type", kind)


def test_what_is_missing_is_in_every_roll_up(database_url):
    """In `status`, and in `show` of the submission, with what its veteran reads."""
    env = _environment(database_url)
    _expect(env, "4711", 2, form_0781=2, veteran_upload=1)
    _track(env, 1, "4711")
    shown = json.loads(_said(env, "show", "--submission", "4711", "--json"))
    lines = _said(env, "show", "--submission", "4711").splitlines()

    assert "2 expected, not tracked\n" in _said(env, "status")
    assert 2 == json.loads(_said(env, "status", "--json"))["expected_missing"]
    assert ["submission 4711: 1 document"] == lines[:1]
    assert lines[1].startswith("  expected: 2 form_0781: 1 missing, expected since 20")
    assert [("form_0781", 2, 1, "missing"), ("veteran_upload", 1, 1, "missing")] == [
        (each["document_type"], each["count"], each["missing"], each["state"])
        for each in shown["expected"]
    ]
    assert [("staff_check", 2), ("adding", 1)] == [
        (each["state"], each["documents"]) for each in shown["veteran"]
    ]
    assert "what happened to 2 of your 3 documents." in lines[-2]


def test_a_submission_of_which_nothing_is_tracked_is_found(env):
    """Its veteran is told that VA adds the document, and an hour later that staff look."""
    _expect(env, "4711", 0.9, form_0781=1)
    _expect(env, "4712", 1.1, form_0781=1)
    early, late = (_said(env, "show", "--submission", each) for each in ("4711", "4712"))

    assert early.startswith(
        "submission 4711: no document is tracked\n  expected: 1 form_0781: 1 not tracked yet\n"
    )
    assert early.endswith(
        "VA is adding your document to your file. You don't need to do anything.\n"
    )
    assert late.endswith(f"\n  {CHECKING}\n")
    assert "1 expected, not tracked\n" in _said(env, "status")
    env = env | {"LIGHTKEEPER_EXPECTED_WITHIN": "30m"}
    assert "2 expected, not tracked\n" in _said(env, "status")
    assert CHECKING in _said(env, "show", "--submission", "4711")
    _expect(env, "4711", form_0781=0)
    nothing = complaint(run("show", "--submission", "4711", env=env), 1)
    assert nothing.startswith("submission 4711 is not tracked here")


def test_the_list_has_what_is_not_tracked_the_oldest_first(env):
    """Until it is tracked; nothing of what is complete."""
    assert "no document is expected that is not tracked\n" == _said(env, "expected", "list")
    assert [] == json.loads(_said(env, "expected", "list", "--json"))
    _expect(env, "4711", 0.5, veteran_upload=2)
    _expect(env, "4712", 3, form_0781=1, bdd_instructions=1)
    _track(env, 1, "4712", "bdd_instructions")
    head, *rows = _said(env, "expected", "list").splitlines()

    assert ["submission", "document", "type", "expected", "missing"] == head.split()[:5]
    assert [["4712", "form_0781", "1", "1"], ["4711", "veteran_upload", "2", "2"]] == [
        row.split()[:4] for row in rows
    ]
    assert ["missing", "awaited"] == [row.split()[5] for row in rows]
    (first, _) = json.loads(_said(env, "expected", "list", "--json"))
    assert ("4712", "vets-api") == (first["form_526_submission_id"], first["expected_by"])
    _track(env, 2, "4712")
    assert 1 == len(json.loads(_said(env, "expected", "list", "--json")))


def test_staff_settle_what_never_comes(env):
    """With who and why; it leaves the counts, and the veteran reads that staff took care of it."""
    _expect(env, "4711", 2, form_0781=2, veteran_upload=1)
    said = _said(
        env,
        "expected",
        "settle",
        "4711",
        "--type",
        "form-0781",
        "--why",
        "by mail",
        "--by",
        "jane",
    )

    assert "submission 4711: 2 form_0781 settled\n" == said
    assert "1 expected, not tracked\n" in _said(env, "status")
    assert 1 == len(json.loads(_said(env, "expected", "list", "--json")))
    (settled, _) = json.loads(_said(env, "expected", "list", "--all", "--json"))
    assert ("settled", "jane", "by mail") == tuple(
        settled[key] for key in ("state", "settled_by", "settled_reason")
    )
    assert "jane: by mail" in _said(env, "expected", "list", "--all")
    shown = _said(env, "show", "--submission", "4711")
    assert " by jane: by mail\n" in shown
    assert "VA staff took care of 2 of your 3 documents." in shown
    _said(env, "expected", "settle", "4711", "--why", "by mail")
    assert "0 expected, not tracked\n" in _said(env, "status")
    back = ("expected", "settle", "4711", "--revoke", "--why", "of another claim")
    assert "submission 4711: 1 veteran_upload no longer settled\n" == _said(
        env, *back, "--type", "veteran_upload"
    )
    assert "1 expected, not tracked\n" in _said(env, "status")
    assert "submission 4711: 2 form_0781 no longer settled\n" == _said(env, *back)
    assert "nothing was settled of that submission" in complaint(run(*back, env=env), 65)
    assert 3 == json.loads(_said(env, "status", "--json"))["expected_missing"]


def test_a_mistake_of_staff_is_one_line_and_changes_nothing(env):
    """What is not missing, a note that cannot be stored, a type that there is not."""
    _expect(env, "4711", 2, form_0781=1)

    for submission_id in ("4712", "471\x1b1", "é" * 80, ""):
        done = run("expected", "settle", submission_id, "--why", "mail", env=env)
        assert (
            "nothing is missing of that submission: see lightkeeper expected list --all"
            == complaint(done, 65)
        )
    for why in ("", "scan.pdf", "123-45-6789", "a\nb", "x" * 501):
        assert complaint(run("expected", "settle", "4711", "--why", why, env=env), 64).startswith(
            "--why"
        )
    assert 64 == run("expected", "settle", "4711", "--why", "x", "--by", "", env=env).returncode
    for wrong in (("--type", "form_4142", "--why", "x"), ()):
        done = run("expected", "settle", "4711", *wrong, env=env)
        assert (2, "") == (done.returncode, done.stdout)
    assert "1 expected, not tracked\n" in _said(env, "status")
