"""Hostile answers by the thousand, through the daemon's own parts into a real store.

Only the network is left out. What may come of an answer is judged by `Evidence`, which shares no
code with the daemon.
"""

import io
import json
import random
import sys
from contextlib import ExitStack

import harmful_answers
import orjson
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from manual_clock import ManualClock
from pydantic import SecretStr
from store_rows import counted, tallied

from lightkeeper.config.settings import Settings
from lightkeeper.domain.document import NewDocument
from lightkeeper.domain.time import HOUR
from lightkeeper.polling.poller import Poller
from lightkeeper.service.wiring import build_daemon
from lightkeeper.simulation.agent.server import SimulatedAgent
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.store.outbox import Outbox
from lightkeeper.store.wanted import WantedPolls
from lightkeeper.telemetry import logging as logs
from lightkeeper.telemetry.dogstatsd import Emitter
from lightkeeper.telemetry.health import Health
from lightkeeper.telemetry.publisher import Publisher
from lightkeeper.upstream.http import Response, Transport

BODIES_AN_EXAMPLE = 20
IDS = harmful_answers.IDS
STATUSES = (200,) * 20 + (404, 404, 400, 401, 403, 413, 429, 500, 503, 302, 204)
_TABLES = (
    "form_526_document_submissions",
    "transitions",
    "tallies",
    "event_digests",
    "open_words",
    "published_up_to",
)

# Strategies: everything a field may hold, mostly what it should.
_marked = st.sampled_from(harmful_answers.MARKS).map(lambda mark: f"no {mark} here")
_junk = st.sampled_from(
    (
        None,
        True,
        0,
        -1,
        2**70,
        1.5,
        "",
        " ",
        "\x00",
        "\u202e",
        [],
        {},
        [[]],
        {"a": None},
        "x" * 999,
    )
)
_word = st.sampled_from(
    ("SUCCESS",) * 4
    + ("FAILED",) * 4
    + ("IN_PROGRESS",) * 3
    + ("NOT_STARTED", "PAUSED", "success", " SUCCESS ", "SUCCESS\x00", *harmful_answers.MARKS)
)
_name = st.sampled_from(
    ("CLAIMS_EVIDENCE", "BENEFITS_GATEWAY_SERVICE", "REMOVE_FILE_BINARY") * 4
    + ("VIRUS_SCAN", "claims_evidence", *harmful_answers.MARKS)
)
_id = st.sampled_from(IDS * 3 + tuple(map(str, IDS)) + (float(IDS[0]), f" {IDS[1]}", f"0{IDS[2]}"))
_instant = st.sampled_from((1_700_000_000, 1_700_000_000_000, 0, -5, 10**20, 1.5, "1700000000"))
_step = st.fixed_dictionaries(
    {}, optional={"name": _name | _junk, "status": _word | _junk, "description": _marked}
)
_entry = st.fixed_dictionaries(
    {"requestId": _id, "status": st.one_of(*[_word] * 9, _junk)},
    optional={
        "steps": st.lists(_step, max_size=4) | _junk,
        "error": st.fixed_dictionaries({}, optional={"step": _name | _junk, "detail": _marked})
        | _junk,
        "time": st.fixed_dictionaries({}, optional={"startTime": _instant, "endTime": _instant})
        | _junk,
        "fileName": _marked,
    },
)
_data = st.fixed_dictionaries(
    {"statuses": st.lists(st.one_of(*[_entry] * 9, _junk), min_size=1, max_size=6)},
    optional={"requestIdsNotFound": st.lists(_id | _junk, max_size=4) | _junk},
)
_error = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("detail", "title", "instance", "diagnostics"), _marked | _junk)
)
BODIES = st.fixed_dictionaries(
    {"data": st.one_of(*[_data] * 8, _entry, _junk)},
    optional={"errors": st.lists(_error), "message": _marked},
).map(lambda body: json.dumps(body).encode())


def mutated(body, rng):
    """A body with one to three things done to it that no honest sender does."""
    for _ in range(rng.randint(1, 3)):
        at, to = sorted((rng.randrange(len(body) + 1), rng.randrange(len(body) + 1)))
        other = rng.choice(harmful_answers.BODIES)
        word, instead = rng.sample(harmful_answers.WORDS, 2)
        body = rng.choice(
            (
                body[:to],
                body[:at] + body[to:] if to - at < 50 else body[at:],
                body[:to] + body[at:],
                body[:at] + rng.choice(harmful_answers.PIECES) + body[at:],
                body[:at] + bytes((rng.randrange(256),)) + body[at + 1 :],
                *[body.replace(word, instead, rng.randint(1, 3))] * 9,
                *[body.replace(word, instead)] * 9,
                body[:at] + other[rng.randrange(len(other) + 1) :],
            )
        )
    return body[:20_000]


class Evidence:
    """What an answer's body says of a document, read in the plainest way there is."""

    def __init__(self, http_status, body, *, alone):
        self._entries, self._is_answer = [], False
        if http_status != 200:
            return
        try:
            data = json.loads(body.decode("utf-8-sig", "replace"), strict=False)["data"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return
        if not isinstance(data, dict):
            return
        found = [data] if alone else data.get("statuses")
        named = data.get("requestIdsNotFound") or []
        self._is_answer = isinstance(found, list) and isinstance(named, list)
        if self._is_answer:
            self._entries = [entry for entry in found if isinstance(entry, dict)]

    def may_be(self, request_id, status):
        """Whether the document may be done, or failed, for this answer."""
        return any(status in _endings(entry) for entry in self._about(request_id))

    def must_be(self, request_id):
        """What the document has to be after this answer: done, failed, or None for either way."""
        about = self._about(request_id)
        if any(entry.get("status") == "SUCCESS" for entry in about):
            return "done"
        if len(about) != 1 or about[0].get("status") != "FAILED":
            return None
        endings = _endings(about[0])
        return endings.pop() if len(endings) == 1 else None

    def _about(self, request_id):
        return [entry for entry in self._entries if _is_id(entry.get("requestId"), request_id)]


def _is_id(value, request_id):
    if isinstance(value, str):
        return value.isascii() and value.isdigit() and int(value[:30]) == request_id
    return type(value) is int and value == request_id


def _endings(entry):
    """The endings that one entry may stand for."""
    status = entry.get("status")
    word = "".join(filter(str.isprintable, status)).strip() if isinstance(status, str) else ""
    if word == "SUCCESS":
        return {"done"}
    if word != "FAILED":
        return set()
    listed = entry.get("steps") if isinstance(entry.get("steps"), list) else []
    steps = {
        step["name"]: step["status"]
        for step in listed
        if isinstance(step, dict)
        and isinstance(step.get("name"), str)
        and isinstance(step.get("status"), str)
    }
    error = entry.get("error")
    blamed = error.get("step") if isinstance(error, dict) else None
    if blamed != "REMOVE_FILE_BINARY" and steps.get("REMOVE_FILE_BINARY") != "FAILED":
        return {"failed"}
    delivered = ("CLAIMS_EVIDENCE", "BENEFITS_GATEWAY_SERVICE")
    others = {name: word for name, word in steps.items() if name != "REMOVE_FILE_BINARY"}
    if all(others.get(name) == "SUCCESS" for name in delivered) and {"SUCCESS"} == set(
        others.values()
    ):
        return {"done", "failed"} if blamed not in (None, "REMOVE_FILE_BINARY") else {"done"}
    return {"failed"}


class Canned(Transport):
    """Answers with what was put into `status` and `body`, and says which ids were asked for."""

    status, body, polled, alone = 200, b"", (), False

    def send(self, method, url, *, headers, body=None):
        """Answer at once; the token endpoint always gives the same token."""
        if url.endswith("/token"):
            token = {"access_token": harmful_answers.TOKEN, "expires_in": 10**9}
            return Response(200, {}, orjson.dumps(token))
        self.alone = method == "GET"
        self.polled = (
            (int(url.split("/")[-2]),) if self.alone else orjson.loads(body)["data"]["requestIds"]
        )
        return Response(self.status, {"Content-Type": "application/json"}, self.body)


class Fuzzed:
    """The daemon as `build_daemon` joins it, with `Canned` in the place of the network."""

    def __init__(self, folder):
        self._folder = folder
        self._running = ExitStack()
        self.polled = self.changes = 0

    def __enter__(self):
        opening = self._running
        self.clock = ManualClock()
        self._log = io.StringIO()
        stderr, sys.stderr = sys.stderr, self._log
        opening.callback(setattr, sys, "stderr", stderr)
        logs.configure()
        self._agent = opening.enter_context(
            SimulatedAgent(port=None, socket_path=self._folder / "dsd.socket")
        )
        self._settings = Settings.model_construct(
            database_url=SecretStr(f"sqlite:///{self._folder}/store.db"),
            lighthouse_url="http://lighthouse.invalid",
            lighthouse_token_url="http://lighthouse.invalid/token",
            lighthouse_audience="a",
            lighthouse_client_id="c",
            lighthouse_private_key=SecretStr(SimulatedLighthouse().private_key_pem),
        )
        self._daemon = build_daemon(
            self._settings,
            create=True,
            transport=Canned(),
            emitter=Emitter(self._agent.url, strict=True),
            clock=self.clock.instant,
            monotonic=self.clock,
        )
        opening.callback(self._daemon.close)
        self.start_over()
        return self

    def __exit__(self, *reason):
        self._running.close()

    def start_over(self):
        """Four documents that nothing is known of, and a poller that has asked nothing.

        Another daemon each time would take twice as long: only what remembers is another.
        """
        daemon, clock = self._daemon, self.clock.instant
        with daemon.database.writing():
            for table in reversed(_TABLES):
                daemon.database.execute(f"DELETE FROM {table}")
        new = [NewDocument(each, "s", "form_0781", None, clock() - HOUR) for each in IDS]
        daemon.documents.add(new, clock())
        self._before = dict.fromkeys(IDS, "pending")
        daemon.poller = Poller(
            daemon.documents,
            WantedPolls(daemon.database),
            daemon.poller._lighthouse,
            self._settings.policy,
            batch_size=self._settings.batch_size,
            clock=clock,
            monotonic=self.clock,
        )
        daemon.health = Health(
            daemon.poller,
            daemon.budget,
            daemon.emitter,
            lambda: daemon.database.try_write(clock()),
        )
        daemon.publisher = Publisher(Outbox(daemon.database), daemon.emitter, clock)

    def answer(self, http_status, body):
        """Give this answer to the next call, and judge what became of every document."""
        canned = self._daemon.transport
        canned.status, canned.body, canned.polled = http_status, body, ()
        self.clock.now += 7_200
        asked_before = self._daemon.poller._counts.polled
        self._daemon.poller.step()
        # Asked alone, and not to learn of it but of Lighthouse: that answer decides nothing.
        is_probe = canned.alone and self._daemon.poller._counts.polled == asked_before
        probed = canned.polled[0] if is_probe and canned.polled else None
        evidence = Evidence(http_status, body, alone=canned.alone)
        after = dict(
            self._daemon.database.rows(
                "SELECT lighthouse_request_id, lighthouse_status "
                "FROM form_526_document_submissions"
            )
        )
        for request_id, status in after.items():
            before = self._before[request_id]
            if request_id not in canned.polled or before == "done":
                assert before == status, (http_status, body)
                continue
            if request_id != probed:
                assert evidence.must_be(request_id) in (None, status), (http_status, body)
            if status != before:
                reopened = (before, status) == ("failed", "pending")
                assert reopened or evidence.may_be(request_id, status), (http_status, body)
                self.changes += 1
        self.polled += bool(canned.polled)
        self._before = after

    def look_around(self):
        """Publish all transitions; nothing marked may be in it or in the log."""
        assert counted(self._daemon.database) == tallied(self._daemon.database)
        self._daemon.health.slice_ended(calm=True, recorded=True)
        self._daemon.health.pulse()
        self._daemon.publisher.publish()
        self._daemon.emitter.flush()
        self._agent.drain(0.001)
        tables = [self._daemon.database.rows(f"SELECT * FROM {table}") for table in _TABLES]
        assert harmful_answers.TOKEN not in repr(tables)
        kept = tables[3:]
        said = repr((self._log.getvalue(), self._agent.received, self._agent.malformed, kept))
        assert [] == [mark for mark in harmful_answers.MARKS if mark in said], said
        self._log.seek(0)
        self._log.truncate()
        self._agent.clear()


def run_example(fuzzed, drawn, seed):
    """Twenty answers: what was drawn, ones of the corpus, and what mutation makes of both."""
    rng = random.Random(seed)
    fuzzed.start_over()
    for turn in range(BODIES_AN_EXAMPLE):
        if turn and rng.random() < 0.4:
            fuzzed.start_over()
        body = (
            drawn[turn % len(drawn)] if rng.random() < 0.6 else rng.choice(harmful_answers.BODIES)
        )
        if turn >= len(drawn) and rng.random() < 0.8:
            body = mutated(body, rng)
        fuzzed.answer(rng.choice(STATUSES), body)
    fuzzed.look_around()


def fuzz(fuzzed, bodies):
    """Answer with so many bodies; each is read rightly, and nothing personal leaves."""

    @settings(
        max_examples=bodies // BODIES_AN_EXAMPLE,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,),  # smaller examples are not worth the time they take
    )
    @given(drawn=st.lists(BODIES, min_size=2, max_size=4), seed=st.integers(0, 2**32))
    def examples(drawn, seed):
        run_example(fuzzed, drawn, seed)

    examples()
    # Otherwise nothing was tested.
    assert bodies * 0.9 <= fuzzed.polled
    assert bodies * 0.05 <= fuzzed.changes
