"""`lightkeeper check` against parts that are broken one at a time."""

import re

import command_line
import pytest

from lightkeeper.simulation.agent.server import SimulatedAgent
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse


@pytest.fixture(scope="module")
def lasting():
    """One simulated Lighthouse for all tests: its key takes longer to make than a check."""
    with SimulatedLighthouse() as running:
        yield running


@pytest.fixture
def lighthouse(lasting):
    """A simulated Lighthouse without faults at the start of each test."""
    yield lasting
    lasting.clear_faults()
    lasting.accept_tokens()


@pytest.fixture
def env(tmp_path, lighthouse):
    """Settings under which everything works."""
    with SimulatedAgent(port=None, socket_path=tmp_path / "dsd.socket") as agent:
        yield command_line.environment(tmp_path / "store.db", lighthouse, agent)


def _checked(env):
    """Exit status, the parts that failed each with the reason, and those that work."""
    done = command_line.run("check", env=env)
    parts = [re.fullmatch(r"(ok  |FAIL)  (\w+) +(.+)", line) for line in done.stdout.splitlines()]
    failed = {part[2]: part[3] for part in parts if part[1] == "FAIL"}
    return done.returncode, failed, [part[2] for part in parts if part[1] == "ok  "]


def test_all_parts_work(tmp_path, env):
    """`check` says ok to all five, with a store and without, and creates none."""
    everything = ["settings", "database", "token", "lighthouse", "agent"]

    assert (0, {}, everything) == _checked(env)
    assert not (tmp_path / "store.db").exists()
    one = ("--request-id", 5, "--submission-id", "s-1", "--document-type", "form_0781")
    assert 0 == command_line.run("track", *one, env=env).returncode
    assert (0, {}, everything) == _checked(env)


def _unwell(lighthouse):
    lighthouse.fail_share(1.0, 503, path="status")


def _elsewhere(lighthouse):
    lighthouse.fail_share(1.0, 404, {"message": "no Route matched with those values"})


@pytest.mark.parametrize(
    ("broken", "part", "why"),
    [
        ({"LIGHTKEEPER_BATCHSIZE": "5"}, "settings", "no such setting: LIGHTKEEPER_BATCHSIZE"),
        ({"LIGHTKEEPER_LIGHTHOUSE_AUDIENCE": ""}, "settings", "LIGHTHOUSE_AUDIENCE: missing"),
        (
            {"LIGHTKEEPER_DATABASE_URL": "sqlite:////nowhere/x.db"},
            "database",
            "/nowhere: the folder is missing",
        ),
        ({"LIGHTKEEPER_DATABASE_URL": "sqlite:////etc/hosts"}, "database", "/etc/hosts: "),
        ({"LIGHTKEEPER_LIGHTHOUSE_CLIENT_ID": "x"}, "token", "invalid_client: compare client id,"),
        ({"LIGHTKEEPER_LIGHTHOUSE_TOKEN_URL": "http://127.0.0.1:9"}, "token", "refused"),
        (
            SimulatedLighthouse.reject_tokens,
            "lighthouse",
            "unauthorized: Unauthorized: ask VA to grant",
        ),
        (_unwell, "lighthouse", "server_error: Service Unavailable: try again"),
        (_elsewhere, "lighthouse", "unexpected: no Route matched with those values: this is not"),
        (
            {"DD_DOGSTATSD_URL": "unix:///no.socket"},
            "agent",
            "unreachable at unix:///no.socket: start it",
        ),
        (
            {"DD_DOGSTATSD_URL": "udp://127.0.0.1:9"},
            "agent",
            "unreachable at udp://127.0.0.1:9: start it",
        ),
    ],
)
def test_the_broken_part_is_named_with_the_reason(env, lighthouse, broken, part, why):
    """Exit status 1; parts that do not depend on the broken one are tried too."""
    if callable(broken):
        broken(lighthouse)
    else:
        env = env | broken

    status, failed, fine = _checked(env)

    assert 1 == status
    assert why in failed.pop(part)
    assert failed in ({}, {"lighthouse": "not tried: it needs a token"})
    assert {"database", "agent"} - {part} <= set(fine)


def test_every_missing_setting_is_named(tmp_path):
    """Without the settings for Lighthouse, the store and the Agent are tried."""
    with SimulatedAgent(port=None, socket_path=tmp_path / "dsd.socket") as agent:
        status, failed, fine = _checked(
            command_line.environment(tmp_path / "store.db", agent=agent)
        )

    assert 1 == status
    assert {"settings"} == failed.keys()
    for name in ("URL", "AUDIENCE", "CLIENT_ID", "PRIVATE_KEY"):
        assert f"LIGHTKEEPER_LIGHTHOUSE_{name}: missing" in failed["settings"]
    assert ["database", "agent"] == fine
