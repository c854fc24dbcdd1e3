"""The downtimes and SLO corrections of the simulated Datadog, over sockets."""

import re

import pytest
import requests
from manual_clock import ManualClock

from lightkeeper.simulation.datadog.server import SimulatedDatadog

MONITORS = {"monitor_identifier": {"monitor_tags": ["a:b"]}, "scope": "*"}
SLO = {
    "type": "metric",
    "name": "It",
    "query": {"numerator": "sum:a{*}.as_count()", "denominator": "sum:b{*}.as_count()"},
    "thresholds": [{"timeframe": "7d", "target": 95}],
}
NIL = "00000000-0000-1234-0000-000000000000"


@pytest.fixture
def clock():
    """A clock of Datadog's that stands at 2025-11-30T12:00:00Z."""
    return ManualClock(1_764_504_000.0)


@pytest.fixture
def datadog(clock):
    """An account at that time."""
    with SimulatedDatadog(clock=clock) as simulated:
        yield simulated


@pytest.fixture
def call(datadog):
    """Calls it, and returns status and JSON."""
    session = requests.Session()
    session.headers.update({"DD-API-KEY": datadog.api_key, "DD-APPLICATION-KEY": datadog.app_key})

    def made(method, path, attributes=None, **query):
        body = attributes and {"data": {"attributes": attributes, "type": "x"}}
        answer = session.request(method, f"{datadog.url}/api/{path}", json=body, params=query)
        return answer.status_code, answer.json() if answer.content else None

    with session:
        yield made


def schedule(start, end=None):
    """From when until when, on one day."""
    full = [time and f"2025-11-30T{time}:00+00:00" for time in (start, end)]
    return {"schedule": dict(zip(("start", "end"), full, strict=True))}


def test_a_downtime_lives_from_its_schedule_to_its_end(call, clock):
    """It is scheduled, active and ended by the clock; a canceled one is still listed."""
    made = call("POST", "v2/downtime", {**MONITORS, **schedule("13:00", "14:00")})[1]["data"]
    states = []
    for _ in range(3):
        states.append(call("GET", f"v2/downtime/{made['id']}")[1]["data"]["attributes"]["status"])
        clock.now += 3600
    assert ["scheduled", "active", "ended"] == states

    again = call("POST", "v2/downtime", {**MONITORS, "schedule": {"start": None}})[1]["data"]
    assert "active" == again["attributes"]["status"]
    assert (204, None) == call("DELETE", f"v2/downtime/{again['id']}")
    assert (204, None) == call("DELETE", f"v2/downtime/{again['id']}")
    listed = call("GET", "v2/downtime")[1]["data"]
    assert ["ended", "canceled"] == [one["attributes"]["status"] for one in listed]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"scope": "*"}, "'monitor_identifier' is a required property"),
        ({**MONITORS, "scope": "no_key"}, "All values must have a key"),
        ({**MONITORS, "color": "red"}, r"Additional properties are not allowed \('color' was"),
        ({**MONITORS, **schedule("11:00", "14:00")}, "start cannot be in the past"),
        ({**MONITORS, **schedule("13:00", "12:30")}, "end must be after its start"),
        ({**MONITORS, "schedule": {"start": "2025-11-30T14:00:00+01:00"}}, "offset of zero"),
    ],
)
def test_a_downtime_that_cannot_be_is_refused(call, given, words):
    """With the words that Datadog has for it."""
    status, said = call("POST", "v2/downtime", given)

    assert 400 == status
    assert [] == call("GET", "v2/downtime")[1]["data"]
    assert re.search(words, said["errors"][0])


def test_what_has_begun_cannot_begin_at_another_time(call):
    """Its end and its message can be changed."""
    given = {**MONITORS, "schedule": {"start": None}}
    path = f"v2/downtime/{call('POST', 'v2/downtime', given)[1]['data']['id']}"

    status, said = call("PATCH", path, schedule("13:00", "14:00"))
    assert (400, "Start times of downtimes in progress cannot be changed") == (
        status,
        said["errors"][0],
    )
    changed = call("PATCH", path, {**schedule("12:00", "12:30"), "message": "m"})[1]["data"]
    assert "2025-11-30T12:30:00.000000+00:00" == changed["attributes"]["schedule"]["end"]


def test_a_correction_lives_from_its_creation_to_its_deletion(call, datadog):
    """It is of an SLO that is there, and has one of four categories."""
    number = datadog.add("slo", SLO)
    given = {"slo_id": number, "category": "Scheduled Maintenance", "start": 10, "end": 20}
    made = call("POST", "v1/slo/correction", given)[1]["data"]
    path = f"v1/slo/correction/{made['id']}"

    assert 20 == call("PATCH", path, {"start": 15, "end": 20})[1]["data"]["attributes"]["end"]
    assert 400 == call("PATCH", path, {"start": 20, "end": 20})[0]
    assert 404 == call("POST", "v1/slo/correction", {**given, "slo_id": "f" * 32})[0]
    assert 400 == call("POST", "v1/slo/correction", {**given, "category": "Lunch"})[0]
    assert [15] == [
        one["attributes"]["start"] for one in call("GET", "v1/slo/correction")[1]["data"]
    ]
    assert 204 == call("DELETE", path)[0]
    assert (404, {"errors": ["Correction not found"]}) == call("DELETE", path)


def test_both_lists_come_in_pages(call, datadog):
    """Of as many as are asked for."""
    for _ in range(3):
        call("POST", "v2/downtime", {**MONITORS, "schedule": {"start": None}})
    status, page = call("GET", "v2/downtime", **{"page[offset]": 2, "page[limit]": 2})

    assert (200, 1, 3) == (status, len(page["data"]), page["meta"]["page"]["total_filtered_count"])


@pytest.mark.parametrize(
    ("lacking", "method", "path"),
    [
        ("monitors_downtime", "GET", "v2/downtime"),
        ("monitors_downtime", "PATCH", f"v2/downtime/{NIL}"),
        ("slos_corrections", "POST", "v1/slo/correction"),
        ("slos_read", "GET", "v1/slo/correction"),
    ],
)
def test_a_permission_that_is_missing_is_said(call, datadog, lacking, method, path):
    """By 403; with it what is not there is not found."""
    allowed = call(method, path, {"message": "m"})[0]
    datadog.faults.lacks.add(lacking)

    assert 403 == call(method, path, {"message": "m"})[0]
    assert allowed in (200, 400, 404)
    assert 400 == call("GET", "v2/downtime/short")[0] or lacking == "monitors_downtime"
