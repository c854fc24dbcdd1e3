"""The simulated Datadog over sockets: what its API answers, and its faults."""

import patience
import pytest
import requests

from lightkeeper.simulation.datadog.server import SimulatedDatadog

METRIC = {
    "type": "query alert",
    "query": "avg(last_5m):avg:a{*} > 1",
    "name": "It",
    "message": "x",
}
BOARD = {"title": "It", "layout_type": "ordered", "widgets": [{"definition": {"type": "note"}}]}
SLO = {
    "type": "metric",
    "name": "It",
    "query": {"numerator": "sum:a{*}.as_count()", "denominator": "sum:b{*}.as_count()"},
    "thresholds": [{"timeframe": "7d", "target": 95}],
}


@pytest.fixture
def datadog():
    """An empty account."""
    with SimulatedDatadog() as simulated:
        yield simulated


@pytest.fixture
def call(datadog):
    """Calls it, and returns status and JSON."""
    session = requests.Session()
    session.headers.update({"DD-API-KEY": datadog.api_key, "DD-APPLICATION-KEY": datadog.app_key})

    def made(method, path, body=None, **query):
        answer = session.request(method, f"{datadog.url}/api/v1/{path}", json=body, params=query)
        return answer.status_code, answer.json()

    with session:
        yield made


@pytest.mark.parametrize(
    ("kind", "payload"), [("monitor", METRIC), ("slo", SLO), ("dashboard", BOARD)]
)
def test_an_object_lives_from_its_creation_to_its_deletion(call, kind, payload):
    """It can be read, changed and deleted, and then it is not found."""
    answer = call("POST", kind, payload)[1]
    number = (answer["data"][0] if kind == "slo" else answer)["id"]
    name = "title" if kind == "dashboard" else "name"
    changed = call("PUT", f"{kind}/{number}", {**payload, name: "New"})
    read = call("GET", f"{kind}/{number}")[1]

    assert 200 == changed[0]
    assert "New" == (read["data"] if kind == "slo" else read)[name]
    assert 200 == call("DELETE", f"{kind}/{number}")[0]
    status, said = call("GET", f"{kind}/{number}")
    assert (404, True) == (status, said["errors"][0].endswith("not found"))


def test_lists_come_in_pages(datadog, call):
    """Monitors by page, SLOs and dashboards from an offset on; an end is an empty page."""
    for name in "abc":
        datadog.add("monitor", {**METRIC, "name": name, "tags": [f"t:{name}"]})
        datadog.add("slo", {**SLO, "name": name})
        datadog.add("dashboard", {**BOARD, "title": name})

    pages = [call("GET", "monitor", page=at, page_size=2)[1] for at in range(3)]
    slos = call("GET", "slo", offset=2, limit=2)[1]["data"]
    boards = call("GET", "dashboard", start=1, count=5)[1]["dashboards"]
    assert [["a", "b"], ["c"], []] == [[one["name"] for one in page] for page in pages]
    assert ["c"] == [one["name"] for one in slos]
    assert ["b", "c"] == [one["title"] for one in boards]
    assert "widgets" not in boards[0]
    assert ["b"] == [one["name"] for one in call("GET", "monitor", monitor_tags="t:b")[1]]


def test_references_have_to_lead_somewhere(datadog, call):
    """A composite and an SLO alert name what is there, and keep it from being deleted."""
    one, other = datadog.add("monitor", METRIC), datadog.add("monitor", {**METRIC, "name": "B"})
    slo = datadog.add("slo", SLO)
    burn = f'burn_rate("{slo}").over("7d").long_window("1h").short_window("5m") > 6'
    wrong = {"type": "composite", "query": "1 && 2"}
    datadog.add("monitor", {**METRIC, "type": "composite", "query": f"{one} && !{other}"})
    datadog.add("monitor", {**METRIC, "type": "slo alert", "query": burn})

    assert 400 == call("POST", "monitor", {**METRIC, **wrong})[0]
    assert (
        400 == call("POST", "monitor", {**METRIC, "type": "slo alert", "query": burn.upper()})[0]
    )
    assert 400 == call("DELETE", f"monitor/{one}")[0]
    assert 409 == call("DELETE", f"slo/{slo}")[0]
    assert 200 == call("DELETE", f"monitor/{one}", force="true")[0]


def test_a_monitor_is_not_made_twice_nor_of_another_type(datadog, call):
    """The same one is a duplicate; validate says what create would."""
    number = datadog.add("monitor", METRIC)

    status, said = call("POST", "monitor", METRIC)
    assert (400, f"Duplicate of an existing monitor_id:{number} org_id:321813") == (
        status,
        said["errors"][0],
    )
    assert 400 == call("PUT", f"monitor/{number}", {"type": "log alert"})[0]
    assert (200, {}) == call("POST", "monitor/validate", METRIC)
    assert 400 == call("POST", "monitor/validate", {"type": "log alert"})[0]


def test_keys_and_permissions_are_asked_for(datadog, call):
    """Without a permission or with a wrong key, the answer is 403."""
    datadog.faults.lacks.add("monitors_write")

    assert (403, {"errors": ["Forbidden"]}) == call("POST", "monitor", METRIC)
    assert 200 == call("GET", "monitor")[0]
    assert (
        403 == requests.get(f"{datadog.url}/api/v1/monitor", timeout=patience.SECONDS).status_code
    )


def test_faults_come_once_before_or_after_the_deed(datadog, call):
    """429 with its reset, 502, and a connection that breaks before or after a write."""
    datadog.fail(429, reset=3)
    datadog.fail(502, method="POST", path="/api/v1/slo")
    keys = {"DD-API-KEY": datadog.api_key, "DD-APPLICATION-KEY": datadog.app_key}

    limited = requests.get(f"{datadog.url}/api/v1/slo", headers=keys, timeout=patience.SECONDS)
    assert (429, "3") == (limited.status_code, limited.headers["X-RateLimit-Reset"])
    assert 502 == call("POST", "slo", SLO)[0]
    for after in (False, True):
        datadog.fail(None, method="POST", after=after)
        with pytest.raises(requests.ConnectionError):
            call("POST", "dashboard", BOARD)
        assert after == bool(datadog.objects["dashboard"])
    datadog.faults.lists_nothing = True
    assert (200, {"dashboards": []}) == call("GET", "dashboard")


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("monitor", {**METRIC, "options": True}),
        ("monitor", {**METRIC, "options": {"thresholds": {"critical": "x"}}}),
        ("monitor", {**METRIC, "tags": 5}),
        ("slo", {**SLO, "thresholds": [{"timeframe": "7d", "target": "all"}]}),
        ("slo", {**SLO, "thresholds": [{}]}),
        ("dashboard", {**BOARD, "widgets": [None]}),
        ("dashboard", {**BOARD, "tags": 5}),
    ],
)
def test_a_field_of_the_wrong_type_is_refused(call, datadog, kind, wrong):
    """As Datadog does, and without a trace of it in the account."""
    before = {name: dict(held) for name, held in datadog.objects.items()}
    status, said = call("POST", kind, wrong)

    assert (400, True) == (status, bool(said["errors"]))
    assert before == datadog.objects
