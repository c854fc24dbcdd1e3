"""Answers that Datadog never gives: of proxies and firewalls, cut off, huge, of a wrong shape."""

import copy
import json
import random

import account_rig
import pytest
from account_rig import AccountRig
from scripted_server import CLOSE, ScriptedServer, answer

from lightkeeper.alerting.account import client, saved_plan
from lightkeeper.alerting.account.access import Access
from lightkeeper.alerting.account.checked import permissions, validate
from lightkeeper.alerting.account.client import Account
from lightkeeper.alerting.account.errors import AccessRefused, Unanswered
from lightkeeper.alerting.account.imported import imported
from lightkeeper.alerting.account.objects import ObjectKind
from lightkeeper.alerting.errors import AlertingError

KEYS = ("a1" * 16, "b2" * 20)
PAGE = b"<html>Blocked by the firewall</html>"
FOREIGN = r"answers {} with no JSON, as a proxy or a firewall does: see what stands between"
VARIABLES = {"env": "test", "team": "us", "pager": "@a", "pager_low": "@b", "channel": "@c"}
ANSWERS = {
    "a page instead": (answer(PAGE), FOREIGN.format(200)),
    "a page that forbids": (answer(PAGE, status=403), FOREIGN.format(403)),
    "a page that finds nothing": (answer(PAGE, status=404), FOREIGN.format(404)),
    "a proxy that wants a password": (answer(PAGE, status=407), FOREIGN.format(407)),
    "a redirect": (answer(b"", "Location: http://example.test/", status=301), "answers 301: is"),
    "nothing": (answer(b""), FOREIGN.format(200)),
    "half a character": (answer(rb'{"data": [{"id": "\ud800"}]}'), FOREIGN.format(200)),
    "no number": (answer(b'{"data": [{"id": "a", "x": NaN}]}'), FOREIGN.format(200)),
    "a thousand brackets, and more": (answer(b"[" * 200_000), FOREIGN.format(200)),
    "another object": (answer(b"{}"), "answers with no list of slos: is DD_SITE right?"),
    "a list of nothing": (answer(b'{"data": [null, 5, "x"]}'), "answers with no list of slos"),
    "ids that are none": (answer(b'{"data": [{"id": null}]}'), "answers with no list of slos"),
    "not found, for a list": (answer(b'{"errors": []}', status=404), "no list of slos"),
    "what is not packed": (
        answer(b"not packed", "Content-Encoding: gzip"),
        "what cannot be unpacked",
    ),
    "half an answer": (lambda sock, _: sock.sendall(answer(b"[]")[:-1]) or CLOSE, "breaks off"),
    "no HTTP": (b"\x00\x01\r\n\r\n", "cannot be reached: try again later"),
    "a closed connection": (lambda _sock, _request: CLOSE, "cannot be reached"),
}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What the account shall hold."""
    folder = tmp_path_factory.mktemp("files")
    account_rig.write(folder)
    return account_rig.objects(folder)


@pytest.mark.parametrize(("reply", "words"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_is_not_datadogs_is_told_apart(reply, words):
    """In one line; it says nothing of keys, files or plans, which may be right."""
    with ScriptedServer(reply) as server:
        account = Account(Access(server.url, *KEYS), sleep=lambda _seconds: None)
        with pytest.raises(Unanswered, match=words) as refused:
            account.listed(ObjectKind.SLO)

    assert 75 == refused.value.exit_status
    assert not any(key in str(refused.value) for key in KEYS)
    assert "\n" not in str(refused.value)


def test_an_error_of_ten_megabytes_is_cut_and_shows_no_key():
    """Also where Datadog repeats them."""
    said = f"{KEYS[0]}\n{KEYS[1]} " + "x" * 10_000_000
    reply = answer(json.dumps({"errors": [said]}).encode(), status=403)
    with ScriptedServer(reply) as server, pytest.raises(AccessRefused) as refused:
        Account(Access(server.url, *KEYS)).listed(ObjectKind.SLO)

    assert len(str(refused.value)) < 600
    assert not any(key in str(refused.value) for key in KEYS)


def test_a_server_that_hangs_is_given_up_and_said_to_hang(monkeypatch):
    """Each time that it is asked, so that who waits knows for what."""
    monkeypatch.setattr(client, "_TIMEOUT", (0.05, 0.05))
    said = []
    with ScriptedServer(lambda _sock, _request: None) as server:
        account = Account(Access(server.url, *KEYS), sleep=lambda _seconds: None, say=said.append)
        with pytest.raises(Unanswered, match=r"slos: .* does not answer in time: try again later"):
            account.listed(ObjectKind.SLO)

    assert [f"{server.url} does not answer in time: it is asked again"] == sorted(set(said))


JUNK = (None, True, -1, 1.5, "", "x", "\x1b[31m", [], {}, [[]], [None], {"id": {}}, "9" * 5000)


def paths(value, path=()):
    """Every place in it."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for name, one in inner if isinstance(value, dict | list) else ():
        yield from paths(one, (*path, name))


def harmed(value, path, junk):
    """The same with something else in a place; without it, where that is `paths`."""
    if not path:
        return junk
    value = copy.copy(value)
    if len(path) == 1 and junk is paths:
        del value[path[0]]
    else:
        value[path[0]] = harmed(value[path[0]], path[1:], junk)
    return value


@pytest.mark.parametrize("seed", range(2))
def test_an_answer_of_any_other_shape_is_an_error_of_ours_or_does_no_harm(found, seed, tmp_path):
    """Plan, saved plan, apply, import and check: with any field of any answer lost or replaced."""
    chance = random.Random(seed)
    with AccountRig() as rig:
        rig.apply(rig.plan(found))
        objects, right = copy.deepcopy(rig.datadog.objects), rig.datadog._answer

        def wrong(request):
            reply = right(request)
            if chance.random() > share:
                return reply
            given = json.loads(reply.body)
            places = sorted(paths(given), key=len)
            at = min(int(chance.expovariate(4 / len(places))), len(places) - 1)
            junk = chance.choice(JUNK if not places[at] else (*JUNK, paths))
            return reply._replace(body=json.dumps(harmed(given, places[at], junk)).encode())

        rig.datadog._answer = wrong
        for turn in range(25):
            share = chance.choice((0.1, 0.3, 1.0))
            rig.datadog.objects = copy.deepcopy(objects)
            for kind in chance.sample(account_rig.KINDS, turn % 3):
                rig.datadog.objects[kind].popitem()
            account = rig.account()
            try:
                if turn % 4 == 0:
                    list(permissions(account))
                elif turn % 4 == 1:
                    number = next(iter(objects[chance.choice(account_rig.KINDS)]))
                    assert imported(account, number, None, found, VARIABLES).text.encode()
                plan = rig.plan(found, account)
                assert list(plan.lines())
                validate(account, plan)
                saved_plan.save(plan, tmp_path / "plan")
                rig.apply(saved_plan.load(tmp_path / "plan"), account=account)
            except AlertingError as exc:
                assert rig.datadog.api_key not in str(exc)  # noqa: PT017  # else it is as it was
