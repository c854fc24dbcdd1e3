"""The strict reader of the DogStatsD protocol."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightkeeper.simulation.agent.datagram import (
    Event,
    MalformedDatagram,
    Metric,
    ServiceCheck,
    parse,
)

SYMBOLS = {"count": "c", "gauge": "g", "distribution": "d"}

names = st.from_regex(r"[A-Za-z][A-Za-z0-9_.]{0,30}", fullmatch=True)
tag_keys = st.from_regex(r"[a-zé][a-z0-9_./-]{0,20}", fullmatch=True)
tag_values = st.from_regex(r"[a-z0-9_:./é-]{0,20}[a-z0-9_./-]", fullmatch=True)
tags = st.dictionaries(tag_keys, tag_values, max_size=4)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**9), 10**9)
times = st.none() | st.integers(1, 99_999_999_999)
# A backslash before an n stands for a line break on the wire, so it cannot come back as it was.
prose = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\\"), max_size=80)
field = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="|\n"), min_size=1, max_size=40
)
signals = st.one_of(
    st.builds(Metric, st.sampled_from(["count", "gauge"]), names, numbers, tags, times),
    st.builds(Metric, st.just("distribution"), names, numbers, tags),
    st.builds(
        Event,
        title=prose.filter(str.strip),
        text=prose,
        tags=tags,
        alert_type=st.sampled_from(["error", "warning", "info", "success"]),
        priority=st.sampled_from(["normal", "low"]),
        aggregation_key=st.none() | field,
        source_type_name=st.none() | field,
        hostname=st.none() | field,
        timestamp=times,
    ),
    st.builds(
        ServiceCheck,
        name=names,
        status=st.integers(0, 3),
        tags=tags,
        message=st.just("") | field,
        hostname=st.none() | field,
        timestamp=times,
    ),
)


def wire(signal):
    """Write a signal as the protocol's documentation has it."""
    marked = {}
    match signal:
        case Metric():
            head = f"{signal.name}:{signal.value!r}|{SYMBOLS[signal.kind]}"
            marked = {"T": signal.timestamp}
        case Event():
            title, text = (part.replace("\n", "\\n") for part in (signal.title, signal.text))
            head = f"_e{{{len(title.encode())},{len(text.encode())}}}:{title}|{text}"
            marked = {
                "d:": signal.timestamp,
                "h:": signal.hostname,
                "k:": signal.aggregation_key,
                "p:": signal.priority,
                "s:": signal.source_type_name,
                "t:": signal.alert_type,
            }
        case ServiceCheck():
            head = f"_sc|{signal.name}|{signal.status}"
            marked = {"d:": signal.timestamp, "h:": signal.hostname}
    marked["#"] = ",".join(f"{key}:{value}" for key, value in signal.tags.items())
    marked["m:"] = getattr(signal, "message", None)
    fields = [f"|{mark}{value}" for mark, value in marked.items() if value]
    return "".join([head, *fields]).encode()


@given(st.lists(signals, max_size=5))
def test_what_is_written_is_read_back(expected):
    """A datagram of faultless lines gives exactly the signals it was made of, in their order."""
    assert expected == parse(b"\n".join(map(wire, expected)) + b"\n")


@given(
    st.binary(max_size=200) | st.lists(signals, max_size=2).map(lambda s: b"|".join(map(wire, s)))
)
def test_garbage_is_refused_and_nothing_worse(datagram):
    """Whatever arrives is either read or refused with the line and a reason."""
    fault = None
    try:
        parse(datagram)
    except MalformedDatagram as refusal:
        fault = refusal

    assert fault is None or (fault.reason and fault.line in datagram)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"lk.x:1", "no metric type"),
        (b"lk.x|c", "value '' is not a finite number"),
        (b"lk.x:|c", "value '' is not a finite number"),
        (b"lk.x:1|q", "unknown metric type 'q'"),
        (b"lk.x:1|", "unknown metric type ''"),
        (b"lk.x:1|c\r", "unknown metric type"),
        (b"lk.x:1|h", "a histogram"),
        (b"lk.x:1|ms", "a timing"),
        (b"lk.x:1|s", "a set"),
        *((b"lk.x:%s|g" % value, "is not a finite number") for value in (
            b"nan", b"inf", b"-Infinity", b"1e999", b"True", b"None", b"1_0", b" 1", b"0x1p-2",
            b"1,5", b"--1", b"1e", b".", "٣".encode(), b"1:", b"1::2", b":1",
        )),
        (b":1|c", "'' is not a name"),
        (b"1lk:1|c", "is not a name"),
        (b"lk x:1|c", "is not a name"),
        (b"lk-x:1|c", "is not a name"),
        ("lké:1|c".encode(), "is not a name"),
        (b"bad|name:1|c", "unknown metric type 'name:1'"),
        (b"l" * 201 + b":1|c", "is not a name"),
        (b"lk.x:1|c|#env:prod,env:dev", "tag key 'env' twice"),
        (b"lk.x:1|c|#prod", "is not key:value"),
        (b"lk.x:1|c|#env:", "is not key:value"),
        (b"lk.x:1|c|#:prod", "is not key:value"),
        (b"lk.x:1|c|#env:prod:", "is not key:value"),
        (b"lk.x:1|c|#1env:prod", "is not key:value"),
        (b"lk.x:1|c|#env:prod,", "is not key:value"),
        (b"lk.x:1|c|#env:prod, a:b", "is not key:value"),
        (b"lk.x:1|c|#env:a b", "is not key:value"),
        (b"lk.x:1|c|#env:Prod", "is not lower case"),
        (b"lk.x:1|c|#env:" + b"p" * 197, "longer than 200"),
        (b"lk.x:1|c|#", "field '#' is empty"),
        (b"lk.x:1|c|#a:b|#c:d", "field '#' twice"),
        (b"lk.x:1|c|@0.5", "a sample rate"),
        (b"lk.x:1|c|", "unknown field ''"),
        (b"lk.x:1|c|x:1", "unknown field 'x:1'"),
        (b"lk.x:1|c|T0", "not in seconds"),
        (b"lk.x:1|c|T1718902851802", "not in seconds"),
        (b"lk.x:1|d|T1718902851", "a distribution takes no timestamp"),
        (b"lk.x:1|c|#env:\xff", "can't decode"),
        (b"_e{0,4}:|text", "empty event title"),
        (b"_e{1,4}: |text", "empty event title"),
        (b"_e{5,5}:title|text", "the event is shorter"),
        (b"_e{5,3}:title|text", "lengths are not those"),
        (b"_e{6,4}:title|text", "lengths are not those"),
        ("_e{1,4}:é|text".encode(), "lengths are not those"),
        (b"_e{5,4}:title", "lengths are not those"),
        (b"_e:title|text", "malformed event header"),
        (b"_e{-5,4}:title|text", "malformed event header"),
        (b"_e{5,}:title|text", "malformed event header"),
        (b"_e{5,4}:title|text|t:critical", "unknown alert_type 'critical'"),
        (b"_e{5,4}:title|text|p:high", "unknown priority 'high'"),
        (b"_e{5,4}:title|text|d:abc", "not in seconds"),
        (b"_e{5,4}:title|text|x:1", "unknown field"),
        (b"_e{5,4}:title|text|k:a|t:error|t:info", "field 't:' twice"),
        (b"_e{5,4}:title|text|m:a", "unknown field"),
        (b"_sc|lk.check|4", "unknown service check status '4'"),
        (b"_sc|lk.check|ok", "unknown service check status 'ok'"),
        (b"_sc|lk.check|", "unknown service check status ''"),
        (b"_sc|lk.check", "malformed service check header"),
        (b"_scx|lk.check|0", "malformed service check header"),
        (b"_sc||0", "'' is not a name"),
        (b"_sc|lk.check|0|m:x |#env:dev", "the message is not the last field"),
        (b"_sc|lk.check|0|m:a|b", "unknown field 'b'"),
        (b"a" * 8193, "datagram of 8193 bytes"),
    ],
)  # fmt: skip
def test_what_the_agent_would_reject_or_misread_is_refused(line, reason):
    """Each fault is named, and the whole datagram is refused for it."""
    with pytest.raises(MalformedDatagram) as refusal:
        parse(b"lk.good:1|c\n" + line if len(line) < 8000 else line)

    assert line == refusal.value.line
    assert reason in refusal.value.reason


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            b"lk.d:1:2.5:-3|d|#step:none",
            [Metric("distribution", "lk.d", value, {"step": "none"}) for value in (1, 2.5, -3)],
        ),
        (b"lk.g:+1.5e3|g|#host:", [Metric("gauge", "lk.g", 1500, {"host": ""})]),
        (b"lk.c:1|c|c:ci-1a|e:it-0|card:low", [Metric("count", "lk.c", 1, {})]),
        (b"_e{5,0}:a|b c||t:error", [Event("a|b c", "", {}, alert_type="error")]),
        (b"_e{4,6}:a\\nb|1\\n|\\n", [Event("a\nb", "1\n|\n", {})]),
        (b"_sc|lk.x|2|#a:b|m:no: m:|c:ci-1a", [ServiceCheck("lk.x", 2, {"a": "b"}, "no: m:")]),
        (b"\n\n", []),
        (b"", []),
    ],
)  # fmt: skip
def test_the_less_common_forms_are_understood(line, expected):
    """Packed values, an empty host, pipes inside lengths and the client's own fields are read."""
    assert expected == parse(line)
