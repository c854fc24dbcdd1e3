"""`lightkeeper follow vets-api`: from a real PostgreSQL with vets-api's table, each row once."""

import json
import os
import random
import threading
import time
from datetime import UTC, datetime, timedelta

import command_line
import patience
import psycopg
import pytest
import vets_api_table

from lightkeeper.simulation.agent.server import SimulatedAgent

INSERT = """
    INSERT INTO lighthouse526_document_uploads (form526_submission_id, form_attachment_id,
        lighthouse_document_request_id, aasm_state, document_type, created_at)
    VALUES (%s, %s, %s, 'pending', %s, %s) RETURNING id
"""
PROMISED = bool(os.environ.get("TESTS_AS_PROMISED"))


def ago(**length):
    """So long ago, as Rails writes it."""
    return (datetime.now(UTC) - timedelta(**length)).replace(tzinfo=None)


@pytest.fixture(params=["TIMESTAMP(6)", "TIMESTAMPTZ"])
def source(request, postgres_url):
    """vets-api's database, empty, with either kind of column for times."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(vets_api_table.CREATE.format(kind=request.param))
        yield connection


@pytest.fixture
def env(tmp_path, postgres_url):
    """The environment of a command that follows it."""
    store = tmp_path / "store.db"
    return command_line.environment(store, LIGHTKEEPER_FOLLOW_SOURCE_URL=postgres_url)


def once(env, *more):
    """Take all that is there."""
    return command_line.run("follow", "vets-api", "--once", *more, env=env)


def tracked(env):
    """What is tracked, by request id."""
    said = command_line.run("list", "--format", "jsonl", env=env).stdout
    rows = map(json.loads, said.splitlines())
    return {row["lighthouse_request_id"]: row for row in rows}


def test_rows_are_tracked_once_and_those_without_a_request_id_when_it_comes(source, env):
    """Under our names of the types, accepted when they were created."""
    for row in (
        (4711, 77, "526001", "Veteran Upload", ago(hours=3)),
        (4711, None, "526002", "Form 0781", ago(hours=2)),
        (4712, None, None, "Form 0781a", ago(hours=1)),
        (4712, 78, None, "Veteran Upload", ago(minutes=50)),
        (4713, None, "526005", "BDD Instructions", ago(minutes=1)),
    ):
        source.execute(INSERT, row)

    assert (0, "3 tracked, 0 known already, 0 rejected, 2 without a request id\n") == (
        (done := once(env)).returncode,
        done.stdout,
    )
    rows = tracked(env)
    assert {526001, 526002, 526005} == rows.keys()
    first = rows[526001]
    assert ("4711", "77", "veteran_upload") == (
        first["form_526_submission_id"],
        first["form_attachment_id"],
        first["document_type"],
    )
    assert abs(datetime.fromisoformat(first["tracked_at"]) - ago(hours=3).replace(tzinfo=UTC)) < (
        timedelta(minutes=1)
    )

    source.execute(
        "UPDATE lighthouse526_document_uploads SET lighthouse_document_request_id = '526003'"
        " WHERE document_type = 'Form 0781a'"
    )
    source.execute(INSERT, (4712, 78, "526006", "Veteran Upload", ago(seconds=1)))
    # The upload of attachment 78 was made again under another row: the first waits no longer.
    assert "2 tracked, 1 known already, 0 rejected, 0 without a request id\n" == once(env).stdout
    assert {526001, 526002, 526003, 526005, 526006} == tracked(env).keys()
    audit = command_line.run("audit", "--format", "jsonl", env=env).stdout
    assert [
        ("follow vets-api", "tracked", "request ids 526001, 526002, 526005"),
        ("follow vets-api", "tracked", "request id 526006"),
        ("follow vets-api", "tracked", "request id 526003"),
    ] == [(row["who"], row["action"], row["what"]) for row in map(json.loads, audit.splitlines())]


def test_a_wrong_row_is_named_and_the_others_are_tracked(source, env):
    """Ids that no Lighthouse gives, types that there are not, and a request id that is taken."""
    wrong = (
        (1, 1, "abc", "Veteran Upload"),
        (1, 1, "1e5", "Veteran Upload"),
        (1, None, "526001", "Veteran Upload"),
        (1, None, "526002", "Form 4142"),
        (2, None, "526009", "Form 0781"),
        (3, None, "526009", "Form 0781"),
    )
    for number, row in enumerate(wrong):
        source.execute(INSERT, (*row, ago(hours=2, minutes=-number)))

    done = once(env)

    assert (65, "1 tracked, 0 known already, 5 rejected, 0 without a request id\n") == (
        done.returncode,
        done.stdout,
    )
    assert ["row 1", "row 2", "row 3", "row 4", "row 6"] == [
        line.removeprefix("lightkeeper: ").partition(":")[0] for line in done.stderr.splitlines()
    ]
    assert {526009} == tracked(env).keys()


@pytest.mark.parametrize("source", ["TIMESTAMP(6)"], indirect=True)
def test_a_wrong_row_is_listed_with_why_until_it_is_right_or_settled(source, env):
    """However long ago it was created: it is looked at again, and tracked once it is right."""

    def listed():
        rows = json.loads(command_line.run("follow", "list", "--json", env=env).stdout)
        return [(row["row_id"], bool(row["reason"]), bool(row["settled_at"])) for row in rows]

    for row in (
        (1, 7, "oops", "Veteran Upload", ago(days=3)),
        (2, 8, "526002", "Form 4142", ago(days=2)),
        (2, 9, "", "Veteran Upload", ago(days=1)),
        (3, None, "526004", "Form 0781", ago(seconds=5)),
    ):
        source.execute(INSERT, row)
    assert (65, "1 tracked, 0 known already, 2 rejected, 1 without a request id\n") == (
        (done := once(env)).returncode,
        done.stdout,
    )
    *table, _ = command_line.run("follow", "list", env=env).stdout.splitlines()
    assert ["rejected:", "rejected:", "without"] == [line.split()[2] for line in table[1:]]
    assert [(1, True, False), (2, True, False), (3, False, False)] == listed()

    assert 0 == command_line.run("follow", "settle", "1", "--why", "by mail", env=env).returncode
    source.execute(
        "UPDATE lighthouse526_document_uploads SET document_type = 'Veteran Upload' WHERE id = 2"
    )
    source.execute(INSERT, (2, 9, "", "Veteran Upload", ago(hours=1)))
    source.execute(INSERT, (2, 9, "526006", "Veteran Upload", ago(seconds=1)))
    # An empty request id hands nothing over; then another row does.
    assert "2 tracked, 1 known already, 1 rejected, 0 without" in once(env).stdout
    assert [(1, True, True)] == listed()
    assert {526002, 526004, 526006} == tracked(env).keys()


@pytest.mark.parametrize("source", ["TIMESTAMP(6)"], indirect=True)
def test_a_row_that_is_committed_days_late_is_found_within_an_hour(source, env, tmp_path):
    """By the comparison, from the time on that is followed; what is older stays out."""
    source.execute(INSERT, (1, None, "526001", "Form 0781", ago(minutes=1)))
    once(env, "--since", "7d")
    source.execute(INSERT, (2, None, "526002", "Form 0781", ago(days=5)))
    source.execute(INSERT, (3, None, "526003", "Form 0781", ago(days=9)))
    assert once(env).stdout.startswith("0 tracked, 1 known already")
    with (
        SimulatedAgent(port=None, socket_path=tmp_path / "dsd.socket") as agent,
        (tmp_path / "log").open("w") as log,
        command_line.running(
            "follow",
            "vets-api",
            env=env | {"DD_DOGSTATSD_URL": agent.url},
            stdout=log,
            stderr=log,
        ),
    ):
        command_line.until(lambda: 526002 in tracked(env))
        agent.assert_clean()
        assert 1 == agent.gauge("lightkeeper.compare.disagreements", disagreement="not_tracked")
    assert {526001, 526002} == tracked(env).keys()


def test_only_what_is_new_enough_is_taken_where_that_is_wanted(source, env):
    """`--since` spares a first start the years before."""
    source.execute(INSERT, (1, None, "526001", "Form 0781", ago(days=30)))
    source.execute(INSERT, (1, None, "526002", "Form 0781a", ago(days=2)))

    assert once(env, "--since", "7d").stdout.startswith("1 tracked, ")
    assert {526002} == tracked(env).keys()


def test_a_row_of_a_clock_that_runs_ahead_hides_no_other(source, env):
    """It is rejected until its time has come, and what is created meanwhile is taken."""
    source.execute(INSERT, (1, None, "526001", "Form 0781", ago(hours=-2)))
    assert "1 rejected" in once(env).stdout
    source.execute(INSERT, (1, None, "526002", "Form 0781a", ago(minutes=1)))

    assert once(env).stdout.startswith("1 tracked, ")


def test_rows_of_one_microsecond_are_all_taken(source, env):
    """More of them than are read at once."""
    at = ago(hours=1)
    source.execute(
        "INSERT INTO lighthouse526_document_uploads (form526_submission_id,"
        " lighthouse_document_request_id, document_type, created_at)"
        " SELECT n, (526000 + n)::text, 'Form 0781', %s FROM generate_series(1, 12000) AS n",
        (at,),
    )

    assert once(env).stdout.startswith("12000 tracked, 0 known already, ")


def test_a_row_that_is_committed_after_a_newer_one_is_found(source, env, postgres_url):
    """As long as it is committed within the overlap, a setting."""
    with psycopg.connect(postgres_url) as late:
        late.execute(INSERT, (1, None, "526001", "Form 0781", ago(minutes=14)))
        source.execute(INSERT, (1, None, "526002", "Form 0781a", ago(seconds=1)))
        assert once(env).stdout.startswith("1 tracked, ")
        late.commit()

    none = once(env | {"LIGHTKEEPER_FOLLOW_OVERLAP": "1m"}).stdout
    assert none.startswith("0 tracked, ")
    assert once(env).stdout.startswith("1 tracked, ")
    assert {526001, 526002} == tracked(env).keys()


@pytest.mark.parametrize("source", ["TIMESTAMP(6)"], indirect=True)
def test_what_is_committed_late_and_out_of_order_is_found_by_a_follower_that_is_killed(
    source, env, postgres_url
):
    """Writers hold their transactions open; the follower is killed again and again."""
    draw = random.Random(526)
    written = 0
    lock = threading.Lock()

    def write(first):
        nonlocal written
        with psycopg.connect(postgres_url) as connection:
            for number in range(first, first + 40):
                row = (number, None, str(526_000 + number), "Form 0781", ago(seconds=0))
                connection.execute(INSERT, row)
                time.sleep(draw.uniform(0, 0.1))
                if draw.random() < 0.3:
                    connection.commit()
        with lock:
            written += 40

    writers = [threading.Thread(target=write, args=(1_000 * n,)) for n in range(1, 5)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        with command_line.running("follow", "vets-api", env=env) as process:
            time.sleep(draw.uniform(0.2, 1))
            process.kill()
    for writer in writers:
        writer.join()

    once(env)
    assert 160 == written
    ids = {1_000 * n + m for n in range(1, 5) for m in range(40)}
    assert {526_000 + number for number in ids} == tracked(env).keys()


@pytest.mark.parametrize("source", ["TIMESTAMP(6)"], indirect=True)
def test_it_goes_on_once_the_source_is_back_and_ends_with_a_signal(source, env, tmp_path):
    """It says once that the database cannot be read, and once that it can again."""
    source.execute("ALTER TABLE lighthouse526_document_uploads RENAME TO moved")
    log = tmp_path / "log"
    with (
        log.open("w") as out,
        command_line.running(
            "follow", "vets-api", env=env, prepared=False, stdout=out, stderr=out
        ) as process,
    ):
        command_line.until(lambda: "follow.source.unavailable" in log.read_text())
        source.execute("ALTER TABLE moved RENAME TO lighthouse526_document_uploads")
        source.execute(INSERT, (1, None, "526001", "Form 0781", ago(minutes=1)))
        command_line.until(
            lambda: "follow.source.available" in log.read_text(), patience.SECONDS + 60
        )
        process.terminate()
        assert 0 == process.wait()

    lines = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    said = ["follow.source.unavailable", "follow.tracked", "follow.source.available"]
    assert said == [line for line in lines if line in said]


@pytest.mark.parametrize("source", ["TIMESTAMP(6)"], indirect=True)
def test_rows_without_a_request_id_are_listed_and_settled(source, env):
    """The oldest first, without vets-api's database; a settled one is tracked if its id comes."""

    def listed():
        rows = json.loads(command_line.run("follow", "list", "--json", env=env).stdout)
        return [(row["row_id"], row["settled_at"] is not None) for row in rows]

    for number, hours in ((1, 1), (2, 3), (3, 2)):
        source.execute(INSERT, (number, None, None, "Form 0781", ago(hours=hours)))
    once(env)
    env["LIGHTKEEPER_FOLLOW_SOURCE_URL"] = "postgresql://127.0.0.1:1/gone"
    assert [(2, False), (3, False), (1, False)] == listed()

    done = command_line.run("follow", "settle", "3", "7", "--why", "by mail", env=env)
    assert (65, "row 3 is settled\n") == (done.returncode, done.stdout)
    assert "row 7 is none that cannot be tracked" in done.stderr
    assert [(2, False), (3, True), (1, False)] == listed()
    *_, waiting, state = command_line.run("follow", "list", env=env).stdout.splitlines()
    assert waiting.split()[0] == "1"
    assert waiting.endswith(" without a request id")
    assert "vets-api's table: not followed" == state  # taken once is not followed


@pytest.mark.parametrize("source", ["TIMESTAMP(6)"], indirect=True)
def test_when_all_was_taken_last_is_known_until_nobody_follows_it(source, env):
    """From the start on where it could not be taken yet; what is taken once changes nothing."""

    def taken():
        *_, state = command_line.run("follow", "list", env=env).stdout.splitlines()
        return state.removeprefix("vets-api's table: ")

    def run_until(holds):
        with command_line.running("follow", "vets-api", env=env) as process:
            command_line.until(holds)
            process.kill()

    source.execute("ALTER TABLE lighthouse526_document_uploads RENAME TO moved")
    once(env)  # makes the store
    run_until(lambda: taken() != "not followed")
    began = taken()
    source.execute("ALTER TABLE moved RENAME TO lighthouse526_document_uploads")
    run_until(lambda: taken() != began)

    assert "vets-api is no longer followed\n" == command_line.run("follow", "end", env=env).stdout
    assert "not followed" == taken()
    assert "vets-api was not followed\n" == command_line.run("follow", "end", env=env).stdout
    once(env)
    assert "not followed" == taken()


def test_a_role_that_may_only_read_is_enough(source, env, postgres_url):
    """And where it may write, the session may not."""
    role = f"reader_{os.getpid()}"
    source.execute(f"CREATE ROLE {role} LOGIN")
    source.execute(INSERT, (1, None, "526001", "Form 0781", ago(minutes=1)))
    url = postgres_url.rpartition("user=")[0] + f"user={role}"
    mine = env | {"LIGHTKEEPER_FOLLOW_SOURCE_URL": url}
    try:
        refused = command_line.complaint(once(mine), 75)
        assert "permission denied" in refused
        assert "grant its role SELECT on the table" in refused
        source.execute(f"GRANT SELECT ON lighthouse526_document_uploads TO {role}")
        assert once(mine).stdout.startswith("1 tracked, ")
    finally:
        source.execute(f"REVOKE ALL ON lighthouse526_document_uploads FROM {role}")
        source.execute(f"DROP ROLE {role}")


@pytest.mark.parametrize(
    ("url", "status", "says"),
    [
        (None, 2, "name vets-api's database: set LIGHTKEEPER_FOLLOW_SOURCE_URL"),
        ("sqlite:///a.db", 78, "must be postgresql://user@host/name"),
        ("postgresql://me:hush@127.0.0.1:1/x", 75, "vets-api's PostgreSQL database x: "),
        ("postgresql://me:hu@sh@127.0.0.1/x", 78, "LIGHTKEEPER_FOLLOW_SOURCE_URL is not"),
    ],
)
def test_a_wrong_address_is_said_without_its_password(env, url, status, says):
    """One message that names the setting; nothing is tracked."""
    given = {**env, "LIGHTKEEPER_FOLLOW_SOURCE_URL": url or ""}
    done = once(given)

    assert status == done.returncode, done.stderr
    assert says in done.stderr
    assert "hush" not in done.stderr
    assert "hu@sh" not in done.stderr


def test_a_database_without_the_table_is_named_as_that(env, postgres_url):
    """The table's name is in the message, and what to look at."""
    said = command_line.complaint(once(env), 75)

    assert "lighthouse526_document_uploads" in said
    assert "it names a database without vets-api's table" in said


@pytest.mark.speed
@pytest.mark.parametrize("source", ["TIMESTAMP(6)"], indirect=True)
def test_it_catches_up_two_hundred_thousand_rows_within_a_minute(source, env):
    """A tenth of them where the limit is ten times as wide."""
    count = 200_000 if PROMISED else 20_000
    source.execute(
        "INSERT INTO lighthouse526_document_uploads (form526_submission_id, form_attachment_id,"
        " lighthouse_document_request_id, document_type, created_at)"
        " SELECT n / 4, n, (1000000 + n)::text, 'Veteran Upload',"
        " now() AT TIME ZONE 'UTC' - n * interval '1 second'"
        " FROM generate_series(1, %s) AS n",
        (count,),
    )

    began = time.monotonic()
    assert once(env).stdout.startswith(f"{count} tracked, ")
    assert time.monotonic() - began < 60
