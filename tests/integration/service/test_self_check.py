"""What `check` says of a network and of a server's words, in this process."""

import os
import time
from contextlib import closing

import command_line
import psycopg
import pytest
import vets_api_table
from scripted_server import answer
from tls_front import Authority
from va_list import PATH, VAList

from lightkeeper.config.settings_file import SettingsFile
from lightkeeper.service.self_check import checks
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse
from lightkeeper.store.database import open_database

CA_FILE = "LIGHTKEEPER_LIGHTHOUSE_CA_FILE"
NETWORKS = [
    *("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"),
]


@pytest.fixture(scope="module")
def lighthouse():
    """A simulated Lighthouse for all tests."""
    with SimulatedLighthouse() as running:
        yield running


@pytest.fixture
def env(tmp_path, lighthouse, monkeypatch):
    """The environment of this process, with settings under which all but the Agent works."""
    found = command_line.environment(tmp_path / "store.db", lighthouse, DD_ENV="test")
    for name in NETWORKS:
        monkeypatch.delenv(name, raising=False)  # those of the machine that tests
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    yield monkeypatch
    lighthouse.clear_faults()


def _checked(name):
    (found,) = [each for each in checks(SettingsFile(os.environ)) if each.name == name]
    return found


@pytest.mark.parametrize(
    "words",
    [
        *("Service Unavailable", "Failed to verify payload.", "API rate limit exceeded"),
        "An invalid response was received from the upstream server",
        "failure to get a peer from the ring-balancer",
    ],
)
def test_known_words_of_a_server_are_shown(env, lighthouse, words):
    """Those of Lighthouse and its gateway, which say what is wrong."""
    lighthouse.fail_share(1.0, 502, {"errors": [{"detail": words}]}, path=None)

    said = _checked("lighthouse")
    assert (False, f"server_error: {words}: try again") == (
        said.ok,
        said.detail[: 25 + len(words)],
    )


@pytest.mark.parametrize(
    "words",
    [
        *("no veteran Quartermaine", "zebediah quartermaine not found", "ZEBEDIAH: Not Found"),
        *(
            "claim 796043735 failed",
            "Not Found\x1b[2J",
            "Not\u202eFound",
            "日本",
            "O'Hara",
            "\x07",
        ),
        *("payload z@va.example", "failed: 796-04-3735", "the access token is aT0k3n"),
    ],
)
def test_words_that_may_be_a_name_are_left_out(env, lighthouse, words):
    """In any case of letters, alone or in a sentence; the status remains."""
    lighthouse.fail_share(1.0, 502, {"message": words}, path=None)

    shown = "server_error: 502, with words that may name a person and are left out here: try again"
    assert _checked("lighthouse").detail.startswith(shown)


def test_what_other_programs_obey_in_a_network_is_named(env, tmp_path):
    """A root or proxy of the environment that is not used, unless the setting of ours is there."""
    assert "not used" not in _checked("settings").detail
    env.setenv("REQUESTS_CA_BUNDLE", "/etc/ssl/va.pem")
    env.setenv("SSL_CERT_FILE", "/etc/ssl/va.pem")
    env.setenv("all_proxy", "http://127.0.0.1:9")
    said = _checked("settings")
    assert said.ok
    assert "; ALL_PROXY not used: set LIGHTKEEPER_LIGHTHOUSE_PROXY to use a proxy" in said.detail
    assert f"; REQUESTS_CA_BUNDLE and SSL_CERT_FILE not used: set {CA_FILE} to" in said.detail

    env.setenv(CA_FILE, str(Authority(tmp_path).root_file()))
    env.setenv("LIGHTKEEPER_LIGHTHOUSE_PROXY", "http://keeper:word@127.0.0.1:9")
    said = _checked("settings").detail
    assert "not used" not in said
    assert said.endswith("; calls go through the proxy 127.0.0.1:9")


def test_vas_list_is_tried_where_it_is_set_and_its_settings_are_right(env):
    """Else it says which of them it needs."""
    assert "maintenance" not in {each.name for each in checks()}
    with VAList(time.time) as va:
        env.setenv("LIGHTKEEPER_MAINTENANCE_URL", va.url)
        va.announce("bgs", 1, 2)
        va.announce("evss", 1, 2)
        assert (True, f"{va.url}{PATH}: 1 windows listed") == _checked("maintenance")[1:]
        va.instead = answer(b'{"data": [{}]}')
        said = f"{va.url}{PATH}: 0 windows listed; 1 entries cannot be read: report it to VA"
        assert (False, said) == _checked("maintenance")[1:]
        asked = len(va.requests)
        env.setenv("LIGHTKEEPER_MAINTENANCE_SERVICES", "bgs")
        env.setenv("LIGHTKEEPER_LIGHTHOUSE_PROXY", "no url")
        needs = "LIGHTKEEPER_MAINTENANCE_SERVICES, LIGHTKEEPER_LIGHTHOUSE_PROXY"
        assert (False, f"not tried: it needs {needs}") == _checked("maintenance")[1:]
        assert asked == len(va.requests)


def test_vets_apis_table_is_tried_where_it_is_to_be_followed(env, postgres_url):
    """What is missing there is named, and a way to it that is not verified."""
    name = "LIGHTKEEPER_FOLLOW_SOURCE_URL"
    assert "vets-api" not in {each.name for each in checks()}
    env.setenv(name, postgres_url)
    missing = _checked("vets-api")
    assert not missing.ok
    assert "it names a database without vets-api's table" in missing.detail

    with psycopg.connect(postgres_url, autocommit=True) as source:
        source.execute(vets_api_table.CREATE.format(kind="TIMESTAMP(6)"))
    database = psycopg.conninfo.conninfo_to_dict(postgres_url)["dbname"]
    place = f"vets-api's PostgreSQL database {database}"
    assert (True, f"{place}: its table can be read") == _checked("vets-api")[1:]

    env.setenv(name, "postgresql://reader:hush@vets-api.invalid/vets_api")
    gone = _checked("vets-api")
    assert not gone.ok
    assert "warning: with sslmode=prefer the password" in gone.detail
    assert gone.detail.endswith(f"into {name}")
    assert "hush" not in gone.detail


def test_a_settings_file_and_a_wal_that_others_may_read_are_named(env, tmp_path):
    """Where the file holds a password; the -wal holds documents, as the store does."""
    store, file = tmp_path / "store.db", tmp_path / "settings.env"
    file.write_text("LIGHTKEEPER_LIGHTHOUSE_PROXY=http://keeper:word@127.0.0.1:9\n")
    file.chmod(0o640)
    read = SettingsFile(os.environ | {"LIGHTKEEPER_SETTINGS_FILE": str(file)})
    read.read()
    with closing(open_database(f"sqlite:///{store}", create=True)) as database:
        database.try_write(1)  # SQLite sets the rights of a -wal that is empty
        (tmp_path / "store.db-wal").chmod(0o644)
        settings, of_store, *_ = checks(read)

    assert f"{file} is readable by others (mode 0640): chmod 600 it" in settings.detail
    assert f"{store}-wal is readable by others (mode 0644): chmod 600 it" == of_store.detail
    assert not settings.ok
    assert not of_store.ok


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "compare client id, audience and private key with those VA has on record"),
        (429, "try again; if it persists, ask Lighthouse's support"),
        (503, "try again; if it persists, ask Lighthouse's support"),
        (404, "this is not the token endpoint: check LIGHTKEEPER_LIGHTHOUSE_TOKEN_URL"),
        (200, "this is not the token endpoint: check LIGHTKEEPER_LIGHTHOUSE_TOKEN_URL"),
    ],
)
def test_a_key_is_blamed_only_where_it_is_refused(env, lighthouse, status, advice):
    """A limit, an outage or a wrong address of the token endpoint calls for something else."""
    lighthouse.fail_share(1.0, status, b"<p>no", path="token")

    said = _checked("token").detail
    assert f"the OAuth token endpoint answered {status}: no JSON object: {advice}" == said


def test_calls_about_several_documents_that_fail_are_told_from_all_that_fail(env, lighthouse):
    """The daemon polls singly then; where every call fails, that says nothing new."""
    lighthouse.fail_share(1.0, 503, {"message": "unavailable"}, path="status")
    singly = _checked("lighthouse")
    lighthouse.fail_share(1.0, 503, {"message": "unavailable"}, path=None)

    assert not singly.ok
    assert singly.detail.startswith(
        "server_error: unavailable: calls about several documents fail"
    )
    assert "several documents" not in _checked("lighthouse").detail


def test_a_check_leaves_the_time_that_the_daemon_wrote(env, tmp_path):
    """A daemon that does not find what it wrote takes its store for overwritten."""
    with closing(open_database(f"sqlite:///{tmp_path}/store.db", create=True)) as daemon:
        daemon.claim()
        for at in range(1, 4):
            daemon.try_write(at)
            assert _checked("database").ok
            assert at == daemon.watched_at()
