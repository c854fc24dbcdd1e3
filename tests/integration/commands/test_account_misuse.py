"""`lightkeeper account` misused, interrupted, and behind a network that is set up wrongly."""

import json
import signal
from contextlib import contextmanager
from functools import partial

import account_rig
import command_line
import pytest
from connect_proxy import ConnectProxy
from tls_front import Authority, Front

from lightkeeper.alerting.files.markers import tagged
from lightkeeper.simulation.datadog.server import SimulatedDatadog


@pytest.fixture
def datadog():
    """An account with one monitor of another team."""
    with SimulatedDatadog() as simulated:
        simulated.add("monitor", account_rig.FOREIGN)
        yield simulated


@pytest.fixture
def run(tmp_path, datadog):
    """Runs it in a folder of small definitions, with the right keys unless others are given."""
    account_rig.write(tmp_path)

    def made(*line, within=None, **more):
        env = command_line.environment(**{**datadog.environment(), **more})
        return command_line.run("account", *line, env=env, cwd=tmp_path, within=within)

    return made


def held(datadog):
    """How many objects there are of each kind, that of the other team included."""
    return tuple(len(datadog.objects[kind]) for kind in account_rig.KINDS)


WHOLE = (1, 1 + 6, 1)
EDITS = {
    "a name": ('"It burn"', '"It burns"'),
    "the environment": ('"env": "test"', '"env": "prod"'),
    "what is done": ('"action": "create"', '"action": "keep"'),
    "what was seen": ('"seen": null', '"seen": "0"'),
    "its digest": ('"digest": "', '"digest": "0'),
}


@pytest.mark.parametrize(("old", "new"), EDITS.values(), ids=EDITS)
def test_a_plan_that_was_edited_is_not_carried_out(run, datadog, tmp_path, old, new):
    """What is carried out is what was shown; another env would even be doubled."""
    run("plan", "--out", "planned")
    text = (tmp_path / "planned").read_text()
    assert old in text
    (tmp_path / "planned").write_text(text.replace(old, new, 1))

    said = command_line.complaint(run("apply", "planned"), 65)
    assert said.startswith(
        "planned: is no plan any more: it was changed since it was saved: change"
    )
    assert [] == datadog.writes


def test_a_plan_that_knows_nothing_of_an_object_of_ours_is_not_carried_out(run, datadog, tmp_path):
    """It came since the plan was made: nothing is written, and it is named."""
    run("apply")
    edited = tmp_path / "monitors" / "base.json"
    edited.write_text(edited.read_text().replace('"message": "', '"message": "Edited. '))
    assert 2 == run("plan", "--out", "planned").returncode
    datadog.add("monitor", tagged({**account_rig.FOREIGN, "name": "new"}, "test", "extra"))
    before = json.dumps(datadog.objects, default=str)

    said = command_line.complaint(run("apply", "planned"), 73)

    assert "the account changed since the plan was made, in monitor extra: make a new" in said
    assert before == json.dumps(datadog.objects, default=str)


def test_a_plan_that_was_formatted_anew_or_printed_as_json_is_still_the_plan(
    run, datadog, tmp_path
):
    """Only what it says counts."""
    printed = run("plan", "--json").stdout
    (tmp_path / "planned").write_text(json.dumps(json.loads(printed)))

    assert 0 == run("apply", "planned").returncode
    assert WHOLE == held(datadog)


def test_options_beside_a_plan_must_be_those_that_it_was_made_with(run, datadog, tmp_path):
    """A plan of another environment, of other values or another folder is refused."""
    other = tmp_path / "other"
    account_rig.write(other)
    (other / "monitors" / "failed.json").unlink()
    (other / "monitors" / "page.json").unlink()
    run("plan", "--out", "planned", "--set", "env=prod")
    for line in (("--set", "env=test"), ("--env", "test"), ("--folder", "other/monitors")):
        said = command_line.complaint(run("apply", "planned", *line), 65)
        assert said.startswith("planned: is not the plan for the definitions that the options")
    assert [] == datadog.writes

    assert 0 == run("apply", "planned", "--set", "env=prod").returncode
    assert WHOLE == held(datadog)


def test_a_reader_that_goes_away_changes_neither_status_nor_what_is_done(run, datadog, tmp_path):
    """0 says that nothing differs, so that it may not come of a closed pipe."""
    gone = '"$@" | true; exit ${PIPESTATUS[0]}'
    planned = run("plan", "--out", "planned", within=gone)
    assert (2, "") == (planned.returncode, planned.stderr)
    assert (tmp_path / "planned").exists()
    assert 2 == run("plan", "--json", within=gone).returncode

    assert 0 == run("apply", "planned", within=gone).returncode
    assert WHOLE == held(datadog)


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        (
            signal.SIGINT,
            130,
            ["lightkeeper: interrupted: run it again, and what is done already stays"],
        ),
        (signal.SIGTERM, -signal.SIGTERM, []),
    ],
)
def test_an_apply_that_is_told_to_stop_stops_and_can_be_run_again(
    run, datadog, tmp_path, sent, status, words
):
    """Also within a pause that Datadog asks for."""
    datadog.fail(429, method="POST", path="/api/v1/dashboard", reset=100)
    env = command_line.environment(**datadog.environment())
    # Who runs the tests in the background may have had SIGINT ignored, which is inherited.
    heard = {"preexec_fn": partial(signal.signal, signal.SIGINT, signal.SIG_DFL)}
    with command_line.running("account", "apply", env=env, cwd=tmp_path, **heard) as process:
        command_line.until(lambda: 429 in [one.status for one in datadog.calls])
        process.send_signal(sent)
        said = process.communicate()[1].splitlines()
    assert status == process.returncode
    assert words == [line for line in said if "a pause of 100 s" not in line]
    assert 0 == run("apply").returncode
    assert WHOLE == held(datadog)


@pytest.fixture
def behind(datadog, tmp_path):
    """The account as `ddog-gov.com`: behind a proxy, and TLS with a certificate for a name."""
    authority = Authority(tmp_path)

    @contextmanager
    def made(name):
        with (
            Front(datadog.port, authority.context(name)) as front,
            ConnectProxy(port=front.port) as proxy,
        ):
            settings = {
                "DD_SITE": "ddog-gov.com",
                "HTTPS_PROXY": f"http://{proxy.address}",
                "REQUESTS_CA_BUNDLE": str(authority.root_file()),
            }
            yield proxy, settings

    return made


def test_an_account_behind_a_proxy_with_a_root_of_its_own_is_reached(run, datadog, behind):
    """As in a network that re-signs TLS; the keys go through the tunnel alone."""
    with behind("api.ddog-gov.com") as (proxy, settings):
        assert 2 == run("plan", **settings).returncode

    assert all(head.startswith("CONNECT api.ddog-gov.com:443 ") for head in proxy.requests)
    assert datadog.api_key not in "".join(proxy.requests)


@pytest.mark.parametrize(
    ("name", "more"),
    [("api.example.test", {}), ("api.ddog-gov.com", {"REQUESTS_CA_BUNDLE": ""})],
    ids=["another host's", "a root that is not known"],
)
def test_a_certificate_that_is_wrong_gets_no_key(run, datadog, behind, name, more):
    """Nothing is asked over it, and it is not tried again."""
    with behind(name) as (_, settings):
        said = command_line.complaint(run("plan", **{**settings, **more}), 75)

    assert "has a certificate that is not trusted: if your network re-signs TLS" in said
    assert [] == datadog.calls


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"REQUESTS_CA_BUNDLE": "/none.pem"}, "REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE: there is"),
        ({"HTTPS_PROXY": "http://u:secret@[::1"}, "HTTPS_PROXY, or else DD_SITE, is no address"),
        ({"HTTPS_PROXY": "socks5://u:secret@127.0.0.1:1"}, "HTTPS_PROXY, or else DD_SITE, is no"),
    ],
)
def test_settings_of_the_network_that_cannot_be_used_are_named(run, settings, words):
    """At once, and without what they hold."""
    said = command_line.complaint(run("plan", DD_SITE="ddog-gov.com", **settings), 78)

    assert said.startswith(words)
    assert "secret" not in said
