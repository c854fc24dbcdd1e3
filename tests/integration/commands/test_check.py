"""`lightkeeper check` against parts that are broken one at a time."""

import json
import re
import uuid
from pathlib import Path

import command_line
import pgbouncer
import psycopg
import pytest

from lightkeeper.simulation.agent.server import SimulatedAgent
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.store.database import open_database

ROOT = Path(__file__).parents[3]


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
        yield command_line.environment(
            tmp_path / "store.db", lighthouse, agent, DD_ENV="production"
        )


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


def _detail_of_settings(env, **more):
    done = command_line.run("check", env=env, **more)
    (line,) = [line for line in done.stdout.splitlines() if line[6:14] == "settings"]
    return done.returncode, line.removeprefix(line[:4]).split(maxsplit=1)[1]


SHIPPED = "monitors/variables.json"
OF_STAGING = "monitors/environments/staging.json"


@pytest.mark.parametrize(
    ("tagged", "status", "said"),
    [
        ({"DD_ENV": "production"}, 0, f"env production, which {SHIPPED} watches"),
        ({"DD_ENV": "Production "}, 0, f"env production, which {SHIPPED} watches"),
        ({"DD_TAGS": "env:production"}, 0, f"env production, which {SHIPPED} watches"),
        ({"DD_ENV": "Staging"}, 0, f"env staging, which {OF_STAGING} watches"),
        ({"DD_TAGS": "env:staging"}, 0, f"env staging, which {OF_STAGING} watches"),
        (
            {"DD_ENV": "qa"},
            1,
            "DD_ENV: qa, so no monitor sees this daemon: set it to production or staging, or "
            "write monitors/environments/NAME.json and apply it to your account",
        ),
        (
            {"DD_TAGS": "env:prod"},
            1,
            "DD_ENV: prod, so no monitor sees this daemon: set it to production or staging",
        ),
        (
            {},
            1,
            "DD_ENV: missing, so no monitor sees this daemon: set it to an env of monitors/: "
            "production or staging",
        ),
    ],
)
def test_the_env_is_compared_with_the_one_that_the_monitors_watch(env, tagged, status, said):
    """Under another env, or none, no monitor sees the daemon, whatever else works."""
    del env["DD_ENV"]

    found = _detail_of_settings(env | tagged, cwd=ROOT)

    assert (status, True) == (found[0], said in found[1]), found


def test_the_monitors_of_the_folder_are_compared_with(env, tmp_path):
    """Else the installed ones, whatever variables beside env they lack.

    Where it cannot be read the env is named and not compared.
    """
    variables = json.loads((ROOT / SHIPPED).read_text())
    folder = tmp_path / "monitors"
    folder.mkdir()
    (folder / "variables.json").write_text(json.dumps(variables | {"env": "Sandbox"}))
    assert (0, True) == _says(env | {"DD_ENV": "sandbox"}, tmp_path, "env sandbox, which mon")
    assert (1, True) == _says(env, tmp_path, "no monitor sees this daemon: set it to Sandbox")

    (folder / "variables.json").write_text('{"stage": "Sandbox", "env": "${stage}"}')
    assert (1, True) == _says(env, tmp_path, "no monitor sees this daemon: set it to Sandbox")
    (folder / "variables.json").write_text("{")
    assert (0, True) == _says(
        env, tmp_path, "env production, not compared: monitors/variables.json: line 1 column 2"
    )
    (folder / "variables.json").write_text('{"env": " "}')
    assert (0, True) == _says(env, tmp_path, "variables.json: env: [variable] missing")
    (folder / "variables.json").unlink()
    assert (0, True) == _says(env, tmp_path, "env production, no monitors/variables.json here")


def test_each_file_of_environments_names_an_env_that_monitors_watch(env, tmp_path):
    """The env inside it counts, not its name; one that cannot be read hides only its own."""
    others = tmp_path / "monitors" / "environments"
    others.mkdir(parents=True)
    (others.parent / "variables.json").write_text('{"stage": "x", "env": "Sandbox"}')
    (others / "a.json").write_text('{"stage": "load", "env": "${stage}-Test"}')
    assert (0, True) == _says(
        env | {"DD_ENV": "load-test"}, tmp_path, "which monitors/environments/a"
    )
    assert (0, True) == _says(env | {"DD_ENV": "sandbox"}, tmp_path, "which monitors/variables")
    assert (1, True) == _says(env | {"DD_ENV": "a"}, tmp_path, "set it to Sandbox or load-Te")

    (others / "b.json").write_text('{"env": "b"')
    (others / "c.json").write_text('{"env": "c", "stge": "y"}')
    assert (0, True) == _says(env | {"DD_ENV": "load-test"}, tmp_path, "which monitors/environ")
    assert (0, True) == _says(
        env | {"DD_ENV": "b"},
        tmp_path,
        "env b, not compared: monitors/environments/b.json: line 1",
    )


def _says(env, folder, words):
    status, detail = _detail_of_settings(env, cwd=folder)
    return status, words in detail


@pytest.mark.parametrize("tagged", [{"DD_ENV": "qa"}, {"DD_ENV": ""}, {"DD_ENV": "staging"}, {}])
def test_run_says_at_its_start_that_no_monitor_will_see_it(env, tmp_path, tagged):
    """Once, as a warning; under the env of the monitors it says nothing of the kind."""
    log = tmp_path / "run.log"
    with (
        log.open("w") as file,
        command_line.running("run", env=env | tagged, cwd=ROOT, stdout=file, stderr=file) as one,
    ):
        command_line.until(lambda: "service.started" in log.read_text())
        one.terminate()
        assert 0 == one.wait()

    said = [line for line in log.read_text().splitlines() if "service.env.unwatched" in line]
    assert (tagged in ({"DD_ENV": "qa"}, {"DD_ENV": ""})) == bool(said)
    assert all("warning" in line and "no monitor sees this daemon" in line for line in said)
    assert 1 >= len(said)


def _unwell(lighthouse):
    lighthouse.fail_share(1.0, 503, path="status")
    lighthouse.down("refuse", "single")


def _elsewhere(lighthouse):
    lighthouse.down("refuse", "single")
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
    assert failed in ({}, {"token": "not tried: it needs LIGHTKEEPER_LIGHTHOUSE_AUDIENCE"})
    assert {"database", "lighthouse", "agent"} - {part} == set(fine) - {"settings", "token"}


def test_every_missing_setting_is_named(env):
    """Without the settings for Lighthouse, the store and the Agent are tried."""
    ours = {name: value for name, value in env.items() if "LIGHTHOUSE" not in name}

    status, failed, fine = _checked(ours)

    assert 1 == status
    names = [f"LIGHTKEEPER_LIGHTHOUSE_{name}" for name in ("AUDIENCE", "CLIENT_ID", "PRIVATE_KEY")]
    url = "LIGHTKEEPER_LIGHTHOUSE_URL"
    for name in (*names, url):
        assert f"{name}: missing" in failed["settings"]
    assert f"not tried: it needs {', '.join((*names, url))}" == failed["token"]
    assert f"not tried: it needs {url}" == failed["lighthouse"]
    assert ["database", "agent"] == fine


KEY = "LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY"
WRONG = {
    "all but Lighthouse's": (
        {
            "LIGHTKEEPER_BATCH_SIZE": "many",
            "LIGHTKEEPER_SLOW_AFTER": "1",
            "LIGHTKEEPER_DATABASE_URL": "mysql://h/d",
            "DD_DOGSTATSD_URL": "http://h",
            "DD_DOGSTATSD_DISABLE": "true",
            "DD_ENV": " ",
        },
        {"database", "agent"},
    ),
    "no key and no database file": (
        {f"{KEY}_FILE": "/nowhere", "LIGHTKEEPER_DATABASE_URL_FILE": "/nowhere"},
        {"database", "token"},
    ),
    "a wrong URL": ({"LIGHTKEEPER_LIGHTHOUSE_URL": "ftp://h"}, {"token", "lighthouse"}),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_setting_keeps_no_other_part_from_being_tried(env, case):
    """Each wrong setting is named, and every part that does not need one is tried."""
    wrong, untried = WRONG[case]
    replaced = {name.removesuffix("_FILE") for name in wrong} - wrong.keys()

    status, failed, fine = _checked(env | wrong | dict.fromkeys(replaced, ""))

    assert 1 == status
    assert {"settings", *untried} == failed.keys()
    assert {"database", "token", "lighthouse", "agent"} - untried == set(fine)
    assert [] == [name for name in wrong if f"{name}: " not in failed["settings"]]
    assert all(failed[part].startswith("not tried: it needs ") for part in untried)


def test_a_wrong_settings_file_keeps_no_part_from_being_tried(env, tmp_path):
    """Its wrong line is named; without the file what it sets is not tried with defaults."""
    file = tmp_path / "lightkeeper.env"
    file.write_text(f"DD_ENV='test\nDD_TAGS=a:b\nLIGHTKEEPER_DATABASE_URL={env['HOME']}\n")
    of_file = env | {"LIGHTKEEPER_SETTINGS_FILE": str(file)}

    status, failed, fine = _checked(of_file)
    assert (1, {"settings"}) == (status, failed.keys())
    assert f"{file}:1: DD_ENV: write NAME=value" in failed["settings"]
    assert ["database", "token", "lighthouse", "agent"] == fine

    file.unlink()
    for name in ("LIGHTKEEPER_DATABASE_URL", "DD_DOGSTATSD_URL"):
        del of_file[name]
    status, failed, fine = _checked(of_file)
    assert (1, ["token", "lighthouse"]) == (status, fine)
    assert f"cannot read {file}: No such file" in failed["settings"]
    needed = "not tried: it needs LIGHTKEEPER_SETTINGS_FILE"
    assert (needed, needed) == (failed["database"], failed["agent"])


def test_a_key_or_store_that_others_may_read_is_named(env, tmp_path):
    """With the file, its rights, and what to do; the parts work all the same."""
    key, store = tmp_path / "key.pem", tmp_path / "store.db"
    key.write_text(env[KEY])
    env = env | {
        KEY: "",
        f"{KEY}_FILE": str(key),
        "DD_ENV": "",
        "DD_TAGS": "team:a env:production",
    }
    open_database(f"sqlite:///{store}", create=True).close()
    key.chmod(0o604)
    store.chmod(0o644)

    status, failed, fine = _checked(env)
    assert (1, ["token", "lighthouse", "agent"]) == (status, fine)
    assert {
        "settings": f"{KEY}_FILE: {key} is readable by others (mode 0604): chmod 600 it",
        "database": f"{store} is readable by others (mode 0644): chmod 600 it",
    } == failed

    for file in (key, store):
        file.chmod(0o600)
    assert 0 == _checked(env)[0]


def test_a_damaged_store_is_named(env, tmp_path):
    """A store with 9 kB of garbage in the middle of its file does not work."""
    store = tmp_path / "store.db"
    line = (
        '{"lighthouse_request_id":%d,"form_526_submission_id":"s","document_type":"form_0781"}\n'
    )
    lines = "".join(line % each for each in range(1, 2_000))
    assert 0 == command_line.run("track", "-", env=env, input=lines).returncode
    with store.open("r+b") as file:
        file.seek(store.stat().st_size // 2)
        file.write(bytes(range(1, 256)) * 36)

    status, failed, fine = _checked(env)

    assert (1, ["settings", "token", "lighthouse", "agent"]) == (status, fine)
    assert "the database is corrupt: stop lightkeeper, restore a backup" in failed["database"]


def test_a_role_that_may_create_no_tables_is_named(env, postgres_url):
    """An empty database in which `run` could make no store is no database to use."""
    role = f"reader_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN")
        admin.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        url = postgres_url.replace("user=postgres", f"user={role}")

        status, failed, _ = _checked(env | {"LIGHTKEEPER_DATABASE_URL": url})
        assert (1, {"database"}) == (status, failed.keys())
        assert "permission denied for schema public" in failed["database"]
        assert failed["database"].endswith(": let the role create tables in it")

        admin.execute(f"GRANT CREATE ON SCHEMA public TO {role}")
        assert 0 == _checked(env | {"LIGHTKEEPER_DATABASE_URL": url})[0]
        tables = admin.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        assert [] == tables.fetchall()
        admin.execute(f"REVOKE ALL ON SCHEMA public FROM {role}")
        admin.execute(f"DROP ROLE {role}")


def test_a_way_to_the_database_that_others_may_read_is_named(env):
    """Without verified TLS to another host there is a warning, whether or not it is reached."""
    far = "postgresql://keeper@192.0.2.1:1/lightkeeper?connect_timeout=1"
    for url, more, warned in (
        (far, {}, "sslmode=prefer"),
        (f"{far}&sslmode=require", {}, "sslmode=require"),
        (far, {"PGSSLMODE": "verify-ca"}, "sslmode=verify-ca"),
        (f"{far}&sslmode=verify-full&sslrootcert=system", {}, None),
        (far, {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": "system"}, None),
        ("postgresql://127.0.0.1:1/a,b", {}, None),
        ("postgresql://localhost:1/lightkeeper?sslmode=disable", {}, None),
    ):
        status, failed, _ = _checked(env | more | {"LIGHTKEEPER_DATABASE_URL": url})

        assert 1 == status
        assert (warned or "nothing") in f"{failed['database']} nothing"
        assert ("warning" in failed["database"]) == (warned is not None)


def test_a_database_that_is_not_for_us_is_named(env, postgres_url):
    """An encoding that holds no quotation mark, and a pooler that loses the claim, are faults."""
    name = postgres_url.partition("///")[2].partition("?")[0]
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(
            f"CREATE DATABASE {name}_latin1 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' "
            "TEMPLATE template0"
        )
        try:
            latin1 = {"LIGHTKEEPER_DATABASE_URL": postgres_url.replace(name, f"{name}_latin1")}
            status, failed, _ = _checked(env | latin1)
            one = ("--request-id", 5, "--submission-id", "s-1", "--document-type", "form_0781")
            tracked = command_line.run("track", *one, env=env | latin1)
        finally:
            admin.execute(f"DROP DATABASE {name}_latin1 WITH (FORCE)")
    assert (1, ["database"]) == (status, list(failed))
    assert f"create database {name}_latin1_utf8 encoding 'UTF8'" in failed["database"]
    assert failed["database"] == command_line.complaint(tracked, 78)

    with pgbouncer.before(postgres_url, "transaction") as url:
        for _ in range(2):  # with a store and without
            status, failed, _ = _checked(env | {"LIGHTKEEPER_DATABASE_URL": url})
            assert (1, ["database"]) == (status, list(failed))
            assert "a pooler in transaction mode" in failed["database"]
            open_database(postgres_url, create=True).close()
        polled = command_line.run("poll", env=env | {"LIGHTKEEPER_DATABASE_URL": url})
    assert failed["database"] == command_line.complaint(polled, 78)
