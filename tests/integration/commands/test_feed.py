"""`lightkeeper track -` on an input that stays open, has no end, or is stopped."""

import resource
import signal
import sqlite3
import subprocess
import time
from contextlib import closing

import command_line
import pytest
from command_line import until
from patience import at_most

HEADER = "lighthouse_request_id,form_526_submission_id,document_type\n"
STORED_WITHIN_SECONDS = 2.0


def _csv(number):
    return f"{number},s-{number},form_0781\n"


def _json(number):
    return (
        f'{{"lighthouse_request_id": {number}, "form_526_submission_id": "s-{number}", '
        '"document_type": "form_0781"}\n'
    )


@pytest.fixture
def store(tmp_path):
    """The path of the store."""
    return tmp_path / "store.db"


def _ids(store):
    if not store.exists():
        return []
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as database:
        try:
            rows = database.execute(
                "SELECT lighthouse_request_id FROM form_526_document_submissions ORDER BY 1"
            ).fetchall()
        except sqlite3.OperationalError:  # the store is being made
            return []
    return [number for (number,) in rows]


def _feed(store, **more):
    env = command_line.environment(store)
    return command_line.running("track", "-", env=env, stdin=subprocess.PIPE, **more)


def _write(process, text):
    process.stdin.write(text)
    process.stdin.flush()


@pytest.mark.speed
def test_each_line_of_a_feed_is_stored_within_two_seconds(store):
    """Also where half of the next line is there already; the tally comes at the end."""
    with _feed(store) as process:
        for number in (1, 2, 3):
            _write(process, (_json(number) + _json(number + 1)[:20])[20 * (number > 1) :])
            written = time.monotonic()
            until(lambda expected=list(range(1, number + 1)): expected == _ids(store))
            if number > 1:  # the first time is the program's start
                assert time.monotonic() - written < at_most(STORED_WITHIN_SECONDS)
        out, _ = process.communicate(_json(4)[20:])

    assert (0, "4 tracked, 0 known already, 0 rejected\n") == (process.returncode, out)
    assert [1, 2, 3, 4] == _ids(store)


def test_a_feed_that_never_pauses_is_stored_every_second(store):
    """Good lines that are rare among wrong ones do not wait for a batch to be full."""
    with _feed(store, stderr=subprocess.DEVNULL) as process:
        _write(process, HEADER + _csv(7))
        until(lambda: [7] == _ids(store))
        noise = subprocess.Popen(["yes", "junk"], stdout=process.stdin)
        try:
            _write(process, "\n" + _csv(8))
            until(lambda: [7, 8] == _ids(store))
        finally:
            noise.kill()
            noise.wait()


STOPS = [
    pytest.param(signal.SIGTERM, 143, id="SIGTERM"),
    pytest.param(signal.SIGINT, 130, id="Ctrl-C"),
]


@pytest.mark.parametrize(("number", "status"), STOPS)
def test_a_feed_that_is_stopped_is_stored_as_far_as_it_was_read(store, number, status):
    """What was read is stored, but no half line, and the tally printed."""
    with _feed(store) as process:
        _write(process, HEADER + _csv(1) + _csv(2) + "3,s-3,form_0781")
        until(lambda: [1, 2] == _ids(store))
        process.send_signal(number)
        assert status == process.wait(command_line.patience.SECONDS)
        out, err = process.stdout.read(), process.stderr.read()

    assert "2 tracked, 0 known already, 0 rejected\n" == out
    assert (
        "lightkeeper: stopped before the end of the input: to track the rest, give it again" in err
    )
    assert [1, 2] == _ids(store)


def test_a_file_that_is_stopped_is_stored_as_far_as_it_was_read(store, tmp_path):
    """The tally counts exactly what is stored."""
    count = 20_000
    (tmp_path / "many.csv").write_text(HEADER + "".join(map(_csv, range(count))))
    env = command_line.environment(store)
    with command_line.running("track", tmp_path / "many.csv", env=env) as process:
        until(lambda: _ids(store))
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate()
    stored = len(_ids(store))

    assert (143, f"{stored} tracked, 0 known already, 0 rejected\n") == (process.returncode, out)
    assert 0 < stored < count


def _little_memory():
    resource.setrlimit(resource.RLIMIT_AS, (300_000_000, 300_000_000))


@pytest.mark.parametrize(
    ("command", "first", "last", "says"),
    [
        (("track",), HEADER, _csv(1), "1 tracked, 0 known already, 1 rejected"),
        (("recheck", "--file"), "5\n", "6\n", "2 polled next, 1 rejected"),
    ],
    ids=["documents", "request ids"],
)
def test_an_endless_line_costs_itself_in_constant_memory(
    store, tmp_path, command, first, last, says
):
    """200 MB without a line end are one rejected line; the lines around it are read."""
    env = command_line.environment(store)
    if command[0] == "recheck":
        command_line.run("track", "-", env=env, input=HEADER + _csv(5) + _csv(6))
    with (tmp_path / "long").open("w") as file:
        file.write(first)
        file.seek(200_000_000)
        file.write(f"\n{last}")

    done = command_line.run(*command, tmp_path / "long", env=env, preexec_fn=_little_memory)

    assert (65, f"{says}\n") == (done.returncode, done.stdout)
    assert 1 == done.stderr.count("\n")
    assert done.stderr.startswith("line 2: ")
    assert len(done.stderr) < 200


ONE = ("track", "--request-id", 5, "--submission-id", "s-1", "--document-type", "form_0781")


def test_without_a_setting_no_new_store_is_made(tmp_path):
    """A store that no daemon watches is not made; the message names the setting."""
    done = command_line.run(*ONE, env=command_line.environment(), cwd=tmp_path)

    assert "point LIGHTKEEPER_DATABASE_URL at it" in command_line.complaint(done, 66)
    assert [] == list(tmp_path.iterdir())


def test_without_a_setting_the_store_is_named(tmp_path):
    """Where the default store is there already, `track` says which it wrote to."""
    env = command_line.environment()
    named = env | {"LIGHTKEEPER_DATABASE_URL": "sqlite:///lightkeeper.db"}
    made = command_line.run(*ONE, env=named, cwd=tmp_path)
    again = command_line.run("track", "-", env=env, cwd=tmp_path, input=HEADER + _csv(1))

    assert (0, "") == (made.returncode, made.stderr)
    assert (0, 1) == (again.returncode, again.stderr.count("\n"))
    assert again.stderr.endswith(f"the store is {tmp_path / 'lightkeeper.db'}\n")
