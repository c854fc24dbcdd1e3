"""Reading Lighthouse's bodies: the contract's shapes, production's shapes, and anything else."""

import json
import tracemalloc

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lightkeeper.domain.answer import Absence, CallProblem, StatusReport
from lightkeeper.upstream.benefits_documents.parse import (
    Undecodable,
    decode,
    observations,
    problem,
    single,
)

ASKED = (21, 22, 23)
STARTED_AT, ENDED_AT = 1_750_000_000_123, 1_750_000_017_456
MISSING, NOT_FOUND, MALFORMED = Absence.MISSING, Absence.NOT_FOUND, Absence.MALFORMED


def _entry(request_id=21, status="SUCCESS", **more):
    return {"requestId": request_id, "status": status, **more}


def _read(*statuses, not_found=()):
    data = {"statuses": list(statuses), "requestIdsNotFound": list(not_found)}
    return observations(decode(json.dumps(data).encode()), ASKED)


def _report_of(**more):
    """What is read of one entry for id 21 with `more` in it."""
    return _read(_entry(**more))[0][21]


def test_an_entry_is_read_whole():
    """Status, steps in order, times, error: each arrives, and the entry itself is kept."""
    entry = {
        "requestId": 21,
        "status": "FAILED",
        "time": {"startTime": STARTED_AT, "endTime": ENDED_AT},
        "steps": [
            {"name": "CLAIMS_EVIDENCE", "nextStepName": "NEXT", "status": "FAILED"},
            {"name": "NEXT", "description": "what comes then", "status": "NOT_STARTED"},
        ],
        "error": {"detail": "no more attempts", "step": "CLAIMS_EVIDENCE"},
    }

    seen, unrequested_count = _read(entry, not_found=[22])

    report = seen[21]
    steps = (("CLAIMS_EVIDENCE", "FAILED"), ("NEXT", "NOT_STARTED"))
    error = ("CLAIMS_EVIDENCE", "no more attempts")
    assert (21, "FAILED", steps, STARTED_AT, ENDED_AT, *error) == report[:-1]
    assert entry == json.loads(report.raw)
    assert (NOT_FOUND, MISSING, 0) == (seen[22], seen[23], unrequested_count)


def test_an_entry_needs_nothing_but_id_and_status():
    """Times, steps and error are optional, each as a whole and each of their parts."""
    bare = StatusReport(21, "IN_PROGRESS", (), None, None, None, None, "")

    for more in (
        {},
        {"time": None, "steps": None, "error": None},
        {"time": {}, "steps": [], "error": {}},
        {"time": {"endTime": None}, "error": {"step": "", "detail": ""}},
        {"steps": [{"name": "NEXT"}, {"status": "SUCCESS"}, {}, None]},
    ):
        assert bare == _report_of(status="IN_PROGRESS", **more)._replace(raw="")


@pytest.mark.parametrize(
    "data", [{}, {"statuses": None}, {"statuses": []}, {"requestIdsNotFound": []}]
)
def test_lists_may_be_absent(data):
    """An answer without lists is an answer: it says nothing of any id."""
    assert (dict.fromkeys(ASKED, MISSING), 0) == observations(data, ASKED)


@pytest.mark.parametrize(
    "data", [None, [], "text", 7, {"statuses": {"21": 1}}, {"requestIdsNotFound": "21"}]
)
def test_what_is_no_answer_is_none(data):
    """Another shape than an object with lists says nothing at all, not even missing."""
    assert observations(data, ASKED) is None


def test_ids_may_be_strings():
    """An id counts as the same id, written as number or as text."""
    seen, unrequested_count = _read(_entry("21"), not_found=["22"])

    assert ("SUCCESS", 21) == (seen[21].status, seen[21].request_id)
    assert (NOT_FOUND, 0) == (seen[22], unrequested_count)
    assert ({2**63 - 1: NOT_FOUND}, 0) == observations(
        {"requestIdsNotFound": [str(2**63 - 1)]}, [2**63 - 1]
    )


@pytest.mark.parametrize(
    "odd",
    [True, 21.0, -21, "-21", " 21", "²¹", "", None, [21], {}, 10**400, "2" * 5_000, 99],
    ids=lambda odd: ascii(odd)[:9],
)
def test_ids_that_were_not_polled_disturb_no_others(odd):
    """A foreign or senseless id is counted in either list, and the rest is read."""
    seen, unrequested_count = _read(_entry(odd), _entry(21), not_found=[odd, 22])

    assert ["SUCCESS", NOT_FOUND, MISSING] == [seen[21].status, seen[22], seen[23]]
    assert (set(ASKED), 2) == (set(seen), unrequested_count)


@pytest.mark.parametrize("nonsense", [None, 7, "text", [], [[]], {}, {"status": "SUCCESS"}])
def test_an_entry_without_an_id_disturbs_no_others(nonsense):
    """What names no id is counted, and the rest is read."""
    seen, unrequested_count = _read(nonsense, _entry(21))

    assert ("SUCCESS", 1) == (seen[21].status, unrequested_count)


@pytest.mark.parametrize("status", [None, 7, "", " ", True, ["SUCCESS"], {"SUCCESS": 1}])
def test_an_entry_without_a_status_is_malformed(status):
    """An id with no status word gets no status, and its neighbours keep theirs."""
    seen, unrequested_count = _read(_entry(21, status), _entry(22))

    assert (MALFORMED, "SUCCESS", 0) == (seen[21], seen[22].status, unrequested_count)


def test_a_status_outweighs_not_found():
    """An id in both lists is known to Lighthouse: it has a status."""
    seen, unrequested_count = _read(_entry(21, "IN_PROGRESS"), not_found=[21, 21])

    assert ("IN_PROGRESS", 0) == (seen[21].status, unrequested_count)


@pytest.mark.parametrize("other", ["FAILED", "IN_PROGRESS", None])
def test_of_two_entries_the_proof_of_delivery_counts(other):
    """SUCCESS stands, whichever of an id's entries comes first."""
    for entries in ([_entry(), _entry(status=other)], [_entry(status=other), _entry()]):
        assert "SUCCESS" == _read(*entries)[0][21].status


def test_of_two_entries_the_one_that_makes_sense_counts():
    """A malformed entry does not hide a failure reported beside it."""
    entries = [_entry(status="FAILED"), _entry(status=None)]

    assert "FAILED" == _read(*entries)[0][21].status
    assert "FAILED" == _read(*reversed(entries))[0][21].status


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (1_718_902_851_802, 1_718_902_851_802),
        (1_502_199_000, 1_502_199_000_000),
        (1_502_199_000.5, 1_502_199_000_500),
        (1_718_902_851_802.9, 1_718_902_851_802),
        (10**11, 10**11),
        (10**11 - 1, 10**14 - 1_000),
        (10**14, None),
        (0, None),
        (-1_502_199_000, None),
        (10**400, None),
        (float("nan"), None),
        (float("inf"), None),
        (True, None),
        ("1718902851802", None),
        ([], None),
    ],
)
def test_times_are_seconds_or_milliseconds_by_magnitude(sent, read):
    """No document starts in 1970 or in the year 56,000; what is no time is left out."""
    report = _report_of(time={"startTime": sent, "endTime": sent})

    assert (read, read) == (report.started_at, report.ended_at)


def test_unknown_words_are_carried():
    """They arrive as they are, but for what cannot be printed or is too long."""
    report = _report_of(
        status=" PAUSED ",
        steps=[{"name": "S\x00CAN\x1b", "status": "H" * 1_000_000}, {"name": 7}, "text"],
        error={"step": "\ud800", "detail": "no\x00" * 1_000_000},
    )

    assert ("PAUSED", (("S\N{REPLACEMENT CHARACTER}CAN\N{REPLACEMENT CHARACTER}", "H" * 64),)) == (
        report.status,
        report.steps,
    )
    assert ("?", 500) == (report.error_step, len(report.error_detail))
    assert "\x00" not in report.error_detail
    assert {"status": "PAUSED", "cut": True} == json.loads(report.raw)


def test_a_long_answer_is_kept_short():
    """The first of many steps are read, and of an entry that is too long the status is kept."""
    steps = [{"name": f"STEP_{at}", "status": "SUCCESS"} for at in range(1_000)]

    report = _report_of(steps=steps)

    assert [f"STEP_{at}" for at in range(16)] == [name for name, _ in report.steps]
    assert {"status": "SUCCESS", "cut": True} == json.loads(report.raw)
    assert len(_report_of(more="x" * 8_000).raw) > 8_000


def test_long_words_are_not_kept_in_memory():
    """Caches keep no more of a long word than the report does."""
    tracemalloc.start()
    try:
        for at in range(10):
            _report_of(status=f"{at}" + "H" * 1_000_000)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert kept < 1_000_000


def test_what_strict_json_forbids_alters_nothing_beside_it():
    """Only what cannot be kept is replaced: the rest of such a body is read as it stands."""
    assert [1.5, 7, True, "\t\n", "\N{REPLACEMENT CHARACTER}", None] == decode(
        b'\xef\xbb\xbf[1.5, 7, true, "\\t\n", "\xff", NaN]'
    )


def test_nesting_costs_only_the_entry_it_is_in():
    """What is nested too deep to be kept is malformed, and its neighbours are read."""
    deep = f'{{"requestId": 21, "status": "SUCCESS", "more": {"[" * 400}{"]" * 400}}}'
    body = f'{{"statuses": [{deep}, {json.dumps(_entry(22))}]}}'

    seen, _ = observations(decode(body.encode()), ASKED)

    assert (MALFORMED, "SUCCESS") == (seen[21], seen[22].status)


@pytest.mark.parametrize(
    "odd",
    [rb'"\ud800"', rb'"\u0000"', b'"\xff"', b'"\x00\n"', b"NaN", b"-Infinity", b"1" * 400],
    ids=lambda odd: ascii(odd)[:12],
)
def test_one_odd_text_costs_no_other_document_its_answer(odd):
    """What strict JSON forbids is read around, in the entry itself too."""
    entries = b'{"requestId": 21, "status": "FAILED", "error": {"detail": %b}}, %b'
    body = b'{"statuses": [%b]}' % (entries % (odd, json.dumps(_entry(22)).encode()))

    seen, _ = observations(decode(body), ASKED)

    assert ["FAILED", "SUCCESS"] == [seen[21].status, seen[22].status]
    assert _storable(seen[21])


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"\xff\xfe", b'{"statuses": [', b"[" * 100_000, b'{"a":' * 100_000],
    ids=["empty", "page", "bytes", "cut short", "lists", "objects"],
)
def test_what_is_no_json_is_undecodable(body):
    """A body that cannot be read is refused with a reason."""
    with pytest.raises(Undecodable, match=r"\w"):
        decode(body)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (_entry(21), "SUCCESS"),
        (_entry("21", "FAILED"), "FAILED"),
        (_entry(21, None), MALFORMED),
        (_entry(22), None),
        ({"status": "SUCCESS"}, None),
        ([_entry(21)], None),
        (None, None),
    ],
)
def test_the_answer_about_one_document_is_about_that_one(data, expected):
    """A document that is polled alone takes no other one's status."""
    seen = single(data, 21)

    assert expected == (seen.status if isinstance(seen, StatusReport) else seen)


@pytest.mark.parametrize(
    ("body", "expected", "own_shape"),
    [
        (
            {"errors": [{"detail": "Gone", "title": "T", "instance": "i-1", "diagnostics": "d="}]},
            ("Gone", "i-1", "d="),
            True,
        ),
        ({"errors": [{"title": "Not Found", "status": 404}]}, ("Not Found", None, None), True),
        ({"errors": [{}]}, ("no reason given", None, None), True),
        ({"message": "slow down"}, ("slow down", None, None), False),
        ({"status": 500, "error": "no payload"}, ("no payload", None, None), False),
        ({"errors": [], "message": "m\x00"}, ("m\N{REPLACEMENT CHARACTER}", None, None), False),
        ({"errors": ["text"], "error": {}}, ("no reason given", None, None), False),
        ([], ("no JSON object in the answer", None, None), False),
    ],
)
def test_the_reason_is_read_from_every_error_shape(body, expected, own_shape):
    """Lighthouse's own shape, the gateway's and the one seen in production all give a reason."""
    assert (CallProblem(404, *expected), own_shape) == problem(404, json.dumps(body).encode())


def test_an_error_page_is_a_problem_too():
    """A body that is no JSON has a reason of the daemon's own."""
    assert (CallProblem(502, "no JSON in the answer"), False) == problem(502, b"<html>")


def _storable(value):
    """Whether every text in `value` fits any database, and every number 64 bits."""
    if isinstance(value, str):
        return "\x00" not in value and value == value.encode().decode()
    if isinstance(value, tuple):
        return all(_storable(item) for item in value)
    return value is None or -(2**63) <= value < 2**63


texts = st.text(st.characters(codec=None), max_size=8) | st.sampled_from(
    ["\x00", "\ud800", "21", "SUCCESS", "FAILED", "IN_PROGRESS", "CLAIMS_EVIDENCE"]
)
numbers = st.integers(20, 24) | st.integers() | st.sampled_from([10**400, -(2**63) - 1, 2**63])
scalars = st.none() | st.booleans() | numbers | st.floats() | texts
keys = texts | st.sampled_from(["statuses", "requestIdsNotFound", "errors", "message", "error"])
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


def _shaped(**parts):
    """An object of the contract's keys, each there or not, as it should be or as anything."""
    return st.fixed_dictionaries(
        {}, optional={key: part | anything for key, part in parts.items()}
    )


entries = _shaped(
    requestId=numbers,
    status=texts,
    time=_shaped(startTime=numbers | st.floats(), endTime=numbers | st.floats()),
    steps=st.lists(_shaped(name=texts, status=texts) | anything, max_size=3),
    error=_shaped(detail=texts, step=texts),
)
answers = _shaped(
    statuses=st.lists(entries | anything, max_size=4),
    requestIdsNotFound=st.lists(numbers | anything, max_size=3),
)


@given(answers | anything)
@example({"statuses": [_entry(time={"startTime": 0.0001})]})
def test_every_polled_id_has_one_storable_observation(data):
    """In any JSON each polled id has one observation, and the store can hold it."""
    data = decode(json.dumps(data).encode())

    read = observations(data, ASKED)

    assert (read is None) == (
        not isinstance(data, dict)
        or not isinstance(data.get("statuses") or [], list)
        or not isinstance(data.get("requestIdsNotFound") or [], list)
    )
    for request_id, seen in (read or ({}, 0))[0].items():
        assert request_id in ASKED
        if isinstance(seen, StatusReport):
            assert request_id == seen.request_id
            assert _storable(seen)
        else:
            assert seen in {MISSING, NOT_FOUND, MALFORMED}
    assert read is None or (set(ASKED) == set(read[0]) and read[1] >= 0)


@given(entries | anything)
def test_one_document_alone_is_read_or_not(data):
    """The answer for one document, with any JSON, is storable, leaves it out or is none."""
    seen = single(decode(json.dumps(data).encode()), 21)

    assert seen in {None, MALFORMED, MISSING} or (21 == seen.request_id and _storable(seen))


@given(st.binary() | (answers | anything).map(lambda data: json.dumps(data).encode()))
@example(b"9" * 5_000)
@example(b"[NaN, 18446744073709551616]")
def test_any_bytes_decode_or_are_undecodable(body):
    """Nothing but `Undecodable` leaves `decode`, and strict JSON comes of the rest."""
    try:
        data = decode(body)
    except Undecodable:
        return

    assert json.dumps(data, allow_nan=False)
    assert orjson.dumps(data)  # which has no lone surrogates and no more than 64 bits


@given(_shaped(errors=st.lists(_shaped(detail=texts, title=texts), max_size=2)) | anything)
def test_any_error_body_has_a_storable_reason(data):
    """A problem always says something, and the store can hold it."""
    found, _ = problem(500, json.dumps(data).encode())

    assert found.detail
    assert _storable(found)
