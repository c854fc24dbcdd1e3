"""Answers that are fresh: the daemon polls first for who takes none that is older."""

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from daemon_rig import DaemonRig
from patience import at_most
from web_rig import WebRig

from lightkeeper.domain.time import SECOND
from lightkeeper.service.stop import Stop

AGED = 120
"""Seconds since the last poll."""


@pytest.fixture
def rig(tmp_path):
    """A daemon on SQLite."""
    with DaemonRig(f"sqlite:///{tmp_path}/lightkeeper.db", tmp_path) as rig:
        yield rig


@pytest.fixture
def web(rig, tmp_path):
    """The API over the store of that daemon."""
    with WebRig(tmp_path, rig.url, now=rig.clock.instant()) as web:
        yield web


@pytest.fixture
def either(database_url, tmp_path):
    """A daemon on each engine in turn, and the API over its store."""
    with (
        DaemonRig(database_url, tmp_path) as rig,
        WebRig(tmp_path, rig.url, now=rig.clock.instant()) as web,
    ):
        yield rig, web


def _aged(rig, web, count=1, story="stuck_bgs"):
    """So many documents that were polled `AGED` seconds ago."""
    ids = rig.track(count, story, age=60 * 3_600)
    rig.poll()
    _pass(rig, web, AGED)
    rig.health.pulse()
    return ids


def _pass(rig, web, seconds):
    before = rig.clock.instant()
    rig.clock.now += seconds
    web.now += rig.clock.instant() - before


def _meanwhile(rig, web, ask):
    """What `ask` returns, while the daemon goes on; each slice takes a second of its clock."""
    loop = rig.loop()
    with ThreadPoolExecutor(1) as pool, Stop().on_signals() as stop:
        asked = pool.submit(ask)
        while not asked.done():
            loop.poll_slice(stop)
            _pass(rig, web, 0.05)
            time.sleep(0.05)
        return asked.result()


def _path(request_id, max_age="60s"):
    return f"/v1/benefits-documents/{request_id}?max_age={max_age}"


def _rows(rig):
    return rig.database.rows("SELECT COUNT(*) FROM wanted_polls")[0][0]


def test_an_answer_that_is_too_old_is_polled_again_first(either):
    """And not polled again for the next caller, whom the same answer is young enough for."""
    rig, web = either
    (request_id, _) = _aged(rig, web, 2)
    before = len(rig.calls())

    answer = _meanwhile(rig, web, lambda: web.get(_path(request_id)))

    assert (200, False) == (answer.status, answer.data["answer_is_stale"])
    assert answer.data["answer_age_s"] <= 2
    assert [(request_id,)] == [call.ids for call in rig.calls()[before:]]
    again = web.get(_path(request_id)).data
    assert (False, answer.data["last_answered_at"]) == (
        again["answer_is_stale"],
        again["last_answered_at"],
    )
    assert (0, before + 1) == (_rows(rig), len(rig.calls()))


@pytest.mark.parametrize("apart_s", [-6, 6])
def test_the_clocks_of_two_hosts_may_be_some_seconds_apart(either, apart_s):
    """The API's behind the daemon's, or ahead: the document is polled, and its answer is young."""
    rig, web = either
    (request_id,) = _aged(rig, web)
    web.now += apart_s * SECOND
    before = len(rig.calls())

    answer = _meanwhile(rig, web, lambda: web.get(_path(request_id, "5s")))

    assert (200, False) == (answer.status, answer.data["answer_is_stale"])
    assert (0, before + 1) == (_rows(rig), len(rig.calls()))


def test_the_documents_of_submissions_are_polled_in_one_call(either):
    """Of one and of many; nothing else is, and what is not known or no id is no matter."""
    rig, web = either
    ids = _aged(rig, web, 5)
    before = len(rig.calls())

    one = _meanwhile(rig, web, lambda: web.get(f"/v1/submissions/s-{ids[0]}?max_age=60s"))
    asked = {"submissions": [*(f"s-{each}" for each in ids[:4]), "unknown", "\0", "\ud800"]}
    many = _meanwhile(rig, web, lambda: web.post("/v1/submissions/query?max_age=60s", asked))

    answers = [one.data, *many.data["submissions"]]
    assert [False] * 5 == [each["documents"][0]["answer_is_stale"] for each in answers[:5]]
    assert [None] * 3 == answers[5:]
    assert [{ids[0]}, set(ids[1:4])] == [set(call.ids) for call in rig.calls()[before:]]


def test_an_old_answer_does_for_who_names_no_age(rig, web):
    """It is given at once, with its age."""
    (request_id,) = _aged(rig, web)

    answer = web.get(f"/v1/benefits-documents/{request_id}").data

    assert (AGED, None) == (answer["answer_age_s"], answer["answer_is_stale"])
    assert 0 == _rows(rig)


def test_callers_at_once_wait_for_the_same_calls(rig, web):
    """Two hundred for twenty documents cost one call to Lighthouse."""
    ids = _aged(rig, web, 20)
    before = len(rig.calls())

    async def ask(request_id):
        reader, writer = await asyncio.open_unix_connection(web.socket)
        head = f"GET {_path(request_id)} HTTP/1.1\r\nHost: lightkeeper\r\nConnection: close\r\n"
        writer.write(f"{head}Authorization: Bearer {web.every}\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        return json.loads(answer.partition(b"\r\n\r\n")[2])

    async def ask_all():
        return await asyncio.gather(*(ask(ids[caller % 20]) for caller in range(200)))

    answers = _meanwhile(rig, web, lambda: asyncio.run(ask_all()))

    assert [False] * 200 == [each["answer_is_stale"] for each in answers]
    assert 1 <= len(rig.calls()) - before <= 3  # connections are not accepted all at once
    assert 20 == sum(len(call.ids) for call in rig.calls()[before:])
    assert 0 == _rows(rig)


@pytest.mark.speed
def test_an_outage_is_answered_with_what_is_known_and_how_old_it_is(rig, web):
    """Soon, where the daemon knows that it makes no call within the time that callers wait."""
    (request_id,) = _aged(rig, web)
    rig.lighthouse.fail_next(1, 503, {"message": "maintenance"}, headers={"Retry-After": "900"})
    first = _meanwhile(rig, web, lambda: web.get(_path(request_id, "60s")))
    before = len(rig.calls())
    _pass(rig, web, AGED)
    rig.health.pulse()

    began = time.monotonic()
    answer = _meanwhile(rig, web, lambda: web.get(_path(request_id, "60s")))

    for each in (first, answer):
        assert (200, True) == (each.status, each.data["answer_is_stale"])
    assert 2 * AGED <= answer.data["answer_age_s"] < 2 * AGED + 10
    assert "stuck" == answer.data["condition"]
    assert time.monotonic() - began < at_most(2.0)
    assert (0, before) == (_rows(rig), len(rig.calls()))


def test_an_answer_that_is_final_is_not_stale(rig, web):
    """It is given at once, however old: it cannot change any more."""
    (request_id,) = _aged(rig, web, story="instantly_done")

    answer = web.get(_path(request_id, "1s")).data

    assert (AGED, False) == (answer["answer_age_s"], answer["answer_is_stale"])
    assert 0 == _rows(rig)


@pytest.mark.speed
def test_without_a_daemon_there_is_no_waiting(rig, web):
    """Where its heartbeat is old, what is known is given at once."""
    (request_id,) = _aged(rig, web)
    web.now += 61 * SECOND
    began = time.monotonic()

    answer = web.get(_path(request_id)).data

    assert (AGED + 61, True) == (answer["answer_age_s"], answer["answer_is_stale"])
    assert time.monotonic() - began < at_most(0.5)
    assert 0 == _rows(rig)


@pytest.mark.speed
def test_a_heartbeat_in_the_future_is_not_waited_for(rig, web):
    """A clock was wrong once: nothing shows that the daemon runs."""
    (request_id,) = _aged(rig, web)
    web.database.try_write(web.now + 61 * SECOND)
    began = time.monotonic()

    assert web.get(_path(request_id)).data["answer_is_stale"]
    assert time.monotonic() - began < at_most(0.5)
    assert 0 == _rows(rig)


@pytest.mark.speed
def test_a_daemon_that_was_just_killed_is_waited_for_no_longer_than_any(rig, web):
    """After five seconds what is known is given, and the next daemon does not poll for it."""
    (request_id,) = _aged(rig, web)
    before = len(rig.calls())
    began = time.monotonic()

    answer = web.get(_path(request_id)).data

    assert answer["answer_is_stale"]
    assert 4.9 <= time.monotonic() - began < at_most(6.0)
    assert [("every",)] == rig.database.rows("SELECT asked_by FROM wanted_polls")
    rig.restart()
    rig.clock.now += 16
    rig.poller.step()
    assert (0, before) == (_rows(rig), len(rig.calls()))


def test_an_age_that_is_none_is_refused(tmp_path):
    """The refusal says how to write one."""
    with WebRig(tmp_path) as web:
        for wrong in (
            "60",
            "s",
            "-1s",
            "1.5h",
            "1%20h",
            "forever",
            "9999999999s",
            "",
            "%D9%A1s",
            "05m",
            "1s%0A",
        ):
            answer = web.get(_path(5, wrong))

            assert (422, "query.max_age: must be a whole number with a unit, such as 60s") == (
                answer.status,
                answer.data["detail"].partition(", 5m")[0],
            )
        for none in ("0s", "00m", "0d"):
            answer = web.get(_path(5, none))

            assert (422, "query.max_age: must be at least 1s") == (
                answer.status,
                answer.data["detail"],
            )
