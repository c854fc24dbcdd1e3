"""200,000 rows of vets-api's table: written out of order, a follower killed, and compared."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

import command_line
import psycopg
import pytest
import vets_api_table
from peak_memory import peak_memory

COUNT = 200_000
WRITERS = 8
FILL = """
    INSERT INTO lighthouse526_document_uploads (form526_submission_id, form_attachment_id,
        lighthouse_document_request_id, aasm_state, document_type, created_at)
    SELECT n / 4, n, (3000000000 + n)::text, 'pending', 'Veteran Upload',
        now() AT TIME ZONE 'UTC' - (%s - n) * interval '1 millisecond'
    FROM generate_series(%s::bigint, %s::bigint) AS n
"""


@pytest.fixture
def source(postgres_url):
    """vets-api's database, its table empty."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(vets_api_table.CREATE.format(kind="TIMESTAMP(6)"))
    return postgres_url


@pytest.fixture(params=["sqlite", "postgresql"])
def env(request, tmp_path, postgres_server, source):
    """The environment of a follower, with a store on either engine."""
    found = command_line.environment(LIGHTKEEPER_FOLLOW_SOURCE_URL=source)
    if request.param == "sqlite":
        yield found | {"LIGHTKEEPER_DATABASE_URL": f"sqlite:///{tmp_path / 'store.db'}"}
        return
    with postgres_server.fresh_database() as url:
        yield found | {"LIGHTKEEPER_DATABASE_URL": url}


def write(url, first, draw):
    """Write every eighth part of the rows, each transaction open for up to two seconds."""
    last, step = COUNT, COUNT // WRITERS
    with psycopg.connect(url) as connection:
        for start in range(first * step + 1, (first + 1) * step + 1, 500):
            connection.execute(FILL, (last, start, start + 499))
            time.sleep(draw.uniform(0, 2))
            connection.commit()


def tracked(env):
    """How many documents are tracked."""
    said = command_line.run("list", "--format", "jsonl", env=env).stdout
    return sum(1 for _ in said.splitlines())


def test_every_row_is_tracked_although_writers_commit_out_of_order_and_the_follower_is_killed(
    source, env
):
    """Eight writers hold their transactions open; 200,000 rows; killed at random meanwhile."""
    draw = random.Random(526)
    kills = 0
    with ThreadPoolExecutor(WRITERS) as pool:
        writers = [pool.submit(write, source, n, random.Random(n)) for n in range(WRITERS)]
        while not all(writer.done() for writer in writers):
            with command_line.running("follow", "vets-api", env=env) as process:
                time.sleep(draw.uniform(0.5, 4))
                process.kill()
                kills += 1
    assert [None] * WRITERS == [writer.result() for writer in writers]

    assert 0 == command_line.run("follow", "vets-api", "--once", env=env).returncode
    assert kills >= 5
    assert COUNT == tracked(env)
    done = command_line.run("compare", "vets-api", env=env)
    assert f"{COUNT:,} compared, 0 disagree\n" == done.stdout


def test_two_hundred_thousand_rows_are_compared_within_a_minute_in_the_memory_of_few(source, env):
    """All of them disagree, so that all are listed; memory as of a fortieth of them."""

    def peak(count):
        with psycopg.connect(source, autocommit=True) as connection:
            connection.execute("TRUNCATE lighthouse526_document_uploads")
            connection.execute(FILL, (count, 1, count))
        status, kib = peak_memory("compare", "vets-api", env=env)
        assert 1 == status
        return kib

    command_line.run("follow", "vets-api", "--once", env=env)  # makes the store
    small = peak(5_000)
    began = time.monotonic()
    grown = peak(COUNT) - small
    took = time.monotonic() - began
    print(f"{COUNT} rows compared in {took:.1f} s, {small} KiB and {grown} KiB more")
    assert took < 60
    assert grown < 8_000  # KiB
