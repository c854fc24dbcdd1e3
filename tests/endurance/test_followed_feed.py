"""From vets-api's table to the feed, with processes that are killed, and with many writers."""

import http.client
import random
import socket
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import cycle

import command_line
import orjson
import patience
import psycopg
import pytest
import vets_api_table
from running_daemon import RunningDaemon
from store_rows import NOW, moved, new

from lightkeeper.casework.triage import Action, decide, note
from lightkeeper.domain.policy import USUAL
from lightkeeper.domain.time import HOUR
from lightkeeper.store.changes import Changes
from lightkeeper.store.database import open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.triage import TriageStore

KILLS, ROWS = 20, 600
STORIES = ("instantly_done", "success", "fails_claims_evidence", "fails_bgs", "stuck_bgs", "lost")
TYPES = ("veteran_upload", "form_0781", "form_0781a", "bdd_instructions")
WORDS = {"SUCCESS": "done", "FAILED": "failed", "IN_PROGRESS": "pending", "NOT_FOUND": "pending"}
INSERT = """
    INSERT INTO lighthouse526_document_uploads (form526_submission_id, form_attachment_id,
        lighthouse_document_request_id, aasm_state, document_type, created_at)
    VALUES (%s, %s, %s, 'pending', 'Veteran Upload', %s) RETURNING id
"""
TAKEN = """
    UPDATE lighthouse526_document_uploads SET lighthouse_document_request_id = %s WHERE id = %s
"""


class VetsApi(threading.Thread):
    """Hands documents to Lighthouse and writes them down; a third get their request id later."""

    def __init__(self, url, lighthouse):
        super().__init__(name="vets-api")
        self._url, self._lighthouse = url, lighthouse

    def run(self):
        """Write all rows within some seconds, four of a submission."""
        late = []
        with psycopg.connect(self._url, autocommit=True) as connection:
            for number, story in zip(range(ROWS), cycle(STORIES), strict=False):
                request_id = str(self._lighthouse.add(story=story, accepted_at=time.time() - 5))
                at = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=4)
                given = request_id if number % 3 else None
                row = (number // 4, number % 4, given, at)
                ((row_id,),) = connection.execute(INSERT, row).fetchall()
                if given is None:
                    late.append((request_id, row_id))
                if len(late) > 20:
                    connection.execute(TAKEN, late.pop(0))
                time.sleep(0.03)
            for each in late:
                connection.execute(TAKEN, each)


class Reader(threading.Thread):
    """Follows the feed: what it keeps are the state of each document and a cursor.

    Now and then it dies between the two, and begins again with the cursor that it had.
    """

    def __init__(self, path, bearer):
        super().__init__(name="reader")
        self._path, self._headers = str(path), {"Authorization": f"Bearer {bearer}"}
        self._chance = random.Random(526)
        self.states, self.cursor, self.is_over = {}, None, False
        self.seen = self.failures = 0
        self.refused = None

    def run(self):
        """Read until told that it is over, over one connection as long as it lasts."""
        while not self.is_over and self.refused is None:
            try:
                with closing(http.client.HTTPConnection("lightkeeper")) as connection:
                    connection.sock = socket.socket(socket.AF_UNIX)
                    connection.sock.settimeout(patience.SECONDS)
                    connection.sock.connect(self._path)
                    while not self.is_over:
                        self._page(connection)
            except (OSError, http.client.HTTPException):
                self.failures += 1
                time.sleep(0.05)

    def _page(self, connection):
        after = f"&after={self.cursor}" if self.cursor else ""
        connection.request("GET", f"/v1/changes?limit=20&wait=2{after}", headers=self._headers)
        answer = connection.getresponse()
        page = orjson.loads(answer.read())
        if answer.status == 503:
            raise OSError
        if answer.status != 200:
            self.refused = page
            return
        for each in page["changes"]:
            request_id = each["lighthouse_request_id"]
            self.states[request_id] = (each["to_status"], each["to_step"])
            self.seen += 1
        if self._chance.random() < 0.9:
            self.cursor = page["cursor"]


def _stored(url):
    """Status and step of each document, and which of them ever changed."""
    with closing(open_database(url, create=False)) as database:
        rows = database.rows(
            "SELECT d.lighthouse_request_id, d.lighthouse_status, d.current_step, EXISTS "
            "(SELECT 1 FROM transitions AS t WHERE t.document_id = d.id) "
            "FROM form_526_document_submissions AS d"
        )
    return {request_id: (status, step) for request_id, status, step, _ in rows}, {
        request_id for request_id, *_, changed in rows if changed
    }


class Processes:
    """The follower, the daemon and the API, each by name."""

    def __init__(self, daemon, env, socket_path):
        self._daemon, self._env = daemon, env
        self._words = {
            "follower": ("follow", "vets-api"),
            "api": ("web", f"--listen=unix:{socket_path}"),
        }
        self._running = {}

    def start(self, name):
        """Start it; what it says is added to its log."""
        if name == "daemon":
            self._daemon.start()
            return
        with (self._daemon.folder / f"{name}.log").open("a") as log:
            self._running[name] = command_line.start(
                *self._words[name], env=self._env, stdout=log, stderr=log
            )

    def kill(self, name):
        """End it in the middle of whatever it does; it has to run."""
        process = self._daemon.process if name == "daemon" else self._running[name]
        assert process.poll() is None, f"{name} had ended by itself"
        process.kill()
        process.wait()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request, tmp_path, postgres_server):
    """The URL of a store to be; vets-api's database is another one."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'lightkeeper.db'}"
    else:
        with postgres_server.fresh_database() as url:
            yield url


def test_killed_at_random_the_feed_ends_with_the_state_of_the_store(
    tmp_path, postgres_url, store_url
):
    """Follower, daemon and API die twenty times: nothing is missing, and nothing is made up."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(vets_api_table.CREATE.format(kind="TIMESTAMP(6)"))
    open_database(store_url, create=True).close()
    with RunningDaemon(tmp_path) as daemon:
        tokens, path = tmp_path / "tokens", tmp_path / "web.sock"
        daemon.env |= {"LIGHTKEEPER_DATABASE_URL": store_url}
        env = daemon.env | {
            "LIGHTKEEPER_FOLLOW_SOURCE_URL": postgres_url,
            "LIGHTKEEPER_API_TOKENS_FILE": str(tokens),
        }
        made = command_line.run("token", "new", "reader", "--scope", "changes", env=env)
        processes = Processes(daemon, env, path)
        names = ("follower", "daemon", "api")
        for name in names:
            processes.start(name)
            if name != "daemon":
                daemon.at_end(processes.kill, name)
        reader = Reader(path, made.stdout.strip())
        vets_api = VetsApi(postgres_url, daemon.lighthouse)
        reader.start()
        vets_api.start()
        try:
            chance = random.Random(16)
            for kill in range(KILLS):
                time.sleep(0.2 + chance.random())
                victim = names[kill % 3] if kill < 9 else chance.choice(names)
                processes.kill(victim)
                processes.start(victim)
            vets_api.join()

            def is_settled():
                truth = {each: WORDS[word] for each, word in daemon.lighthouse.truth().items()}
                states, changed = _stored(store_url)
                arrived = {each: status for each, (status, _) in states.items()}
                return arrived == truth and len(changed) == ROWS

            command_line.until(is_settled)
            states, _ = _stored(store_url)
            command_line.until(lambda: reader.refused or states == reader.states)
        finally:
            reader.is_over = True
            reader.join()
            vets_api.join()

        assert reader.refused is None
        assert states == reader.states
        assert ROWS == len(states)
        assert reader.failures, "no kill was felt"
        assert reader.seen > ROWS


def test_many_writers_at_once_leave_nothing_out(postgres_url):
    """Each writes documents of a type of its own, and waits for nothing but the order of ids."""
    with closing(open_database(postgres_url, create=True)) as database:
        batch = [
            new(each, submission_id=f"s{each % 40}", document_type=TYPES[each // 100])
            for each in range(400)
        ]
        Documents(database).add(batch, NOW)
    is_over, failures = threading.Event(), []

    def writing(kind):
        with closing(open_database(postgres_url, create=False)) as database:
            turn = 0
            while not is_over.is_set() and not failures:
                try:
                    (_act if kind else _poll)(database, kind, turn)
                except BaseException as exc:  # noqa: BLE001  # the thread of the test raises it
                    failures.append(exc)
                turn += 1

    writers = [threading.Thread(target=writing, args=(kind,)) for kind in range(4)]
    for each in writers:
        each.start()
    seen = []
    with closing(open_database(postgres_url, create=False)) as database:
        changes = Changes(database)

        def read():
            page = changes.since(seen[-1] + 1 if seen else 0, 100)
            seen.extend(each.id for each in page)
            return page

        give_up_at = time.monotonic() + 10
        while time.monotonic() < give_up_at and not failures:
            read()
        is_over.set()
        for each in writers:
            each.join()
        while read():
            pass
        ((deadlocks,),) = database.rows(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        )
        stored = [each for (each,) in database.rows("SELECT id FROM transitions ORDER BY id")]

    assert [] == failures
    assert stored == seen
    assert len(seen) > 1_000
    assert 0 == deadlocks


def _poll(database, kind, turn):
    documents = Documents(database)
    due = [each for each in documents.due(NOW + HOUR, 400) if each.document_type == TYPES[kind]]
    documents.record(
        [moved(each, current_step=f"STEP_{turn % 3}", next_poll_at=NOW) for each in due], NOW
    )


def _act(database, kind, turn):
    action = (Action.CLOSE, Action.UNCLOSE)[turn % 2]
    store, may = TriageStore(database), decide(action, USUAL, NOW)
    some = store.by_request_ids(range(100 * kind, 100 * kind + 50)).values()
    store.carry_out([each.id for each in some], may, note(action, "staff", "why", NOW))
