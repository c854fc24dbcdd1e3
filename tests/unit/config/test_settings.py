"""Settings: right values are read, wrong ones named all at once, secrets never printed."""

import functools
import os
import pwd
import tempfile
import traceback
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from lightkeeper.config.settings import MAX_TAG_BYTES, Settings, SettingsError, unknown_settings
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.time import DAY, HOUR, MINUTE, SECOND

ORDER = (
    "LIGHTKEEPER_SLOW_AFTER, LIGHTKEEPER_STUCK_AFTER, LIGHTKEEPER_OVERDUE_AFTER: "
    "each must be at least as long as the one before"
)


@functools.cache
def _rsa(bits=2048):
    return rsa.generate_private_key(public_exponent=65_537, key_size=bits)


def _pem(key, encryption=None, form=PrivateFormat.PKCS8):
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption()).decode()


@pytest.fixture
def lighthouse():
    """The settings that polling Lighthouse needs."""
    return {
        "LIGHTHOUSE_URL": "https://lighthouse.example.gov",
        "LIGHTHOUSE_AUDIENCE": "https://auth.example.gov/aud",
        "LIGHTHOUSE_CLIENT_ID": "keeper",
        "LIGHTHOUSE_PRIVATE_KEY": _pem(_rsa()),
    }


@pytest.fixture
def load(monkeypatch):
    """A function that reads settings from the environment it is given."""

    def loaded(lighthouse=False, **variables):
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                is_ours = not name.startswith(("DD_", "DATADOG_", "CREDENTIALS_", "RUNTIME_"))
                patch.setenv(f"LIGHTKEEPER_{name}" if is_ours else name, value)
            return Settings.load(lighthouse=lighthouse)

    return loaded


@pytest.fixture
def problems(load):
    """A function that reads wrong settings and returns the problems named."""

    def refused(lighthouse=False, **variables):
        with pytest.raises(SettingsError) as wrong:
            load(lighthouse, **variables)
        assert 78 == wrong.value.exit_status
        assert ["wrong settings:", *(f"  {line}" for line in wrong.value.problems)] == (
            str(wrong.value).splitlines()
        )
        return wrong.value.problems

    return refused


def test_without_any_setting_there_are_defaults(load):
    """Defaults: a store in the working directory, the usual thresholds, an Agent on localhost."""
    settings = load()

    assert "sqlite:///lightkeeper.db" == settings.database_url.get_secret_value()
    assert Policy() == settings.policy
    assert Policy(24 * HOUR, 48 * HOUR, 96 * HOUR, 7 * DAY, 7 * DAY) == settings.policy
    assert (100, None) == (settings.batch_size, settings.max_calls_per_minute)
    assert "udp://localhost:8125" == settings.agent_url


def test_every_setting_is_read(load, lighthouse):
    """Each variable sets its setting; an empty variable counts as unset."""
    settings = load(
        lighthouse=True,
        **lighthouse,
        LIGHTHOUSE_TOKEN_URL="https://auth.example.gov/token/",
        DATABASE_URL="postgresql://keeper:geheim@db.example.gov/documents",
        BATCH_SIZE="50",
        MAX_CALLS_PER_MINUTE="30",
        SLOW_AFTER="90s",
        STUCK_AFTER="30m",
        OVERDUE_AFTER="1.5h",
        NOT_FOUND_FAILS_AFTER="2d",
        RECHECK_WINDOW=" 3 d ",
        DD_DOGSTATSD_URL="unix:///var/run/datadog/dsd.socket",
    )

    assert "https://lighthouse.example.gov" == settings.lighthouse_url
    assert "https://auth.example.gov/token" == settings.token_url
    assert ("https://auth.example.gov/aud", "keeper") == (
        settings.lighthouse_audience,
        settings.lighthouse_client_id,
    )
    assert lighthouse["LIGHTHOUSE_PRIVATE_KEY"] == (
        settings.lighthouse_private_key.get_secret_value()
    )
    assert "postgresql://keeper:geheim@db.example.gov/documents" == (
        settings.database_url.get_secret_value()
    )
    assert (50, 30) == (settings.batch_size, settings.max_calls_per_minute)
    assert Policy(90 * SECOND, 30 * MINUTE, 90 * MINUTE, 2 * DAY, 3 * DAY) == settings.policy
    assert "unix:///var/run/datadog/dsd.socket" == settings.agent_url


def test_the_token_endpoint_is_lighthouses_own_by_default(load, lighthouse):
    """Without a token URL, tokens come from Lighthouse's own path."""
    settings = load(lighthouse=True, **lighthouse | {"LIGHTHOUSE_URL": "https://a.example/"})

    assert "https://a.example/oauth2/benefits-documents/system/v1/token" == settings.token_url


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({"DD_AGENT_HOST": "agent"}, "udp://agent:8125"),
        ({"DD_AGENT_HOST": "10.0.0.1", "DD_DOGSTATSD_PORT": "1"}, "udp://10.0.0.1:1"),
        ({"DD_AGENT_HOST": "::1"}, "udp://[::1]:8125"),
        ({"DD_AGENT_HOST": "fe80::1%eth0"}, "udp://[fe80::1%eth0]:8125"),
        ({"DD_AGENT_HOST": "a", "DD_DOGSTATSD_URL": "udp://b:2"}, "udp://b:2"),
    ],
)
def test_where_the_agent_listens(load, variables, url):
    """Datadog's own variables set it: the URL wins over host and port."""
    assert url == load(**variables).agent_url


def test_all_problems_are_named_together(problems):
    """Wrong, missing and inconsistent settings are one list, by variable name."""
    assert [
        "DD_DOGSTATSD_PORT: must be at most 65535",
        "DD_DOGSTATSD_URL: must be unix:///var/run/datadog/dsd.socket or udp://localhost:8125",
        "LIGHTKEEPER_BATCH_SIZE: must be at least 1",
        "LIGHTKEEPER_DATABASE_URL_FILE: cannot read /nowhere: No such file or directory",
        "LIGHTKEEPER_LIGHTHOUSE_AUDIENCE: missing: set it",
        "LIGHTKEEPER_LIGHTHOUSE_CLIENT_ID: missing: set it",
        "LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY: must be an unencrypted private key in PEM format",
        "LIGHTKEEPER_LIGHTHOUSE_URL: must be https, because the access token is sent there",
        "LIGHTKEEPER_SLOW_AFTER: must be a number with a unit, such as 90s, 30m, 48h or 7d",
    ] == problems(
        lighthouse=True,
        BATCH_SIZE="0",
        DATABASE_URL_FILE="/nowhere",
        LIGHTHOUSE_PRIVATE_KEY="no key",
        LIGHTHOUSE_URL="http://lighthouse.example.gov",
        SLOW_AFTER="soon",
        DD_DOGSTATSD_URL="localhost:8125",
        DD_DOGSTATSD_PORT="99999",
    )
    assert [
        "LIGHTKEEPER_LIGHTHOUSE_AUDIENCE: missing: set it",
        "LIGHTKEEPER_LIGHTHOUSE_CLIENT_ID: missing: set it",
        "LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY: missing: set it, or "
        "LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY_FILE",
        "LIGHTKEEPER_LIGHTHOUSE_URL: missing: set it",
        ORDER,
    ] == problems(lighthouse=True, STUCK_AFTER="1h", LIGHTHOUSE_AUDIENCE="")


def test_only_polling_needs_lighthouses_settings(load):
    """Commands that use the store alone need none of them, and check none of them."""
    settings = load(LIGHTHOUSE_PRIVATE_KEY="no key")

    assert "no key" == settings.lighthouse_private_key.get_secret_value()
    assert settings.lighthouse_url is None


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        ("1s", SECOND),
        ("90s", 90 * SECOND),
        ("0.5h", 30 * MINUTE),
        (" 2 d", 2 * DAY),
        ("7m", 7 * MINUTE),
    ],
)
def test_a_duration_has_a_unit(load, value, milliseconds):
    """Seconds, minutes, hours or days."""
    assert milliseconds == load(RECHECK_WINDOW=value).recheck_window


@pytest.mark.parametrize(
    "value",
    ["90", "h", "-1h", "1w", "1h30m", "1e3s", "0s", "0.0001s", "1 h 2", "9" * 400 + "s"],
)
def test_a_wrong_duration_is_refused(problems, value):
    """Without unit or number, or out of range: refused with what to write."""
    (problem,) = problems(RECHECK_WINDOW=value)

    assert problem.startswith("LIGHTKEEPER_RECHECK_WINDOW: ")
    assert problem.endswith(
        ("must be a number with a unit, such as 90s, 30m, 48h or 7d", "must be more than 0")
    )


@pytest.mark.parametrize("name", ["LIGHTHOUSE_URL", "LIGHTHOUSE_TOKEN_URL"])
def test_http_is_for_loopback_alone(load, problems, name):
    """A token is sent unencrypted to this machine only."""
    for host in ("localhost", "127.0.0.1", "[::1]", "LOCALHOST"):
        load(**{name: f"http://{host}:8080"})
    for host in ("lighthouse.example.gov", "10.0.0.1", "127.0.0.1.example.gov", "localhost.gov"):
        assert [
            f"LIGHTKEEPER_{name}: must be https, because the access token is sent there"
        ] == problems(**{name: f"http://{host}"})


@pytest.mark.parametrize("name", ["LIGHTHOUSE_URL", "LIGHTHOUSE_TOKEN_URL"])
@pytest.mark.parametrize(
    "value",
    [
        "lighthouse.example.gov",
        "ftp://lighthouse.example.gov",
        "https://",
        "https://?",
        "https://keeper:geheim@lighthouse.example.gov",
        "https://lighthouse.example.gov?geheim",
        "https://lighthouse.example.gov#geheim",
        "https://lighthouse.example.gov:99999",
        "https://lighthouse.example.gov:geheim",
        "https://[geheim]",
        "https://[::1",
    ],
)
def test_a_wrong_url_is_refused(problems, name, value):
    """A URL has a scheme, a host and no secret; the message does not repeat it."""
    (problem,) = problems(**{name: value})

    assert problem.startswith(f"LIGHTKEEPER_{name}: ")
    assert "geheim" not in problem


@pytest.mark.parametrize(
    "value",
    ["sqlite:///a.db", "sqlite:////var/lib/a.db", "postgres://h/d", "postgresql:///d?host=/s"],
)
def test_a_database_is_sqlite_or_postgresql(load, value):
    """SQLite files, relative and absolute, and PostgreSQL under both its schemes."""
    assert value == load(DATABASE_URL=value).database_url.get_secret_value()


@pytest.mark.parametrize(
    "value",
    [
        "a.db",
        "/var/lib/a.db",
        "sqlite:a.db",
        "sqlite://a.db",
        "sqlite:///",
        "sqlite:///:memory:?cache=shared",
        "sqlite:///file::memory:?cache=shared",
        "sqlite:///a.db?mode=ro",
        "mysql://u:geheim@h/d",
        "postgresql+psycopg://u:geheim@h/d",
    ],
)
def test_a_wrong_database_is_refused(problems, value):
    """Other databases, options and half a URL are refused."""
    assert [
        "LIGHTKEEPER_DATABASE_URL: must be sqlite:///relative.db, sqlite:////absolute/path.db or "
        "postgresql://user@host/name"
    ] == problems(DATABASE_URL=value)


@pytest.mark.parametrize(
    "path",
    [
        *(":memory:", "%3Amemory%3A", "./:memory:", "/:memory:", "a/../:memory:", ":memory:%20"),
        *("file::memory:", "file:a.db", "file:%3Amemory%3A", "%66ile:/var/lib/a.db"),
        *("%20", "/", ".", "..", "./", "%2e", "/var/lib/", "a/.", "%00", "a%00b/c.db"),
    ],
)
def test_what_sqlite_keeps_in_memory_is_no_store(problems, path):
    """Whatever names no file is refused, however it is written: it would be gone at the end."""
    (problem,) = problems(DATABASE_URL=f"sqlite:///{path}")

    assert problem.startswith("LIGHTKEEPER_DATABASE_URL: names no file of its own")


@pytest.mark.parametrize(
    "value", ["udp://", "udp://h:99999", "udp://h:x", "http://h", "unix://", "x"]
)
def test_a_wrong_agent_url_is_refused(problems, value):
    """It is refused at the start, not when the first signal is sent."""
    (problem,) = problems(DD_DOGSTATSD_URL=value)

    assert problem.startswith("DD_DOGSTATSD_URL: ")


def test_a_limit_of_calls_is_a_number_that_can_be_kept_to(problems):
    """A number of hundreds of digits is refused at the start, not when it is reckoned with."""
    assert ["LIGHTKEEPER_MAX_CALLS_PER_MINUTE: must be at most 100000"] == problems(
        MAX_CALLS_PER_MINUTE="9" * 400
    )


@pytest.mark.parametrize("value", ["true", "True", "TRUE", "yes", "1", "on"])
def test_a_switch_that_silences_metrics_is_refused(problems, load, value):
    """The daemon does not start where Datadog's client is told to send nothing."""
    assert ["DD_DOGSTATSD_DISABLE: lightkeeper would publish nothing: unset it"] == problems(
        DD_DOGSTATSD_DISABLE=value
    )
    for harmless in ("", "false", "0", "no"):
        load(DD_DOGSTATSD_DISABLE=harmless)


@pytest.mark.parametrize("name", ["DATADOG_TAGS", "DD_TAGS"])
def test_tags_that_fill_a_datagram_are_refused(problems, load, name):
    """Tags with which the Agent would drop every signal are a wrong setting."""
    most = "team:" + "x" * (MAX_TAG_BYTES - 5)
    load(**{name: most})

    assert [
        f"{name}: is 1,401 bytes long, and the Agent would drop each signal: shorten it to 1,400"
    ] == problems(**{name: most + "x"})


@pytest.mark.parametrize(
    "variables",
    [
        *({"DD_DOGSTATSD_PORT": value} for value in ("0", "x")),
        *({"DD_AGENT_HOST": value} for value in ("http://h:1", "h:8125", "10.0.0.5:8125", ":::")),
    ],
)
def test_a_wrong_agent_host_or_port_is_refused(problems, variables):
    """A host or port that cannot be right is named by its variable."""
    ((name, _),) = variables.items()

    assert [True] == [problem.startswith(f"{name}: ") for problem in problems(**variables)]


def _wrong_keys():
    rsa_key = _rsa()
    yield "", "missing: set it, or LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY_FILE"
    for text in (
        "geheim",
        "-----BEGIN PRIVATE KEY-----\ngeheim\n-----END PRIVATE KEY-----",
        _pem(rsa_key).replace("\n", "\\n"),
        _pem(rsa_key)[:500],
        _pem(rsa_key, BestAvailableEncryption(b"geheim")),
        rsa_key.public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        .decode(),
        # A kind of key that does not exist.
        "-----BEGIN PRIVATE KEY-----\nMA8CAQAwBgYEKgMEBQQCAAA=\n-----END PRIVATE KEY-----",
    ):
        yield text, "must be an unencrypted private key in PEM format"
    for key in (
        rsa.generate_private_key(public_exponent=65_537, key_size=1024),
        ec.generate_private_key(ec.SECP256R1()),
        ed25519.Ed25519PrivateKey.generate(),
    ):
        yield _pem(key), "must be an RSA key of at least 2048 bits"


def test_a_wrong_key_is_refused(problems, lighthouse):
    """Anything but an unencrypted RSA key of at least 2048 bits is refused at the start."""
    for key, problem in _wrong_keys():
        assert [f"LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY: {problem}"] == problems(
            lighthouse=True, **lighthouse | {"LIGHTHOUSE_PRIVATE_KEY": key}
        )


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_right_key_is_read(load, lighthouse, form):
    """RSA keys in both of OpenSSL's formats, with blanks around them."""
    key = f"\n{_pem(_rsa(), form=form)}\n"

    settings = load(lighthouse=True, **lighthouse | {"LIGHTHOUSE_PRIVATE_KEY": key})

    read = settings.lighthouse_private_key.get_secret_value()
    assert _rsa().public_key() == load_pem_private_key(read.encode(), None).public_key()


def test_a_secret_may_come_from_a_file(load, lighthouse, tmp_path):
    """Key and database URL are read from …_FILE, without a line end after them."""
    (tmp_path / "key").write_text(lighthouse.pop("LIGHTHOUSE_PRIVATE_KEY"))
    (tmp_path / "url").write_text("postgresql://keeper:geheim@h/d\n")

    settings = load(
        lighthouse=True,
        **lighthouse,
        LIGHTHOUSE_PRIVATE_KEY_FILE=str(tmp_path / "key"),
        DATABASE_URL_FILE=str(tmp_path / "url"),
    )

    assert _pem(_rsa()).strip() == settings.lighthouse_private_key.get_secret_value()
    assert "postgresql://keeper:geheim@h/d" == settings.database_url.get_secret_value()


def test_secrets_are_found_where_systemd_puts_them(load, lighthouse, tmp_path):
    """A credential is named like its variable, in lower case; a reload's wins over the start's."""
    at_start, at_reload = tmp_path / "credentials", tmp_path / "run" / "credentials"
    at_start.mkdir()
    at_reload.mkdir(parents=True)
    (at_start / "lightkeeper_lighthouse_private_key").write_text("an old one")
    (at_start / "lightkeeper_database_url").write_text("postgresql://keeper:pw@db/keeper\n")
    key = lighthouse.pop("LIGHTHOUSE_PRIVATE_KEY")
    (at_reload / "lightkeeper_lighthouse_private_key").write_text(key)
    systemd = {
        "CREDENTIALS_DIRECTORY": str(at_start),
        "RUNTIME_DIRECTORY": f"{tmp_path}/run:/run/other",
    }

    found = load(lighthouse=True, **lighthouse, **systemd)
    outweighed = load(DATABASE_URL="sqlite:///own.db", **systemd)

    assert key.strip() == found.lighthouse_private_key.get_secret_value()
    assert "postgresql://keeper:pw@db/keeper" == found.database_url.get_secret_value()
    assert "sqlite:///own.db" == outweighed.database_url.get_secret_value()


def test_a_credential_that_may_not_be_read_is_a_wrong_setting(problems, tmp_path):
    """It is named, and no older credential is used instead."""
    (tmp_path / "lightkeeper_database_url").write_text("postgresql://keeper:pw@db/keeper\n")
    with tempfile.TemporaryDirectory() as runtime:
        Path(runtime).chmod(0o711)
        Path(runtime, "credentials").mkdir(mode=0o000)
        with as_nobody():
            found = problems(RUNTIME_DIRECTORY=runtime, CREDENTIALS_DIRECTORY=str(tmp_path))

    assert [
        f"{name}: cannot read {runtime}/credentials/{name.lower()}: Permission denied"
        for name in (
            "LIGHTKEEPER_DATABASE_URL",
            "LIGHTKEEPER_FOLLOW_SOURCE_URL",
            "LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY",
        )
    ] == found


@contextmanager
def as_nobody():
    """Run as a user who may not read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("name", ["LIGHTHOUSE_PRIVATE_KEY", "DATABASE_URL"])
def test_a_wrong_secret_file_is_named(problems, lighthouse, tmp_path, name):
    """A missing, binary or empty file, or a folder, is named by its path, and only once."""
    lighthouse.pop("LIGHTHOUSE_PRIVATE_KEY") if name == "LIGHTHOUSE_PRIVATE_KEY" else None
    (tmp_path / "binary").write_bytes(b"\xff\xfe\0")
    (tmp_path / "empty").write_text("\n")
    files = {
        "missing": "cannot read {}: No such file or directory",
        ".": "cannot read {}: Is a directory",
        "binary": "cannot read {}: not text",
        "empty": "{} is empty",
    }
    for file, problem in files.items():
        path = str(tmp_path / file)
        found = problems(lighthouse=True, **lighthouse, **{f"{name}_FILE": path})

        assert f"LIGHTKEEPER_{name}_FILE: {problem.format(path)}" in found
        assert not [line for line in found if "missing" in line.replace(path, "")]


def test_a_secret_is_set_once(problems, lighthouse, tmp_path):
    """A secret is set by the variable or by its file, not by both."""
    (tmp_path / "key").write_text(_pem(_rsa()))

    assert [
        "LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY: set together with "
        "LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY_FILE: remove one of the two"
    ] == problems(lighthouse=True, **lighthouse, LIGHTHOUSE_PRIVATE_KEY_FILE=str(tmp_path / "key"))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://keeper:geheim@h/d",
        "postgresql://keeper:geheim@ho\N{ACCOUNT OF}st/d",
        "postgresql://keeper:p[geheim]@h/d",
        "postgresql://keeper:geheim@[::1/d",
        "oracle://keeper:geheim@h/d",
    ],
)
def test_secrets_are_never_shown(load, lighthouse, url):
    """Neither the settings nor the problems contain a password or a key."""
    key = "-----BEGIN PRIVATE KEY-----\ngeheim\n-----END PRIVATE KEY-----"
    shown = []
    for more in ({}, {"BATCH_SIZE": "x"}, {"LIGHTHOUSE_PRIVATE_KEY": key, "BATCH_SIZE": "x"}):
        try:
            settings = load("BATCH_SIZE" in more, **lighthouse | more | {"DATABASE_URL": url})
            shown += [repr(settings), str(settings), settings.model_dump_json()]
        except SettingsError as exc:
            shown += ["".join(traceback.format_exception(exc)), repr(exc), str(exc.problems)]

    assert 9 == len(shown)
    assert [] == [text for text in shown if "geheim" in text or "MII" in text]


def test_settings_stay_as_they_were_read(load):
    """Settings cannot be changed once they are read."""
    with pytest.raises(ValueError, match="frozen"):
        load().batch_size = 5


def test_unknown_settings_are_named():
    """Variables with our prefix that are no setting are named, with the nearest that is one."""
    names = {
        "LIGHTKEEPER_STUK_AFTER": "1h",
        "LIGHTKEEPER_LIGHTHOUSE_URL_FILE": "x",
        "LIGHTKEEPER_DD_ENV": "x",
        "OTHER": "x",
        "DD_ENV": "x",
        "LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY_FILE": "x",
        "LIGHTKEEPER_DATABASE_URL_FILE": "x",
    }
    names |= {
        f"LIGHTKEEPER_{name.upper()}": "x"
        for name, field in Settings.model_fields.items()
        if field.validation_alias is None
    }

    assert [
        "LIGHTKEEPER_DD_ENV",
        "LIGHTKEEPER_LIGHTHOUSE_URL_FILE (did you mean LIGHTKEEPER_LIGHTHOUSE_URL?)",
        "LIGHTKEEPER_STUK_AFTER (did you mean LIGHTKEEPER_STUCK_AFTER?)",
    ] == unknown_settings(names)


@pytest.mark.parametrize("hour", ["-1", "24", "14:00", "noon"])
def test_an_hour_of_the_day_is_a_whole_number_up_to_23(problems, load, hour):
    """In UTC; the default is 14."""
    (problem,) = problems(DAILY_COUNT_HOUR=hour)

    assert problem.startswith("LIGHTKEEPER_DAILY_COUNT_HOUR: must be ")
    assert (14, 0) == (load().daily_count_hour, load(DAILY_COUNT_HOUR="0").daily_count_hour)
