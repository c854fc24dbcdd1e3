"""The real process in networks as they are: re-signed TLS, a proxy, a firewall, rate limits."""

import itertools
import json
import re
import signal
import time
from email.utils import formatdate

import command_line
import pytest
import secret_leaks
from connect_proxy import ConnectProxy
from running_daemon import RunningDaemon
from scripted_server import ScriptedServer, answer
from tls_front import Authority, Front

CA_FILE, PROXY = "LIGHTKEEPER_LIGHTHOUSE_CA_FILE", "LIGHTKEEPER_LIGHTHOUSE_PROXY"


@pytest.fixture
def daemon(tmp_path):
    """A daemon between a simulated Lighthouse and Agent, not started yet."""
    with RunningDaemon(tmp_path) as made:
        yield made


@pytest.fixture
def authority(tmp_path):
    """The authority that re-signs TLS in this network; the daemon calls Lighthouse by TLS."""
    (tmp_path / "network").mkdir()
    return Authority(tmp_path / "network", "the network's own")


@pytest.fixture
def front(daemon, authority):
    """TLS in front of Lighthouse, to which the daemon's settings point."""
    with Front(daemon.lighthouse.port, authority.context("127.0.0.1")) as running:
        daemon.env["LIGHTKEEPER_LIGHTHOUSE_URL"] = f"https://127.0.0.1:{running.port}"
        daemon.env.pop("LIGHTKEEPER_LIGHTHOUSE_TOKEN_URL", None)
        yield running


def test_a_networks_own_root_is_read_at_a_reload(daemon, authority, front, tmp_path):
    """Through a proxy too, which sees no token; and no variable of the environment is obeyed."""
    wanted, ca = authority.root_file().read_text(), tmp_path / "ca.pem"
    (tmp_path / "other").mkdir()
    ca.write_text(Authority(tmp_path / "other", "another").root_file().read_text())
    proxy = daemon.keep(ConnectProxy())
    daemon.env |= {
        CA_FILE: str(ca),
        PROXY: f"http://keeper:GEHEIM@{proxy.address}",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "SSLKEYLOGFILE": str(tmp_path / "keys"),
    }
    daemon.track()
    daemon.start()
    advice, refused = (
        f"must be in the file that {CA_FILE} names",
        f"{CA_FILE}: {ca} must hold certificates",
    )
    daemon.until(lambda: daemon.logged("poll.call.failed", advice))
    assert 0 == front.passed_on

    ca.write_text("no certificate")
    daemon.process.send_signal(signal.SIGHUP)
    daemon.until(lambda: daemon.logged("service.reload.refused", refused))
    ca.write_text(wanted)
    daemon.process.send_signal(signal.SIGHUP)
    daemon.until(daemon.is_settled)
    daemon.stop()

    assert [[CA_FILE]] == [line["changed"] for line in daemon.logged("service.reloaded")]
    assert {f"CONNECT 127.0.0.1:{front.port} HTTP/1.0"} | {
        f"CONNECT 127.0.0.1:{front.port} HTTP/1.1"
    } >= {head.splitlines()[0] for head in proxy.requests}
    assert "authorization: bearer" not in "".join(proxy.requests).lower()
    secret_leaks.refuse(bytes(proxy.carried))
    assert not (tmp_path / "keys").exists()
    assert "GEHEIM" not in daemon.log.read_text()


def test_check_names_what_re_signs_tls_and_which_proxy_is_not_used(daemon, front):
    """With the setting to use for each."""
    env = daemon.env | {"https_proxy": "http://u:GEHEIM@127.0.0.1:9", "NO_PROXY": "*"}
    said = command_line.run("check", env=env)

    assert 1 == said.returncode
    assert f"HTTPS_PROXY not used: set {PROXY} to use a proxy" in said.stdout
    assert "FAIL  token" in said.stdout
    assert f"its root certificate must be in the file that {CA_FILE} names" in said.stdout
    assert "GEHEIM" not in said.stdout + said.stderr
    assert 0 == front.passed_on


def test_wrong_settings_of_the_network_start_nothing(daemon, front, tmp_path):
    """Status 78, both named at once, and no password shown."""
    wrong = {CA_FILE: str(tmp_path / "absent.pem"), PROXY: "https://u:GEHEIM@proxy.example:3128"}
    said = command_line.run("run", env=daemon.env | wrong)

    assert (78, "") == (said.returncode, said.stdout)
    assert f"{CA_FILE}: cannot read {tmp_path}/absent.pem: No such file" in said.stderr
    assert f"{PROXY}: must be http://host:port" in said.stderr
    assert "GEHEIM" not in said.stderr
    assert not daemon.store.exists()


F5 = b"<html><title>Request Rejected</title>Your support ID is: 18526314103978<br></html>"
F5_JSON = b'{"errors":[{"title":"Request Rejected","detail":"Your support id: 18526314103978"}]}'


def test_a_firewall_is_named_with_its_support_id(daemon):
    """By `check` and `poll`; no document is in trouble, and no key or scope is blamed."""
    daemon.track(3)
    daemon.lighthouse.fail_share(1.0, 200, F5_JSON, path="token")
    checked = command_line.run("check", env=daemon.env)
    daemon.lighthouse.fail_share(1.0, 403, F5, path=None)
    polled = command_line.run("poll", env=daemon.env)

    assert (1, 75) == (checked.returncode, polled.returncode)
    for said, status in (
        (checked.stdout, 200),
        (polled.stderr.splitlines()[-1], 403),
        (polled.stderr.splitlines()[0], 403),
    ):
        assert f"a firewall or proxy answered {status} in " in said
        assert "(support id 18526314103978): ask those who run it" in said
    assert "scope" not in checked.stdout
    assert "audience" not in checked.stdout
    assert [("pending", 0)] * 3 == daemon.rows(
        "SELECT lighthouse_status, trouble_count FROM form_526_document_submissions"
    )


def test_each_form_of_a_pause_is_kept_and_logged_once(daemon):
    """A time, a doubled header, the newer header, and none; for the token endpoint as well."""
    daemon.track(1)
    at = int(time.time()) + 8
    pauses = [
        {"Retry-After": formatdate(at, usegmt=True)},
        {"Retry-After": "2, 2"},
        {"RateLimit": '"default";r=0;t=2', "RateLimit-Policy": '"default";q=60;w=60'},
    ]
    daemon.lighthouse.fail_next(1, 429, headers={"Retry-After": "1"}, path="token")
    for headers in pauses:
        daemon.lighthouse.fail_next(1, 429, headers=headers)
    polled = command_line.run("poll", env=daemon.env)

    assert (0, "polled 1 document\n") == (polled.returncode, polled.stdout)
    token, _, *calls = [call.at for call in daemon.lighthouse.calls]
    assert at <= calls[1]
    assert 1.0 <= calls[0] - token
    assert all(later - earlier >= 2.0 for earlier, later in itertools.pairwise(calls[1:]))
    said = [json.loads(line) for line in polled.stderr.splitlines()]
    limited, over = "lighthouse.rate_limited", "lighthouse.rate_limited.ended"
    assert [limited, over] == [line["event"] for line in said if limited in line["event"]]
    assert "the token endpoint" == said[0]["answered_by"]


def test_a_wrong_clock_is_named_by_check(daemon):
    """Where the assertion is refused, and not the client id or the key is blamed."""
    date = f"Date: {formatdate(time.time() + 900, usegmt=True)}"
    refusal = answer(b'{"error":"invalid_client"}', date, status=401)
    with ScriptedServer(refusal) as server:
        daemon.env["LIGHTKEEPER_LIGHTHOUSE_URL"] = server.url
        daemon.env["LIGHTKEEPER_LIGHTHOUSE_TOKEN_URL"] = f"{server.url}/token"
        said = command_line.run("check", env=daemon.env)

    (token,) = [line for line in said.stdout.splitlines() if line.startswith("FAIL  token")]
    assert re.search(r"401: invalid_client: this host's clock is \d+ s behind", token)
    assert "audience" not in token
    assert "ok    lighthouse  answers" in said.stdout
