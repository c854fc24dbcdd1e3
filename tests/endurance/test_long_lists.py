"""`lightkeeper list` over 100,000 documents, as a process, on both engines."""

import subprocess
import sys
from contextlib import closing

import command_line
import pytest
from store_rows import NOW, new

from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents

COUNT = 100_000
MOST_KB = 8_000
# The peak of a process includes that of the one it was forked from: a small one is in between.
MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.fixture
def listable(database_url):
    """The environment of a command whose store has so many documents."""
    with closing(open_database(database_url, create=True)) as database:
        documents = Documents(database)
        for at in range(0, COUNT, 5_000):
            some = range(at, at + 5_000)
            documents.add([new(n, submission_id=f"s-{n}") for n in some], NOW)
    return command_line.environment(LIGHTKEEPER_DATABASE_URL=database_url)


def test_memory_stays_the_same_for_a_hundred_thousand(listable):
    """A list of all takes no more memory than a list of one submission: 8 MB more at most."""
    for form in ("table", "csv", "json", "jsonl"):
        few = _peak_kb(listable, "--format", form, "--submission", "s-7")
        many = _peak_kb(listable, "--format", form)
        print(f"{form}: {few:,} kB for one submission, {many:,} kB for all")
        assert many - few < MOST_KB


def _peak_kb(env, *options):
    command = [*command_line.COMMAND, "list", *options]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *command],
        env=env,
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout)
