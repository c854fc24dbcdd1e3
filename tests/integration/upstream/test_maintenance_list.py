"""VA's list of maintenance windows over real sockets: what is on it, and whatever else comes."""

import json
import time

import pytest
from manual_clock import ManualClock
from patience import at_most
from scripted_server import answer, trickle
from va_list import PATH, VAList

from lightkeeper.domain.maintenance_windows import Listed
from lightkeeper.upstream.http import MAX_BODY_BYTES, HTTPTransport
from lightkeeper.upstream.maintenance_list import ListUnread, MaintenanceList

NOW = 1_800_000_000_000
HOUR = 3_600_000
SERVICES = {"bgs": ("BENEFITS_GATEWAY_SERVICE",), "lighthouse_benefits_claims": ()}
TIMES = {"start_time": "2027-01-15T08:00:00.000Z", "end_time": "2027-01-15T09:00:00.000Z"}
GOOD = {"id": "1", "attributes": {"external_service": "bgs", **TIMES}}


@pytest.fixture
def va():
    """VA, with an empty list."""
    with VAList(ManualClock()) as running:
        yield running


@pytest.fixture
def reader(va):
    """What reads its list."""
    made = MaintenanceList(HTTPTransport(deadline_seconds=0.4), va.url, SERVICES)
    yield made
    made.close()


def test_the_windows_of_the_services_that_are_asked_for_are_read(va, reader):
    """With their steps and VA's words; those of other services are left out."""
    va.announce("bgs", 2, 8, "Scheduled upgrade")
    va.announce("mhv_sm", 0, 1)
    va.announce("lighthouse_benefits_claims", -1, 3)
    va.withdraw(va.announce("bgs", 0, 1))

    steps = ("BENEFITS_GATEWAY_SERVICE",)
    assert (
        [
            Listed("139", NOW + 2 * HOUR, NOW + 10 * HOUR, steps, "bgs: Scheduled upgrade"),
            Listed("141", NOW - HOUR, NOW + 2 * HOUR, (), "lighthouse_benefits_claims is out"),
        ],
        0,
    ) == reader.read()
    assert [f"GET {PATH} HTTP/1.1"] == va.requests
    assert "authorization" not in va.headers


@pytest.mark.parametrize("end", ["", "/", PATH])
def test_the_address_may_name_the_list_itself(va, end):
    """Or VA's server alone."""
    reader = MaintenanceList(HTTPTransport(), (va.url + end).rstrip("/"), SERVICES)

    assert ([], 0) == reader.read()
    reader.close()


@pytest.mark.parametrize(
    "change",
    [
        {"start_time": None},
        {"end_time": "soon"},
        {"end_time": 1_800_000_000},
        {"end_time": "2027-01-15T08:00:00Z"},
        {"end_time": "0001-01-01T00:00:00+23:59"},
        {"start_time": "1969-12-31T00:00:00Z"},
        {"external_service": None},
        {"external_service": ["bgs"]},
    ],
)
def test_an_entry_that_cannot_be_read_is_counted(va, reader, change):
    """The others are taken."""
    odd = {"id": "2", "attributes": GOOD["attributes"] | change}
    va.instead = answer(json.dumps({"data": [odd, GOOD]}).encode())

    windows, unreadable_count = reader.read()
    assert (["1"], 1) == ([each.va_id for each in windows], unreadable_count)


@pytest.mark.parametrize("odd", [None, [], "bgs", 5, {}, {"id": "2"}, {"attributes": []}])
def test_an_entry_of_another_shape_is_counted(va, reader, odd):
    """It may be of any service."""
    va.instead = answer(json.dumps({"data": [odd, GOOD]}).encode())

    assert 1 == reader.read().unreadable_count


@pytest.mark.parametrize("va_id", [None, "", " ", "x" * 65, {"a": 1}, [1]])
def test_an_entry_without_an_id_cannot_be_read(va, reader, va_id):
    """It could not be told from others the next time; a number is an id too."""
    va.instead = answer(json.dumps({"data": [GOOD | {"id": va_id}, GOOD | {"id": 7}]}).encode())

    windows, unreadable_count = reader.read()
    assert (["7"], 1) == ([each.va_id for each in windows], unreadable_count)


def test_two_windows_under_one_id_are_not_both_read(va, reader):
    """The first counts, and the other is one that cannot be read; the same twice is one."""
    other = GOOD | {"attributes": GOOD["attributes"] | {"description": "another"}}
    va.instead = answer(json.dumps({"data": [GOOD, GOOD, other]}).encode())

    windows, unreadable_count = reader.read()

    assert (["bgs is out"], 1) == ([each.reason for each in windows], unreadable_count)


def test_words_are_one_printable_line_that_can_be_stored(va, reader):
    """Whatever VA's are."""
    said = "Up\r\ngrade \x1b[2J \u202e \x00 " + "x" * 10_000
    odd = GOOD["attributes"] | {"description": said}
    va.instead = answer(json.dumps({"data": [GOOD | {"attributes": odd}]}).encode())

    ((*_, reason),) = reader.read().windows
    assert reason.startswith("bgs: Up grade \ufffd[2J \ufffd \ufffd xxx")
    assert (500, True) == (len(reason), reason.isprintable())


def test_a_list_of_thousands_is_cut(va, reader):
    """What is left out counts as unreadable, so that nothing is ended for it."""
    many = [GOOD | {"id": str(number)} for number in range(1_500)]
    va.instead = answer(json.dumps({"data": many}).encode())

    windows, unreadable_count = reader.read()
    assert (1_000, 500) == (len(windows), unreadable_count)


REJECTED = b"<html><head><title>Request Rejected</title></head><body>The requested URL was \
rejected. Your support ID is: 4711</body></html>"


@pytest.mark.parametrize(
    ("instead", "said"),
    [
        (answer(b'{"errors":[{"title":"Internal server error"}]}', status=500), "answered 500"),
        (answer(b"", status=404), "VA answered 404"),
        (answer(b"", "Location: https://va.gov/", status=301), "VA answered 301"),
        (answer(b""), "200, but the body is no list of maintenance windows"),
        (answer(b"null"), "200, but the body is no list"),
        (answer(b"[]"), "200, but the body is no list"),
        (answer(b'{"data": {}}'), "200, but the body is no list"),
        (answer(b'{"data": null}'), "200, but the body is no list"),
        (answer(b"[" * 100_000), "200, but the body is no list"),
        (answer(b"<html>maintenance</html>"), "200, but the body is no list"),
        (answer(REJECTED), "a firewall or proxy answered 200 in VA's place (support id 4711)"),
        (answer(b"x" * (MAX_BODY_BYTES + 1)), "larger than any"),
        (b"nonsense\r\n\r\n", "ConnectionError"),
    ],
)
def test_an_answer_that_is_no_list_is_an_error(va, reader, instead, said):
    """It says which, and never passes for an empty list."""
    va.instead = instead

    with pytest.raises(ListUnread) as unread:
        reader.read()
    assert said in str(unread.value)


@pytest.mark.speed
@pytest.mark.parametrize(
    "reply",
    [lambda _sock, _request: time.sleep(1), lambda sock, _: trickle(sock, answer(b"x" * 900))],
    ids=["silent", "trickling"],
)
def test_a_server_that_hangs_is_given_up_in_time(va, reader, reply):
    """Within the deadline of the call, which lasts 5 s in the daemon."""
    va.instead = reply
    began = time.monotonic()

    with pytest.raises(ListUnread, match=r"no complete answer within 0\.4 s"):
        reader.read()
    assert time.monotonic() - began < at_most(1.0)


def test_a_server_that_is_not_there_is_an_error():
    """As any that cannot be reached."""
    reader = MaintenanceList(HTTPTransport(), "http://127.0.0.1:9", SERVICES)

    with pytest.raises(ListUnread, match="Connection refused"):
        reader.read()
