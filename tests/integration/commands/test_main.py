"""The commands as people and cron see them: output, exit statuses, and never a traceback."""

import json
import os
import pty
import re
import resource
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import click
import command_line
import pytest
from command_line import complaint
from patience import at_most

from lightkeeper.commands.main import main
from lightkeeper.domain.document import NewDocument
from lightkeeper.simulation.agent.server import SimulatedAgent
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents

ONE = ("--request-id", 5, "--submission-id", "s-1", "--document-type", "form_0781")
FIELDS = (
    *("lighthouse_request_id", "form_526_submission_id", "document_type"),
    *("form_attachment_id", "tracked_at"),
)
HEAVY = {"peewee", "psycopg", "requests", "pydantic", "datadog", "structlog", "jwt", "rich"}
LATEST_OUTAGE_SECONDS = 30


@pytest.fixture
def store(tmp_path):
    """The path of the store."""
    return tmp_path / "lightkeeper.db"


@pytest.fixture
def agent(tmp_path):
    """A simulated Datadog Agent."""
    with SimulatedAgent(port=None, socket_path=tmp_path / "dsd.socket") as running:
        yield running


@pytest.fixture(scope="module")
def _shared_lighthouse():
    with SimulatedLighthouse() as running:
        yield running


@pytest.fixture
def lighthouse(_shared_lighthouse):
    """A simulated Lighthouse without faults at the start of each test."""
    yield _shared_lighthouse
    _shared_lighthouse.clear_faults()
    _shared_lighthouse.accept_tokens()
    _shared_lighthouse.latency = 0.0


@pytest.fixture
def env(store, lighthouse, agent):
    """Settings under which everything works."""
    return command_line.environment(store, lighthouse, agent, DD_ENV="production")


def _tracked(store, lighthouse, count, story="instantly_done"):
    """Track documents that Lighthouse has."""
    ids = lighthouse.add_many(count, story)
    _put(store, ids)
    return ids


def _put(store, ids):
    now = time.time_ns() // 1_000_000
    with closing(open_database(f"sqlite:///{store}", create=True)) as database:
        new = [NewDocument(request_id, "s-1", "form_0781", None, now) for request_id in ids]
        Documents(database).add(new, now)


def _status(env):
    return json.loads(command_line.run("status", "--json", env=env).stdout)


OUTAGES = {
    "hangs": lambda lighthouse: lighthouse.down("hang"),
    "is gone": lambda lighthouse: lighthouse.stop(),
    "fails": lambda lighthouse: lighthouse.fail_share(1.0, 503, path=None),
    "refuses the token": lambda lighthouse: lighthouse.reject_tokens(),
}


@pytest.fixture(scope="module")
def outages(tmp_path_factory):
    """`poll` with 2,000 documents while Lighthouse is down, all outages at once."""
    folder = tmp_path_factory.mktemp("outages")
    _put(folder / "store.db", range(1, 2_001))

    def poll(number, breaking):
        store = shutil.copy(folder / "store.db", folder / f"{number}.db")
        with SimulatedLighthouse() as lighthouse:
            env = command_line.environment(store, lighthouse)
            breaking(lighthouse)
            began = time.monotonic()
            done = command_line.run("poll", env=env)
            return done, time.monotonic() - began, store

    with ThreadPoolExecutor(len(OUTAGES)) as beside:
        yield {
            name: beside.submit(poll, number, breaking)
            for number, (name, breaking) in enumerate(OUTAGES.items())
        }


def _all_commands(group=main, before=()):
    yield before
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _all_commands(command, (*before, name))
        else:
            yield (*before, name)


@pytest.mark.parametrize("command", list(_all_commands()), ids=" ".join)
def test_every_command_explains_itself(command):
    """`--help` and `-h` need no setting and explain the command under its own name."""
    helped = command_line.run(*command, "--help", env=command_line.environment())
    short = command_line.run(*command, "-h", env=command_line.environment())

    assert (0, "") == (helped.returncode, helped.stderr)
    assert helped.stdout == short.stdout
    assert helped.stdout.startswith(f"Usage: {' '.join(('lightkeeper', *command))} ")


@pytest.mark.speed
def test_help_is_quick_and_loads_no_big_library():
    """`--help` takes below 0.3 s of CPU, and loads none of the big libraries."""
    seconds = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        helped = command_line.run("--help", env=command_line.environment(), prepared=False)
        assert 0 == helped.returncode
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    code = (
        "import sys; from lightkeeper.commands.main import run_command_line as run; "
        "sys.argv = ['lightkeeper', '--help']; "
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code + "run(); print('loaded', *sys.modules)"],
        env=command_line.environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("loaded ")[1]

    assert at_most(0.3) > statistics.median(seconds)
    assert set() == HEAVY & set(loaded.split())


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("watch",), "No such command 'watch'. Did you mean 'run'?"),
        (("status", "now"), "unexpected extra argument (now)"),
        (("status", "--yaml"), "No such option '--yaml'"),
        (("track",), "missing: --request-id, --submission-id, --document-type (or give a FILE)"),
        (("track", *ONE[:4]), "missing: --document-type"),
        (("track", *ONE[:4], "--document-type", "form_4142"), "'form_4142' is not one of"),
        (("track", "-", *ONE), "either FILE or the options"),
        (("show",), "either REQUEST_ID or --submission"),
        (("show", 5, "--submission", "s-1"), "either REQUEST_ID or --submission"),
        (("show", "five"), "'five' is not a valid int"),
        (("show", "--", -1), "-1 is not in the range"),
        (("show", 2**63), "is not in the range"),
        (("simulate", "prometheus"), "No such command 'prometheus'"),
        (("demo", "--seconds", "x"), "'x' is not a valid integer"),
    ],
)
def test_a_wrong_command_line_is_explained(tmp_path, arguments, reason):
    """Exit status 2, the reason and the usage, and nothing is created."""
    done = command_line.run(*arguments, env=command_line.environment(tmp_path / "x.db"))

    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("Usage: ")
    assert reason in done.stderr
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("stats", "status"),
        ("trak", "track"),
        ("sandbox lighthouse", "simulate"),
        ("watch", "run"),
        ("start", "run"),
        ("acknowledge 5", "ack"),
        ("resolve 5", "close"),
        ("monitors chek", "check"),
        ("monitors tests", "test"),
        ("dashboards prin", "print"),
        ("simulate lighthous", "lighthouse"),
        ("simulate agents", "agent"),
        ("status --jsn", "--json"),
        ("backup --hlep", "--help"),
        ("simulate lighthouse --lat 1", "--latency"),
    ],
)
def test_a_wrong_word_is_answered_with_the_nearest_right_one(line, meant):
    """A misspelt or renamed command, subcommand or option gets a "Did you mean"."""
    done = command_line.run(*line.split(), env=command_line.environment())

    assert (2, "") == (done.returncode, done.stdout)
    assert f"Did you mean {meant!r}?" in done.stderr


def test_a_bare_call_shows_the_commands():
    """Every command is listed, its first sentence in full."""
    done = command_line.run(env=command_line.environment())

    assert 2 == done.returncode
    assert set(main.commands) <= set(
        re.findall(r"^  (\w+)", done.stdout + done.stderr, re.MULTILINE)
    )
    assert "..." not in (done.stdout + done.stderr).split("Commands:")[1]


def test_missing_settings_are_all_named_at_once(store):
    """Exit status 78 before anything is started or created."""
    for command in ("run", "poll"):
        done = command_line.run(command, env=command_line.environment(store))

        assert 78 == done.returncode
        for name in ("URL", "AUDIENCE", "CLIENT_ID", "PRIVATE_KEY"):
            assert f"LIGHTKEEPER_LIGHTHOUSE_{name}: missing" in done.stderr
    assert not store.exists()


def test_wrong_settings_are_all_named_and_no_secret_is_shown(env, store):
    """The key itself, right or wrong, is in no output (fault 14: it was printed)."""
    key = env["LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY"]
    broken = env | {
        "LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY": key.replace("PRIVATE", "PIRATE"),
        "LIGHTKEEPER_BATCH_SIZE": "many",
        "LIGHTKEEPER_STUCK_AFTER": "48",
        "LIGHTKEEPER_LIGHTHOUSE_URL": "ftp://lighthouse",
    }
    runs = [command_line.run(command, env=broken) for command in ("run", "poll", "check")]
    runs.append(command_line.run("check", env=env))

    assert [78, 78, 1, 0] == [done.returncode for done in runs]
    for done in runs[:3]:
        for name in ("BATCH_SIZE", "STUCK_AFTER", "LIGHTHOUSE_URL"):
            assert f"LIGHTKEEPER_{name}" in done.stdout + done.stderr
    secrets = [line for line in key.splitlines() if "-----" not in line]
    assert [] == [line for done in runs for line in secrets if line in done.stdout + done.stderr]
    assert not store.exists()


@pytest.mark.parametrize("command", ["run", "poll"])
def test_settings_with_which_no_signal_would_leave_are_refused(env, store, command):
    """Nothing is polled, and nothing marked as published, where Datadog would receive nothing."""
    silent = {"DD_DOGSTATSD_DISABLE": "true", "DD_TAGS": "team:x " * 1_000}

    done = command_line.run(command, env=env | silent)

    assert 78 == done.returncode
    assert "DD_DOGSTATSD_DISABLE: lightkeeper would publish nothing: unset it" in done.stderr
    assert "DD_TAGS: is 7,000 bytes long, and the Agent would drop each signal" in done.stderr
    assert not store.exists()


def test_a_misspelt_setting_is_warned_of_once(store):
    """A variable that is no setting is named on stderr, and the command runs."""
    assert 0 == command_line.run("track", *ONE, env=command_line.environment(store)).returncode

    done = command_line.run(
        "status", env=command_line.environment(store, LIGHTKEEPER_BATCHSIZE="5")
    )

    assert 0 == done.returncode
    assert (
        "lightkeeper: warning: no such setting: LIGHTKEEPER_BATCHSIZE "
        "(did you mean LIGHTKEEPER_BATCH_SIZE?)\n"
    ) == done.stderr


@pytest.mark.parametrize("command", [("status",), ("show", 5), ("show", "--submission", "s-1")])
def test_a_missing_store_is_an_error(store, command):
    """Exit status 66 instead of healthy zeros, and no store is made."""
    said = complaint(command_line.run(*command, env=command_line.environment(store)), 66)

    assert "no store here: point LIGHTKEEPER_DATABASE_URL" in said
    assert not store.exists()


def test_poll_creates_no_store(env, store):
    """`poll` on a wrong path ends with 66 and creates nothing."""
    assert "no store here" in complaint(command_line.run("poll", env=env), 66)
    assert not store.exists()


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("missing.csv", "No such file or directory"),
        ("", "Is a directory"),
        ("file/below", "Not a directory"),
        ("n" * 300, "File name too long"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, store, file, reason):
    """Exit status 66 with the system's own reason."""
    (tmp_path / "file").touch()

    done = command_line.run("track", tmp_path / file, env=command_line.environment(store))

    assert reason in complaint(done, 66)
    assert not store.exists()


def test_an_internal_error_is_a_line_with_its_place_and_a_status_of_its_own():
    """An unforeseen error ends with 70, never with the 1 of "the answer is no"."""
    code = """
import sys, click
from lightkeeper.commands import main as commands
commands.main.add_command(click.Command("mistaken", callback=lambda: 1 / 0))
sys.argv = ["lightkeeper", "mistaken"]
sys.exit(commands.run_command_line())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert (70, "") == (done.returncode, done.stdout)
    assert "internal error: ZeroDivisionError at <string>:4: please report it" in done.stderr
    assert 1 == len(done.stderr.splitlines())


def test_a_closed_standard_input_is_an_error(store):
    """`track -` without a standard input ends with 66."""
    done = command_line.run(
        "track", "-", env=command_line.environment(store), within='exec "$@" <&-'
    )

    assert "standard input is closed" in complaint(done, 66)


@pytest.mark.parametrize(
    ("content", "command", "status"),
    [
        (None, ("track", *ONE), 74),
        (b"This is no database, " * 500, ("track", *ONE), 76),
        (b"This is no database, " * 500, ("status",), 76),
        ("CREATE TABLE theirs (id INTEGER)", ("track", *ONE), 78),
        ("CREATE TABLE lightkeeper_schema AS SELECT 999 AS version", ("status",), 78),
    ],
    ids=["no folder", "rubbish, to track", "rubbish", "another's", "newer"],
)
def test_a_store_that_cannot_be_used_is_named(tmp_path, content, command, status):
    """No folder, rubbish, another program's tables, a newer version: one line, and which."""
    store = tmp_path / ("folder/x.db" if content is None else "x.db")
    if isinstance(content, bytes):
        store.write_bytes(content)
    elif content is not None:
        with closing(sqlite3.connect(store)) as theirs:
            theirs.execute(content)

    said = complaint(command_line.run(*command, env=command_line.environment(store)), status)

    assert str(store) in said


def test_one_document_is_tracked_by_options(store):
    """New, then known, then a conflict; the store has all that was said of it."""
    env = command_line.environment(store)
    more = ("--attachment-id", "a-7", "--tracked-at", "2026-01-02T03:04:05Z")

    first = command_line.run("track", *ONE, *more, env=env)
    again = command_line.run("track", *ONE, env=env)
    conflict = command_line.run("track", *ONE[:2], "--submission-id", "s-2", *ONE[4:], env=env)

    assert (0, "request id 5: tracked\n") == (first.returncode, first.stdout)
    assert (0, "request id 5: known already\n") == (again.returncode, again.stdout)
    assert (
        "request id 5 is tracked already for another submission or document type: "
        "look at `lightkeeper show 5`, and run `lightkeeper correct 5` if it is wrong"
    ) == complaint(conflict, 65)
    shown = json.loads(command_line.run("show", 5, "--json", env=env).stdout)
    assert "2026-01-02T03:04:05Z" == shown["tracked_at"]
    assert {"a-7", "s-1", "form_0781"} <= set(map(str, shown.values()))
    assert 0o600 == store.stat().st_mode & 0o777


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("--request-id", "abc"), "lighthouse_request_id must be the whole number"),
        (("--submission-id", "Jane Doe.pdf"), "form_526_submission_id must be"),
        (("--submission-id", b"\xff"), "form_526_submission_id must be"),
        (("--document-type", "veteran_upload"), "form_attachment_id is missing"),
        (("--tracked-at", "yesterday"), "tracked_at must be a time"),
        (("--tracked-at", "2999-01-01"), "tracked_at is in the future"),
    ],
)
def test_a_wrong_document_is_rejected(store, change, reason):
    """Exit status 65 and the field that is wrong; nothing is stored."""
    change = [part if isinstance(part, str) else os.fsdecode(part) for part in change]

    done = command_line.run("track", *ONE, *change, env=command_line.environment(store))

    assert reason in complaint(done, 65)
    assert not store.exists()


JSON_LINES = "".join(
    json.dumps(dict(zip(FIELDS, row, strict=False))) + "\n"
    for row in [
        (11, "s-1", "form_0781"),
        ("12", "s-1", "veteran_upload", "a-1", 1_700_000_000),
        (13, "s-1", "veteran_upload"),
        (11, "s-1", "form_0781"),
        (11, "s-9", "form_0781"),
    ]
)
CSV = f"""{",".join(FIELDS)}
11,s-1,form_0781,,
12,s-1,veteran_upload,a-1,1700000000
13,s-1,veteran_upload,,
11,s-1,form_0781,,
11,s-9,form_0781,,
"""


@pytest.mark.parametrize(("text", "first_line"), [(JSON_LINES, 1), (CSV, 2)], ids=["json", "csv"])
@pytest.mark.parametrize("source", ["FILE", "-"])
def test_many_documents_are_tracked_from_a_file_or_a_pipe(
    tmp_path, store, text, first_line, source
):
    """Good lines are stored, wrong ones named by number; a second run stores nothing twice."""
    env = command_line.environment(store)
    (tmp_path / "FILE").write_text(text)
    more = {"input": text} if source == "-" else {"cwd": tmp_path}

    first = command_line.run("track", source, env=env, **more)
    second = command_line.run("track", source, env=env, **more)

    assert [65, 65] == [first.returncode, second.returncode]
    assert "2 tracked, 1 known already, 2 rejected\n" == first.stdout
    assert "0 tracked, 3 known already, 2 rejected\n" == second.stdout
    rejections = sorted(first.stderr.splitlines())
    assert rejections[0].startswith(f"line {first_line + 2}: form_attachment_id is missing")
    assert rejections[1].startswith(f"line {first_line + 4}: request id 11 is tracked already")
    assert 2 == _status(env)["tracked"]


def test_a_file_without_a_wrong_line_is_a_success(store):
    """Exit status 0 where no line was rejected, also for a file without a document."""
    env = command_line.environment(store)
    done = command_line.run("track", "-", env=env, input=CSV.split("13,", maxsplit=1)[0])
    empty = command_line.run("track", "-", env=env, input="")

    assert (0, "2 tracked, 0 known already, 0 rejected\n") == (done.returncode, done.stdout)
    assert (0, "0 tracked, 0 known already, 0 rejected\n") == (empty.returncode, empty.stdout)


def test_on_a_terminal_a_bar_shows_how_far_it_is(store):
    """The bar goes to the terminal, the result to standard output."""
    lines = "".join(f"{number},s,form_0781\n" for number in range(1, 3_001))
    controller, terminal = pty.openpty()
    with open(controller, "rb", closefd=True) as screen:  # noqa: PTH123
        process = command_line.start(
            "track",
            "-",
            env=command_line.environment(store, TERM="xterm"),
            stdin=subprocess.PIPE,
            stderr=terminal,
        )
        output, _ = process.communicate(",".join(FIELDS[:3]) + "\n" + lines)
        os.close(terminal)
        shown = os.read(screen.fileno(), 65_536).decode()

    assert (0, "3000 tracked, 0 known already, 0 rejected\n") == (process.returncode, output)
    assert "tracked, 0 known, 0 rejected" in shown


@pytest.fixture
def polled(store, env, lighthouse):
    """A store after a poll: done, failed, pending and not found."""
    lighthouse.add(101, "instantly_done")
    lighthouse.add(102, "fails_bgs", time.time() - 60)
    lighthouse.add(103, "stuck_bgs", time.time() - 60)
    lighthouse.add(104, "fails_claims_evidence", time.time() - 60)
    _put(store, [101, 102, 103, 104, 105])
    done = command_line.run("poll", env=env)
    assert (0, "polled 5 documents\n", "") == (done.returncode, done.stdout, done.stderr)
    return env


def test_status_counts_documents(polled):
    """The sum is on top, then what needs attention, then type, status and step; also as JSON."""
    text = command_line.run("status", env=polled).stdout
    counts = _status(polled)

    assert (
        [
            "tracked 5 = pending 2 + done 1 + failed 2",
            "",
            "0 slow: 0 stuck, 0 of these overdue",
            "1 not found by Lighthouse",
            "2 failed, unacknowledged:",
            "  0 not in the eFolder",
            "  1 in the eFolder but not in BGS",
            "  1 perhaps in the eFolder",  # another form of its type may be another try of it
            "0 done, contradictory",
            "0 acknowledged, not settled yet",
            "0 expected, not tracked",
            "0 transitions not yet published to Datadog",
            "",
            "document type     status   step                      documents",
        ]
        == text.splitlines()[:14]
    )
    assert ["tracked", "pending", "done", "failed"] == list(counts)[:4]
    assert [5, 2, 1, 2] == list(counts.values())[:4]
    for key in ("slow", "stuck", "overdue", "unpublished"):
        assert 0 == counts[key]
    assert 1 == counts["not_found"]
    assert {
        "form_0781": {
            "pending": {"none": 1, "BENEFITS_GATEWAY_SERVICE": 1},
            "done": {"complete": 1},
            "failed": {"CLAIMS_EVIDENCE": 1, "BENEFITS_GATEWAY_SERVICE": 1},
        }
    } == counts["documents"]


def test_status_says_when_a_document_was_last_tracked_and_last_ended_well(polled, tmp_path):
    """Last of all, as how long ago and as a time; never, where none was or did."""
    text = command_line.run("status", env=polled).stdout
    counts = _status(polled)
    empty = command_line.environment(tmp_path / "empty.db")
    command_line.run("track", "-", env=empty, input="request_id,submission_id,document_type\n")

    tracked, ended_well = text.splitlines()[-2:]
    assert re.fullmatch(r"last tracked: [\d min]+ s ago \(20\d\d-.*Z\)", tracked)
    assert re.fullmatch(r"last ended well: [\d min]+ s ago \(20\d\d-.*Z\)", ended_well)
    assert counts["last_tracked_at"] in tracked
    assert counts["last_ended_well_at"] in ended_well
    assert 0 <= counts["last_ended_well_ago_s"] <= counts["last_tracked_ago_s"] < 600
    assert ["last tracked: never", "last ended well: never"] == command_line.run(
        "status", env=empty
    ).stdout.splitlines()[-2:]
    assert (None, None) == tuple(
        _status(empty)[f"last_{what}_at"] for what in ("tracked", "ended_well")
    )


def test_show_gives_the_history_of_a_document(polled):
    """It names the document, why it failed, and each transition; the JSON has the last answer."""
    text = command_line.run("show", 102, env=polled).stdout
    data = json.loads(command_line.run("show", 102, "--json", env=polled).stdout)

    assert text.startswith(
        "request id 102  form_0781  failed at BENEFITS_GATEWAY_SERVICE\n  submission s-1\n"
    )
    assert "reason: Workflow maximum step attempts exceeded" in text
    assert "in the eFolder since: 20" in text
    assert "failed; CLAIMS_EVIDENCE SUCCESS, BENEFITS_GATEWAY_SERVICE FAILED" in text
    assert "not published yet" not in text
    assert ("failed", "BENEFITS_GATEWAY_SERVICE") == (
        data["lighthouse_status"],
        data["failed_step"],
    )
    assert 102 == data["last_answer"]["requestId"]
    assert ["failed"] == [change["outcome"] for change in data["history"]]


def test_show_ends_a_submission_with_the_wording_for_the_veteran(polled):
    """It lists every document of the submission, and ends with what the veteran may read.

    Forms of one type without an attachment id may be one: staff look before the veteran is asked.
    What Lighthouse does not know at first is still being added.
    """
    lines = command_line.run("show", "--submission", "s-1", env=polled).stdout.splitlines()
    data = json.loads(command_line.run("show", "--submission", "s-1", "--json", env=polled).stdout)

    said = data["veteran_wording"].splitlines()
    assert ["for the veteran:", *(f"  {line}" for line in said)] == lines[-1 - len(said) :]
    assert said[0].startswith("VA staff are checking what happened to 1 of your 5")
    assert [1] * 5 == [line["documents"] for line in data["veteran"]]
    assert 5 == sum(line.startswith("request id ") for line in lines)
    assert [101, 102, 103, 104, 105] == [row["lighthouse_request_id"] for row in data["documents"]]


@pytest.mark.parametrize("what", [(106,), ("--submission", "s-2"), ("--submission", b"\xff")])
def test_show_of_what_is_not_tracked_is_a_no(store, what):
    """Exit status 1, and the store that was searched."""
    env = command_line.environment(store)
    _put(store, [1])
    what = [part if not isinstance(part, bytes) else os.fsdecode(part) for part in what]

    assert f"is not tracked here ({store}): check the id" in complaint(
        command_line.run("show", *what, env=env), 1
    )


def test_poll_succeeds_when_all_were_polled_whatever_the_answers(store, env, lighthouse):
    """Malformed, unknown and failed answers: exit status 0, and a later poll."""
    ids = _tracked(store, lighthouse, 30)
    lighthouse.answer(ids[3], {"requestId": ids[3]})
    lighthouse.omit(ids[4])
    lighthouse.poison(ids[5])
    _put(store, [1])
    lighthouse.fail_next(1, 500)

    done = command_line.run("poll", env=env)

    assert (0, "polled 31 documents\n") == (done.returncode, done.stdout)
    # One more where the one in neither list happened to be polled alone.
    assert _status(env)["done"] in {27, 28}
    assert (0, "polled 0 documents\n") == (
        (again := command_line.run("poll", env=env)).returncode,
        again.stdout,
    )


def test_poll_without_an_agent_warns_and_publishes_later(store, env, lighthouse, agent):
    """Exit status 0; the transitions stay unpublished, and the next poll publishes them."""
    _tracked(store, lighthouse, 20)
    agent.stop()

    done = command_line.run("poll", env=env)
    unpublished = _status(env)["unpublished"]
    agent.start()
    again = command_line.run("poll", env=env)
    agent.drain()

    assert (0, "polled 20 documents\n") == (done.returncode, done.stdout)
    assert f"warning: Datadog Agent unreachable at {agent.url}: start it, or set" in done.stderr
    assert 20 == unpublished
    assert (0, "") == (again.returncode, again.stderr)
    assert 0 == _status(env)["unpublished"]
    assert 20 == agent.count("lightkeeper.documents.outcomes")


def test_a_second_daemon_is_refused(store, env, lighthouse):
    """`run` and `poll` beside a `run` end at once with status 73; `status` and `track` do not."""
    _tracked(store, lighthouse, 1)
    with command_line.running("run", env=env) as watching:
        command_line.until(lambda: _status(env)["done"])
        refused = [command_line.run(command, env=env) for command in ("run", "poll")]
        tracked = command_line.run("track", *ONE, env=env)
        watching.send_signal(signal.SIGTERM)
        watching.communicate()

    for done in refused:
        assert f"{store} is already polled by another" in complaint(done, 73)
    assert 0 == tracked.returncode
    assert 0 == watching.returncode


@pytest.mark.parametrize("command", [("poll",), ("track", *ONE)])
def test_a_store_that_refuses_writes_is_named(store, env, lighthouse, command):
    """Exit status 74, with the reason and what to do."""
    _tracked(store, lighthouse, 1)
    with closing(sqlite3.connect(store)) as other:
        for verb in ("INSERT", "UPDATE"):
            other.execute(
                f"CREATE TRIGGER no_{verb} BEFORE {verb} ON form_526_document_submissions "
                "BEGIN SELECT RAISE(ABORT, 'attempt to write a readonly database'); END"
            )

    said = complaint(command_line.run(*command, env=env), 74)

    assert said.startswith(f"{store}: attempt to write a readonly database (let the user ")


def test_a_closed_pipe_is_no_error(store):
    """`lightkeeper status | true` prints nothing on the terminal."""
    _put(store, [1])
    command = [*command_line.COMMAND, "status"]
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as output:  # noqa: PTH123
        done = subprocess.run(
            command,
            env=command_line.environment(store),
            stdout=output,
            stderr=subprocess.PIPE,
            check=False,
        )

    assert b"" == done.stderr


@pytest.mark.speed
@pytest.mark.xdist_group("outages")  # they run together
@pytest.mark.parametrize("outage", OUTAGES)
def test_poll_gives_up_soon_when_lighthouse(outages, outage):
    """Exit status 75 within 30 s at any backlog; no document is lost or blamed."""
    done, seconds, store = outages[outage].result()

    assert 75 == done.returncode
    assert at_most(LATEST_OUTAGE_SECONDS) > seconds
    assert "polled 0 documents\n" == done.stdout
    assert "lightkeeper: not every document was polled: gave up after" in done.stderr
    with closing(sqlite3.connect(store)) as reading:
        counts = reading.execute(
            "SELECT COUNT(*), SUM(lighthouse_status = 'pending'), SUM(trouble_count) "
            "FROM form_526_document_submissions"
        ).fetchone()
    assert (2_000, 2_000, 0) == counts
