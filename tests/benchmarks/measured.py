"""The processes that `make bench` measures, and those that serve them."""

import json
import os
import random
import socket
import sqlite3
import statistics
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import requests

FIRST_ID = 1_000_000
BATCH = 100
MIX = (
    ("instantly_done", 70),
    ("fails_claims_evidence", 10),
    ("stuck_claims_evidence", 18),
    ("lost", 2),
)
"""Of a hundred documents; as the peer was measured."""


def serve(folder: str, documents: str) -> None:
    """Lighthouse with that many documents, and a socket that takes all signals, until ended."""
    from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse

    stories = [story for story, share in MIX for _ in range(share)]
    draw = random.Random(526)
    agent = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    path = f"{folder}/dsd.socket"
    agent.bind(path)
    with SimulatedLighthouse(record_calls=False) as lighthouse, closing(agent):
        long_ago = time.time() - 3_600
        for request_id in range(FIRST_ID, FIRST_ID + int(documents)):
            lighthouse.add(request_id, draw.choice(stories), long_ago)
        environment = lighthouse.environment() | {"DD_DOGSTATSD_URL": f"unix://{path}"}
        print(json.dumps(environment), flush=True)
        while True:
            agent.recv(65_536)  # the real Agent's work is not the daemon's


def fill(database: str, pending: str, done: str) -> None:
    """A store with so many documents pending, due now, beside so many done."""
    from lightkeeper.domain.document import NewDocument
    from lightkeeper.store.database import open_database
    from lightkeeper.store.documents import Documents

    now = int(time.time() * 1000)
    kinds = ("form_0781", "form_0781a", "bdd_instructions")
    with closing(open_database(f"sqlite:///{database}", create=True)) as store:
        for at in range(0, int(pending), 10_000):
            batch = [
                NewDocument(FIRST_ID + n, f"s{n // 4}", kinds[n % 3], None, now - 60_000)
                for n in range(at, min(at + 10_000, int(pending)))
            ]
            Documents(store).add(batch, now)
    steps = '{"CLAIMS_EVIDENCE":"SUCCESS","BENEFITS_GATEWAY_SERVICE":"SUCCESS"}'
    with closing(sqlite3.connect(database)) as raw:
        raw.executemany(
            "INSERT INTO form_526_document_submissions (lighthouse_request_id,"
            " form_526_submission_id, document_type, tracked_at, created_at, lighthouse_status,"
            " condition, steps, current_step, trouble_count, last_answer)"
            f" VALUES (?, ?, 'form_0781', ?, ?, 'done', 'delivered', '{steps}', 'complete', 0, ?)",
            (
                (n, f"d{n // 4}", now, now, f'{{"requestId":{n},"status":"SUCCESS"}}' + " " * 300)
                for n in range(10**9, 10**9 + int(done))
            ),
        )
        place = ("form_0781", "done", "complete", "delivered", int(done), now)
        raw.execute("INSERT INTO tallies VALUES (?, ?, ?, ?, ?, ?)", place)
        # A running daemon counts them when they come, long before the pass that is measured.
        raw.execute(
            "INSERT INTO published_up_to"
            " SELECT 'tracked', MAX(id) FROM form_526_document_submissions"
        )
        raw.commit()
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def our_pass(database: str) -> None:
    """`lightkeeper poll` without its start-up."""
    from lightkeeper.service.stop import Stop

    with Stop().on_signals() as stop, closing(_watch(database)) as watch:
        began = _clocks()
        result = watch.run_once().run(stop)
        _print(began, result.polled)
        assert watch.emitter.reachable
        assert not result.incomplete


def quiet_pass(database: str) -> None:
    """The same polling with nothing published to Datadog."""
    with closing(_watch(database)) as watch:
        began = _clocks()
        _poll(watch)
        _print(began, watch.poller.take_counts().polled)


def publishing(database: str) -> None:
    """Publishing every transition that a pass left unpublished."""
    with closing(_watch(database)) as watch:
        _poll(watch)
        began = _clocks()
        published = 0
        while count := watch.publisher.publish():
            published += count
        _print(began, published)
        assert watch.emitter.reachable


def gauges(database: str) -> None:
    """One round of gauges: the median of 20, after one to warm up."""
    with closing(_watch(database)) as watch:
        watch.gauges.send()
        rounds = []
        for _ in range(20):
            began = _clocks()
            watch.gauges.send()
            rounds.append([now - then for now, then in zip(_clocks(), began, strict=True)])
    wall, cpu = (statistics.median(each) for each in zip(*rounds, strict=True))
    print(json.dumps({"wall": wall, "cpu": cpu, "peak_mb": _peak_mb()}))


def steady(database: str) -> None:
    """A minute of the daemon's loop, after 10 s to settle."""
    from lightkeeper.service.stop import Stop

    with Stop().on_signals() as stop, closing(_watch(database)) as watch:
        began: list[tuple[float, float]] = []
        settled = threading.Timer(10, lambda: began.append(_clocks()))
        ended = threading.Timer(70, stop.request)
        for timer in (settled, ended):
            timer.start()
        watch.loop().run(stop)
        _print(began[0], 0)


def _watch(database: str) -> Any:
    os.environ["LIGHTKEEPER_DATABASE_URL"] = f"sqlite:///{database}"
    from lightkeeper.commands.run import spare_what_is_loaded
    from lightkeeper.config.settings import Settings
    from lightkeeper.service.wiring import build_daemon
    from lightkeeper.telemetry import logging

    logging.configure()
    watch = build_daemon(Settings.load(lighthouse=True), create=False)
    spare_what_is_loaded()
    return watch


def _poll(watch: Any) -> None:
    from lightkeeper.polling.poller import State

    cutoff = watch.clock()
    while watch.poller.step(cutoff).state is not State.IDLE:
        pass


def bare_loop(database: str) -> None:
    """The least that could be called polling."""
    from lightkeeper.config.settings import Settings
    from lightkeeper.service.connections import build_tokens
    from lightkeeper.upstream.http import HTTPTransport

    settings = Settings.load(lighthouse=True)
    transport = HTTPTransport()
    tokens = build_tokens(settings, transport)
    transport.begin()
    headers = {"Authorization": f"Bearer {tokens.token()}"}
    url = f"{settings.lighthouse_url}/services/benefits-documents/v1/uploads/status"
    with closing(sqlite3.connect(database, isolation_level=None)) as store:
        store.execute("PRAGMA journal_mode = WAL")
        store.execute("PRAGMA synchronous = NORMAL")
        session = requests.Session()
        began = _clocks()
        polled = 0
        ids = [
            row[0]
            for row in store.execute(
                "SELECT lighthouse_request_id FROM form_526_document_submissions"
                " WHERE next_poll_at IS NOT NULL"
            )
        ]
        for at in range(0, len(ids), BATCH):
            batch = ids[at : at + BATCH]
            answer = session.post(url, json={"data": {"requestIds": batch}}, headers=headers)
            statuses = json.loads(answer.content)["data"]["statuses"]
            store.execute("BEGIN")
            store.executemany(
                "UPDATE form_526_document_submissions SET lighthouse_status = ?, last_answer = ?"
                " WHERE lighthouse_request_id = ?",
                [
                    (
                        {"SUCCESS": "done", "FAILED": "failed"}.get(entry["status"], "pending"),
                        json.dumps(entry),
                        entry["requestId"],
                    )
                    for entry in statuses
                ],
            )
            store.execute("COMMIT")
            polled += len(batch)
        _print(began, polled)
        session.close()
    transport.close()


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _print(began: tuple[float, float], polled: int) -> None:
    wall, cpu = (now - then for now, then in zip(_clocks(), began, strict=True))
    print(json.dumps({"wall": wall, "cpu": cpu, "polled": polled, "peak_mb": _peak_mb()}))


def _peak_mb() -> float:
    return next(
        int(line.split()[1]) / 1024
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    {
        "serve": serve,
        "fill": fill,
        "pass": our_pass,
        "quiet": quiet_pass,
        "bare": bare_loop,
        "publishing": publishing,
        "gauges": gauges,
        "steady": steady,
    }[what](*arguments)
