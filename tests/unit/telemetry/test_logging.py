"""Logs: JSON for machines, lines for people, and nothing personal in either."""

import collections
import enum
import json
import sys
import time

import pytest
import structlog
from patience import at_most
from pydantic import SecretStr

from lightkeeper.telemetry import logging as logs
from lightkeeper.telemetry.logging import REDACTED, redact

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJrZWVwZXIifQ.c2lnbmF0dXJl-_"
PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvgIBADANBg\n-----END PRIVATE KEY-----"


@pytest.fixture
def logged(capsys):
    """A function that gives the lines logged so far, each as an object."""
    return lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"key {PEM} end", "key [redacted] end"),
        (PEM.replace("\n", "\\n"), "[redacted]"),
        (PEM[:40], "[redacted]"),
        (f"got {JWT}.", "got [redacted]"),
        (f"access-{JWT}", "access-[redacted]"),
        (f"{JWT}.key.text", "[redacted]"),
        ("Authorization: Bearer abc.DEF-1/2+3==", "Authorization: [redacted]"),
        ("?access_token=abc&scope=x", "?access_[redacted]&scope=x"),
        ('{"access_token": "abc", "expires_in": 300}', '{"access_[redacted]", "expires_in": 300}'),
        ("{'password': 'abc', 'a': 1}", "{'[redacted]', 'a': 1}"),
        ("host=h password=abc dbname=d", "host=h [redacted] dbname=d"),
        ("postgresql://keeper:abc@h/d", "postgresql://[redacted]@h/d"),
        ("postgresql://keeper:a@b/c@h/d", "postgresql://[redacted]@h/d"),
        ("postgresql://:abc@h/d", "postgresql://[redacted]@h/d"),
        ("from John.Smith+x@mail.example.gov to", "from [redacted] to"),
        ("?mail=john%40example.gov&a=b", "?mail=[redacted]&a=b"),
        ("cannot read scan.PDF", "cannot read [redacted]"),
        ("https://h/uploads/John_Smith.pdf?x=1", "https://h/uploads/[redacted]?x=1"),
        ("C:\\scans\\John.docx", "C:\\scans\\[redacted]"),
        ("'John Q Smith DD214.pdf' is", "'[redacted]' is"),
        ('{"fileName":"John Smith.jpeg"}', '{"fileName":"[redacted]"}'),
        ("a.pdf, b.jpg; (c.txt)", "[redacted], [redacted]; ([redacted])"),
        ("number 123-45-6789.", "number [redacted]."),
    ],
)
def test_what_is_secret_or_personal_is_redacted(text, shown):
    """Keys, tokens, passwords, addresses, file names and SSNs are redacted anywhere in a text."""
    assert shown == redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "poll.call.failed",
        "token_unavailable: no token: connection refused",
        "2026-11-23T14:05:00.123456Z",
        "https://sandbox-api.va.gov/services/benefits-documents/v1/uploads/status",
        "http://127.0.0.1:8080/uploads",
        "https://h:8443/a?b=c:d",
        "/var/lib/lightkeeper/lightkeeper.db: database is locked",
        "postgresql:///lightkeeper?host=/run/postgresql",
        "no such table: form_526_document_submissions",
        "1234567890",
        "CLAIMS_EVIDENCE",
        "lightkeeper.documents.outcomes",
        'File "/usr/lib/lightkeeper/cycle.py", line 77, in step',
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    ],
)
def test_what_is_neither_stays_readable(text):
    """Event names, times, addresses, ids and reasons are not redacted."""
    assert text == redact(text)


class _Color(enum.StrEnum):
    RED = "red"


Place = collections.namedtuple("Place", ["step", "mail"])


def test_nothing_hides_in_depth():
    """Dicts, lists, tuples, sets, keys and objects that turn into text are redacted too."""
    hidden = {
        "a": [{"b": ("x@example.gov", {JWT})}],
        "access_token": {"value": 1},
        "Authorization": "Basic abc",
        "private_key_pem": b"abc",
        "fileName": "a b",
        "john@example.gov": 1,
        ("tuple", "scan.pdf"): 2,
        7: SecretStr("abc"),
        "bytes": b"x@example.gov",
        "error": ValueError("bad scan.pdf"),
        "place": Place("s", "x@example.gov"),
        "color": _Color.RED,
        "plain": [1, 2.5, True, None],
    }

    assert {
        "a": [{"b": [REDACTED, [REDACTED]]}],
        "access_token": REDACTED,
        "Authorization": REDACTED,
        "private_key_pem": REDACTED,
        "fileName": REDACTED,
        REDACTED: 1,
        f"('tuple', '{REDACTED}')": 2,
        "7": "**********",
        "bytes": f"b'{REDACTED}'",
        "error": f"bad {REDACTED}",
        "place": ["s", REDACTED],
        "color": "red",
        "plain": [1, 2.5, True, None],
    } == redact(hidden)


@pytest.mark.speed
@pytest.mark.parametrize(
    "piece",
    ["a", "a.", "a@", "a@b.", "%40", "eyJ-", "eyJaaaaaa.", "://", "://a:", ":a@", "token ",
     "token=", "token'", "'", "'a", '".pdf', ".pdf",
     "-----BEGIN x", "123-", "bearer ", "/", " ", "\n", "é"],
)  # fmt: skip
def test_a_long_text_costs_no_time(piece):
    """Redacting takes a moment, whatever the text is made of."""
    began = time.process_time()

    redact(piece * (100_000 // len(piece)))

    assert time.process_time() - began < at_most(2)


def test_under_systemd_each_event_is_one_json_object(logged):
    """Name, level, time and fields are on one line, whatever the fields hold."""
    logs.configure()
    log = structlog.get_logger()
    log.info("poll.done", lighthouse_request_id=21, text="two\nlines \x00 😀 \ud800", none=None)
    log.warning("odd", counts={("form_0781", "missing"): 3}, when={1: 2}, place=object)

    first, second = logged()

    assert ("poll.done", "info", 21, None) == (
        first["event"],
        first["level"],
        first["lighthouse_request_id"],
        first["none"],
    )
    assert "two\nlines \x00 😀 \ud800" == first["text"]
    assert first["timestamp"].endswith("Z")
    assert ("warning", {"('form_0781', 'missing')": 3}, {"1": 2}) == (
        second["level"],
        second["counts"],
        second["when"],
    )


def test_datadogs_fields_join_logs_to_the_rest(logged):
    """`dd.env`, `dd.service` and `dd.version` are in every line as they were given."""
    unified = {"dd.env": "staging", "dd.service": "lightkeeper", "dd.version": "1"}
    logs.configure(unified=unified)
    structlog.get_logger().info("one")
    structlog.get_logger().error("two")

    lines = logged()

    assert [unified] * 2 == [{key: line[key] for key in unified} for line in lines]
    assert ["one", "two"] == [line["event"] for line in lines]


def test_an_exception_is_logged_without_what_it_must_not_say(logged):
    """A traceback keeps its lines; what its messages quote is redacted, causes included."""
    logs.configure()
    try:
        try:
            raise ValueError(f"cannot read John.pdf with {JWT}")
        except ValueError as exc:
            raise RuntimeError("GET https://keeper:abc@h/x@example.gov: 123-45-6789") from exc
    except RuntimeError:
        structlog.get_logger().exception("service.job.crashed", job="poll")

    (line,) = logged()

    assert ("service.job.crashed", "error", "poll") == (line["event"], line["level"], line["job"])
    assert "Traceback (most recent call last):" in line["exception"]
    assert "ValueError: cannot read [redacted] with [redacted]" in line["exception"]
    assert "RuntimeError: GET https://[redacted]" in line["exception"]
    for secret in ("John", "eyJ", "abc", "6789", "x@example"):
        assert secret not in line["exception"]


@pytest.mark.parametrize(("level", "heard"), [("debug", 3), ("info", 2), ("error", 1)])
def test_a_level_keeps_what_is_below_it_quiet(logged, level, heard):
    """Nothing below the level is logged, all at or above it is."""
    logs.configure(level=level)
    log = structlog.get_logger()
    log.debug("a")
    log.info("b")
    log.error("c")

    assert heard == len(logged())


def test_on_a_terminal_a_line_is_for_people(capsys, monkeypatch):
    """It is not JSON, and holds nothing personal."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    logs.configure(unified={"dd.env": "staging"})
    structlog.get_logger().info("poll.done", mail="x@example.gov")

    said = capsys.readouterr().err

    assert "poll.done" in said
    assert "{" not in said
    assert "example.gov" not in said
    assert "staging" not in said


@pytest.mark.parametrize(
    "text",
    [
        "medical records (1).pdf",
        "cannot store John Smith DD214.pdf now",
        "Authorization: Basic am9objpzZWNyZXQ=",
        "apikey: abc123secret",
        "x-api-key: abc123secret",
        "api-key=abc123secret",
        "password: abc123secret",
        "client_secret%3Dabc123secret",
        "Token: abcdefghijklmnop123secret",
        "john%2540va.gov",
        {"ssn": "123secret"},
        {"fileNumber": "123secret"},
        {"participant_id": 123456789},
    ],
)
def test_ordinary_files_keys_and_persons_are_redacted(text):
    """Ordinary ways to write file names, keys and persons' numbers are known."""
    said = str(redact(text)).lower()

    assert REDACTED in said
    for part in ("records", "john", "smith", "dd214", 'secret"', "123", "am9o"):
        assert part not in said.replace("client_secret", "")


def test_lines_can_be_diverted():
    """They are given away, redacted, what only says that a trouble lasts left out, none logged."""
    before = structlog.get_config()
    found = []
    with logs.diverted(found.append, monotonic=lambda: 0.0):
        log = structlog.get_logger()
        log.debug("unheard")
        log.info("one", token="abcdefghijklmnop123secret")
        for _ in range(2):
            log.warning("two", documents=3)

    assert before == structlog.get_config()
    assert [
        {"event": "one", "token": REDACTED, "level": "info"},
        {"event": "two", "documents": 3, "level": "warning"},
    ] == found
