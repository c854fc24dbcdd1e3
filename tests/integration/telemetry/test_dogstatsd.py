"""What is sent to the Agent: only what the catalogue has, never malformed; losses are counted."""

import contextlib
import gc
import os
import socket
import time
import warnings

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from patience import SECONDS, at_most

from lightkeeper import __version__
from lightkeeper.config.settings import MAX_TAG_BYTES, Settings
from lightkeeper.service.connections import build_emitter
from lightkeeper.simulation.agent.datagram import Event
from lightkeeper.simulation.agent.server import SimulatedAgent
from lightkeeper.telemetry.catalogue import CATALOGUE
from lightkeeper.telemetry.dogstatsd import (
    MAX_MESSAGE_BYTES,
    MAX_TEXT_BYTES,
    MAX_TITLE_BYTES,
    Emitter,
    UncataloguedSignal,
)
from lightkeeper.telemetry.tag_values import constant_tags

COUNT = "lightkeeper.cycle.success"
GAUGE = "lightkeeper.documents.done"
WORDS = "lightkeeper.answers.unknown_words"
DISTRIBUTION = "lightkeeper.documents.processing_time"
EVENT = "lightkeeper.document"
TYPE = {"document_type": "form_0781"}
ENDED = {**TYPE, "outcome": "done"}
TAGS = {**ENDED, "step": "complete"}


def _agent(transport, folder):
    if transport == "udp":
        return SimulatedAgent()
    return SimulatedAgent(port=None, socket_path=folder / "dsd.socket")


@pytest.fixture(params=["udp", "unix"])
def agent(request, tmp_path):
    """A running Agent, once on each transport."""
    with _agent(request.param, tmp_path) as running:
        yield running


@pytest.fixture
def unix_agent(tmp_path):
    """A running Agent on a Unix socket."""
    with _agent("unix", tmp_path) as running:
        yield running


@pytest.fixture
def emitter(agent):
    """A strict emitter that sends to that Agent."""
    with contextlib.closing(Emitter(agent.url, strict=True)) as made:
        yield made


def _event(emitter, title="title", text="text", *, alert_type="info", key="key", **tags):
    emitter.event(EVENT, title, text, alert_type=alert_type, aggregation_key=key, **(tags or TAGS))


def test_every_kind_arrives_as_it_was_sent(agent, emitter):
    """Counts, gauges, distributions and events reach the Agent with value, tags and kind."""
    emitter.count(COUNT, 3)
    emitter.count(COUNT, 4)
    emitter.gauge(GAUGE, 7, **TYPE)
    emitter.distribution(DISTRIBUTION, [0.25, 18], **ENDED)
    _event(emitter, "A title", "Two\nlines | of text", alert_type="error", key="a:b.c/d-e")

    assert emitter.flush()
    agent.drain()
    agent.assert_clean()
    assert [] == agent.telemetry
    assert (7, 7) == (agent.count(COUNT), agent.gauge(GAUGE, document_type="form_0781"))
    assert [0.25, 18] == agent.values(DISTRIBUTION, **ENDED)
    assert [
        Event(
            "A title",
            "Two\nlines | of text",
            {**TAGS, "event": EVENT},
            alert_type="error",
            aggregation_key="a:b.c/d-e",
            source_type_name="lightkeeper",
        )
    ] == agent.events


def test_the_values_of_a_distribution_share_lines():
    """Fifty values at most go in one line, all of them in their order."""
    values = [number + 0.25 for number in range(120)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as agent:
        agent.bind(("127.0.0.1", 0))
        agent.settimeout(SECONDS)
        url = f"udp://127.0.0.1:{agent.getsockname()[1]}"
        with contextlib.closing(Emitter(url, strict=True)) as emitter:
            emitter.distribution(DISTRIBUTION, values, **ENDED)
            assert emitter.flush()
            lines = agent.recv(65_536).decode().splitlines()

    sent = [line.partition("|")[0].split(":")[1:] for line in lines]
    assert [50, 50, 20] == [len(texts) for texts in sent]
    assert values == [float(text) for texts in sent for text in texts]


def test_gauges_belong_to_no_host(agent, emitter):
    """A gauge has an empty host, so that Datadog never adds up two daemons."""
    emitter.gauge(GAUGE, 1, **TYPE)
    emitter.count(COUNT, 1)
    emitter.close()

    agent.drain()
    assert [{**TYPE, "host": ""}, {}] == [metric.tags for metric in agent.metrics]


@pytest.mark.parametrize("alert_type", ["error", "warning", "info", "success", "critical", ""])
def test_alert_types_are_those_the_agent_knows(agent, emitter, alert_type):
    """Another word than Datadog's four becomes info."""
    _event(emitter, alert_type=alert_type)

    assert agent.wait_for(lambda a: a.events or a.malformed)
    expected = alert_type if alert_type in ("error", "warning", "success") else "info"
    assert [expected] == [event.alert_type for event in agent.events]


WILD = st.text(max_size=400) | st.sampled_from(
    [
        *("", " ", "\n", "\n\n", "\\n", "|", "a|b", "a,b", "#env:x", "a:b:", ":", "::", "host:"),
        *(
            "Ä",
            "文書" * 99,
            "\ud800",
            "\x00",
            "x" * 250,
            "x" * 10_000,
            "\u2028",
            "İ",
            "m:",
            "|#a:b",
        ),
    ]
)
NUMBERS = (
    st.integers()
    | st.floats()
    | st.booleans()
    | st.sampled_from([10**400, -(10**400), float("nan"), float("inf"), 1e-320, None, "7", 1j])
)
# Tag keys and names of the catalogue often enough, so that most examples get past the refusals.
NAMES = st.sampled_from(sorted(CATALOGUE)) | WILD
KEYS = st.sampled_from(["document_type", "step", "outcome", "word", "field"]) | st.text(max_size=9)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=NAMES, tags=st.dictionaries(KEYS, WILD, max_size=3), word=WILD, data=st.data())
def test_nothing_malformed_ever_leaves(agent, name, tags, word, data):
    """Whatever its arguments, it raises nothing and sends only what a strict Agent takes."""
    tags = {key: value for key, value in tags.items() if key not in ("self", "name", "title")}
    title, text, key = data.draw(WILD), data.draw(WILD), data.draw(WILD)
    kind = {"alert_type": data.draw(WILD), "aggregation_key": key}
    numbers = data.draw(st.lists(NUMBERS, max_size=4))
    good = {"document_type": "form_0781", "outcome": "done", "step": word}
    agent.clear()
    names = ("DD_ENV", "DD_SERVICE", "DD_VERSION", "DATADOG_TAGS")
    constant = constant_tags({name: data.draw(WILD) for name in names})
    with contextlib.closing(Emitter(agent.url, constant_tags=constant)) as emitter:
        emitter.service_check("lightkeeper.polling", status=data.draw(st.integers()), message=text)
        emitter.service_check("lightkeeper.polling", status=2, message=text)
        _call(emitter.service_check, name, status=0, message=text, **tags)
        for number in numbers:
            emitter.count(
                "lightkeeper.answers.unknown_words", number, field="unknown_step", word=word
            )
            emitter.gauge(GAUGE, number, **TYPE)
            _call(emitter.count, name, number, **tags)
            _call(emitter.gauge, name, number, **tags)
        emitter.distribution(DISTRIBUTION, numbers, **ENDED)
        _call(emitter.distribution, name, numbers, **tags)
        emitter.event(EVENT, title, text, **kind, **good)
        _call(emitter.event, name, title, text, **kind, **tags)
        assert emitter.flush()
    agent.drain(0.002)
    agent.assert_clean()


def _call(method, name, *args, **kwargs):
    with contextlib.suppress(TypeError):  # a tag named as one of the method's own arguments
        method(name, *args, **kwargs)


WRONG = {
    "unknown name": ("count", "lightkeeper.no.such.signal", {}),
    "gauge as a count": ("count", GAUGE, TYPE),
    "count as a gauge": ("gauge", COUNT, {}),
    "count as a distribution": ("distribution", COUNT, {}),
    "metric as an event": ("event", COUNT, {}),
    "event as a count": ("count", EVENT, TAGS),
    "missing tag": ("gauge", GAUGE, {}),
    "missing open tag": ("event", EVENT, ENDED),
    "extra tag": ("count", COUNT, {"request_id": "1"}),
    "another tag": ("gauge", GAUGE, {"type": "form_0781"}),
    "unknown tag value": ("gauge", GAUGE, {"document_type": "form_4142"}),
    "tag value in capitals": ("gauge", GAUGE, {"document_type": "FORM_0781"}),
}


def _send(emitter, method, name, tags):
    value = {"count": 1, "gauge": 1, "distribution": [1.0]}
    if method == "event":
        _event(emitter, **tags) if name == EVENT else emitter.event(
            name, "title", "text", alert_type="info", aggregation_key="k", **tags
        )
    else:
        getattr(emitter, method)(name, value[method], **tags)


@pytest.mark.parametrize("name", WRONG)
def test_a_signal_that_is_not_in_the_catalogue_raises_in_tests(agent, emitter, name):
    """A strict emitter raises at a wrong name, kind, tag key or tag value, each time anew."""
    for _ in range(2):
        with pytest.raises(UncataloguedSignal):
            _send(emitter, *WRONG[name])
    emitter.close()

    agent.drain()
    assert [] == agent.received


@pytest.mark.parametrize("name", WRONG)
def test_a_signal_that_is_not_in_the_catalogue_is_not_sent(agent, name):
    """In production it is logged once; signals after it are sent."""
    with (
        structlog.testing.capture_logs() as logs,
        contextlib.closing(Emitter(agent.url)) as emitter,
    ):
        for _ in range(3):
            _send(emitter, *WRONG[name])
        emitter.count(COUNT, 1)
        assert emitter.flush()

    agent.drain()
    assert [COUNT, "lightkeeper.dogstatsd.refused"] == [metric.name for metric in agent.received]
    assert 3 == agent.count("lightkeeper.dogstatsd.refused")
    assert ["dogstatsd.signal.refused"] == [line["event"] for line in logs]
    assert WRONG[name][1] in logs[0]["problem"]


def test_the_kind_is_checked_each_time(emitter):
    """A signal that was sent as its own kind is still refused as another."""
    emitter.count(COUNT, 1)

    with pytest.raises(UncataloguedSignal, match="not a gauge"):
        emitter.gauge(COUNT, 1)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 10**400, True, "7"])
def test_what_is_no_finite_number_is_refused(emitter, value):
    """A value that the Agent cannot read raises, whatever the kind."""
    for send in (
        lambda: emitter.count(COUNT, value),
        lambda: emitter.gauge(GAUGE, value, **TYPE),
        lambda: emitter.distribution(DISTRIBUTION, [1.0, value], **ENDED),
    ):
        with pytest.raises(UncataloguedSignal, match="not a finite number"):
            send()


def test_unknown_steps_and_words_are_sent(agent, emitter):
    """Lighthouse's own words are sent in the form in which Datadog keeps them."""
    for word in ("VIRUS_SCAN", "Größe, neu", "x" * 500, "a:b:", ""):
        emitter.count(WORDS, 1, field="unknown_step", word=word)
    emitter.close()

    agent.drain()
    agent.assert_clean()
    words = [metric.tags["word"] for metric in agent.metrics]
    assert ["virus_scan", "gr__e__neu", "x" * 180, "a_b_", "_"] == words


@pytest.mark.parametrize("char", ["x", "ß", "文", "\N{PILE OF POO}", "\n", "\ud800"])
@pytest.mark.parametrize("room", [-1, 0, 1, 5_000])
def test_texts_are_cut_to_bytes_at_whole_characters(agent, emitter, char, room):
    """Title and text are as long as fits in bytes, and end with a whole character."""
    as_sent = {"\n": 2, "\ud800": 1}.get(char) or len(char.encode())
    limits = (MAX_TITLE_BYTES, MAX_TEXT_BYTES)
    full = [(limit + room - 2) // as_sent for limit in limits]
    _event(emitter, *("a" + char * count + "z" for count in full))

    assert agent.wait_for(lambda a: a.events or a.malformed)
    agent.assert_clean()
    (event,) = agent.events
    shown = "?" if char == "\ud800" else char
    for sent, limit, count in zip((event.title, event.text), limits, full, strict=True):
        fits = 2 + count * as_sent <= limit
        expected = "a" + shown * (count if fits else (limit - 1) // as_sent)
        assert expected + "z" * fits == sent


def test_an_event_has_a_datagram_of_its_own(unix_agent):
    """Metrics and an event that fit one datagram in characters may not fit in bytes."""
    with contextlib.closing(Emitter(unix_agent.url, strict=True)) as emitter:
        for value in range(190):
            emitter.count(COUNT, value)
        _event(emitter, "文" * 60, "書" * 1_300)
    unix_agent.drain()

    unix_agent.assert_clean()
    assert (190, 1) == (len(unix_agent.metrics), len(unix_agent.events))


def test_an_empty_title_is_the_events_name(agent, emitter):
    """The Agent refuses an event without a title."""
    for title in ("", "  ", "\n", "\\n"):
        _event(emitter, title)

    assert agent.wait_for(lambda a: len(a.events) == 4)
    assert [EVENT] * 4 == [event.title for event in agent.events]


def test_an_aggregation_key_cannot_add_fields(agent, emitter):
    """Characters that start another field of the event are replaced."""
    _event(emitter, key="a|t:error|#env:dev\nlk.x:1|c" + "文" * 200)

    assert agent.wait_for(lambda a: a.events or a.malformed)
    (event,) = agent.events
    assert "a_t:error__env:dev_lk.x:1_c" + "_" * 73 == event.aggregation_key
    assert "info" == event.alert_type


def test_a_flush_that_reaches_the_agent_is_true(agent, emitter):
    """It is true also where there was nothing to send."""
    assert [True, True] == [emitter.flush(), emitter.flush()]
    for value in range(2_000):
        emitter.count(COUNT, value)
        if value % 500 == 0:
            assert emitter.flush()
    assert emitter.flush()
    assert (True, 0) == (emitter.reachable, emitter.lost_count)
    agent.drain()
    assert 2_000 == len(agent.metrics)


def _nobody(transport, folder):
    """The URL of an unreachable Agent."""
    with _agent(transport, folder) as agent:
        return agent.url


@pytest.mark.parametrize("transport", ["udp", "unix"])
@pytest.mark.parametrize("signals", [1, 1_000])
def test_an_unreachable_agent_is_noticed(transport, signals, tmp_path):
    """With a missing socket or a closed port every flush is false, the first included."""
    url = _nobody(transport, tmp_path)
    with contextlib.closing(Emitter(url, strict=True)) as emitter:
        for _ in range(5):
            for value in range(signals):
                emitter.count(COUNT, value)
            assert not emitter.flush()
            _event(emitter)
            assert not emitter.flush()
        assert emitter.reachable is False
        assert 10 <= emitter.lost_count


def test_an_agent_may_become_unreachable_and_reachable_again(agent, emitter):
    """Unreachable from the first loss, reachable from the first delivery; both are logged."""
    with structlog.testing.capture_logs() as logs:
        emitter.count(COUNT, 1)
        assert emitter.flush()
        agent.drain()
        agent.stop()
        for _ in range(3):
            emitter.flush()
            emitter.count(COUNT, 10)
            assert not emitter.flush()
            assert emitter.reachable is False
        agent.start()
        while not emitter.reachable:  # the socket of before may have to be lost first
            emitter.count(COUNT, 100)
            emitter.flush()
        agent.drain()

    assert ["dogstatsd.agent.unreachable", "dogstatsd.agent.reachable"] == [
        line["event"] for line in logs
    ]
    assert 101 == agent.count(COUNT)
    agent.assert_clean()


def test_after_a_loss_nothing_is_sent_until_the_next_flush(unix_agent):
    """What follows a lost datagram is not sent: it would be sent twice, and costs time."""
    with contextlib.closing(Emitter(unix_agent.url, strict=True)) as emitter:
        unix_agent.stop()
        _event(emitter)
        unix_agent.start()
        emitter.count(COUNT, 1)
        assert not emitter.flush()
        emitter.count(COUNT, 2)
        assert emitter.flush()
    unix_agent.drain()

    assert 2 == unix_agent.count(COUNT)


@pytest.mark.speed
def test_a_stalled_agent_costs_seconds_only(unix_agent):
    """An Agent that does not read costs a second or two, not one for each datagram."""
    with contextlib.closing(Emitter(unix_agent.url, strict=True)) as emitter:
        unix_agent.pause()
        begun = time.monotonic()
        emitter.distribution(DISTRIBUTION, range(50_000), **ENDED)
        for value in range(10_000):
            emitter.count(COUNT, value)
            if value % 1_000 == 0:
                _event(emitter)
        assert not emitter.flush()
        assert time.monotonic() - begun < at_most(5.0)

        unix_agent.resume()
        unix_agent.drain()
        emitter.count(COUNT, 0.5)
        assert emitter.flush()
        unix_agent.drain()
        assert 0.5 == [m.value for m in unix_agent.metrics if m.name == COUNT][-1]
        assert emitter.lost_count == unix_agent.count("lightkeeper.dogstatsd.lost")
    unix_agent.assert_clean()


@pytest.mark.speed
def test_closing_is_bounded_when_the_agent_is_stalled(unix_agent):
    """A daemon that stops does not wait for an Agent that hangs."""
    emitter = Emitter(unix_agent.url, strict=True)
    unix_agent.pause()
    emitter.distribution(DISTRIBUTION, range(50_000), **ENDED)
    begun = time.monotonic()
    emitter.close()

    assert time.monotonic() - begun < at_most(4.0)
    unix_agent.resume()


def test_closing_sends_what_is_left(agent):
    """Nothing that was buffered is lost, and nothing is sent after the end."""
    emitter = Emitter(agent.url, strict=True)
    emitter.count(COUNT, 5)
    agent.drain()
    assert [] == agent.received
    emitter.close()

    assert agent.wait_for(lambda a: a.count(COUNT) == 5)


@pytest.mark.parametrize("state", ["reachable", "unreachable", "gone between"])
@pytest.mark.parametrize("transport", ["udp", "unix"])
def test_no_socket_is_left_open(transport, state, tmp_path):
    """A closed emitter leaves no open socket for the garbage collector."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gc.collect()
        caught.clear()
        with _agent(transport, tmp_path) as agent:
            emitter = Emitter(agent.url)
            if state == "unreachable":
                agent.stop()
            emitter.count(COUNT, 1)
            emitter.flush()
            if state == "gone between":
                agent.stop()
            _event(emitter)
            emitter.close()
        del emitter
        gc.collect()

    assert [] == [str(warning.message) for warning in caught]


def test_tags_for_all_signals_come_once(agent, monkeypatch):
    """Unified service tags and constant tags are on every signal, each once."""
    monkeypatch.setenv("DD_ENV", "Test")
    monkeypatch.setenv("DD_VERSION", "1.2.3")
    monkeypatch.setenv("DD_SERVICE", "lk")
    odd = "env:other, team:benefits,solo,team:twice,host:x,step:y,service:z,bad~key:x,:v,k:"
    monkeypatch.setenv("DATADOG_TAGS", odd)
    with contextlib.closing(
        Emitter(agent.url, constant_tags=constant_tags(os.environ))
    ) as emitter:
        emitter.count(COUNT, 1)
        emitter.gauge(GAUGE, 1, **TYPE)
        _event(emitter)
        emitter.count("silent_failure", 1, service="disability-application", function="form_0781")
        emitter.service_check("lightkeeper.polling", status=0)

    agent.drain()
    agent.assert_clean()
    common = {"env": "test", "service": "lk", "version": "1.2.3", "team": "benefits"}
    silence = common | {"service": "disability-application", "function": "form_0781"}
    assert [
        common,
        {**TYPE, "host": "", **common},
        {**TAGS, "event": EVENT, **common},
        silence,
        common,
    ] == [signal.tags for signal in agent.received]


SWITCHES = {
    "DD_DOGSTATSD_DISABLE": "true",
    "DD_TELEMETRY_HOST": "127.0.0.1",
    "DD_TELEMETRY_PORT": "none",
    "DD_ENTITY_ID": "pod\n" * 4_000,
    "DD_EXTERNAL_ENV": "it-false|x\n" * 2_000,
    "DD_CARDINALITY": "none of these",
    "DATADOG_CARDINALITY": "odd",
    "DD_ORIGIN_DETECTION_ENABLED": "true",
    "DATADOG_TAGS": "team:" + "x" * 9_000,
    "DD_DOGSTATSD_URL": "unix:///nowhere",
}


@pytest.mark.parametrize("name", SWITCHES)
def test_no_variable_of_datadogs_silences_a_signal(agent, monkeypatch, name):
    """What Datadog's client finds in the environment neither stops, lengthens nor moves a line."""
    for one in {name, "DD_TELEMETRY_HOST"} if "TELEMETRY" in name else {name}:
        monkeypatch.setenv(one, SWITCHES[one])
    with contextlib.closing(Emitter(agent.url, strict=True)) as emitter:
        emitter.count(COUNT, 1)
        emitter.distribution(DISTRIBUTION, [1], **ENDED)
        _event(emitter)
        emitter.service_check("lightkeeper.polling", status=0)
        assert emitter.flush()
    assert SWITCHES[name] == os.environ[name]

    agent.drain()
    agent.assert_clean()
    assert [{}, ENDED, {**TAGS, "event": EVENT}, {}] == [one.tags for one in agent.received]


def test_the_longest_tags_leave_room_for_every_signal(agent):
    """With as many tags as the settings allow, the longest line of each kind arrives."""
    tags = ",".join(f"tag{n}:{'x' * 150}" for n in range(20))[:MAX_TAG_BYTES]
    unified = {f"DD_{key}": "y" * 300 for key in ("ENV", "SERVICE", "VERSION")}
    constant = constant_tags(unified | {"DATADOG_TAGS": tags, "DD_TAGS": tags.replace("tag", "t")})
    with contextlib.closing(Emitter(agent.url, constant_tags=constant, strict=True)) as emitter:
        emitter.distribution(DISTRIBUTION, [1e15 / 7] * 100, **ENDED)
        _event(emitter, "é" * 300, "é" * 5_000, key="k" * 200, **{**TAGS, "step": "w" * 180})
        emitter.service_check("lightkeeper.polling", status=2, message="é" * 600)
        emitter.count(WORDS, 1, field="unknown_step", word="w" * 180)
        assert emitter.flush()

    agent.drain()
    agent.assert_clean()
    assert 103 == len(agent.received)


@pytest.mark.parametrize(("service", "expected"), [(None, "lightkeeper"), ("docs", "docs")])
def test_the_service_is_named_once(agent, monkeypatch, service, expected):
    """DD_SERVICE replaces the service's default name."""
    monkeypatch.setenv("DD_DOGSTATSD_URL", agent.url)
    if service is not None:
        monkeypatch.setenv("DD_SERVICE", service)
    with contextlib.closing(build_emitter(Settings.load())) as emitter:
        emitter.count(COUNT, 1)

    assert agent.wait_for(lambda a: a.received or a.malformed)
    assert [{"service": expected, "version": __version__}] == [
        metric.tags for metric in agent.metrics
    ]


def test_losses_are_counted_once_the_agent_is_reachable(agent, emitter):
    """Each packet that never arrived is counted once."""
    emitter.count(COUNT, 1)
    assert emitter.flush()
    agent.drain()
    agent.stop()
    for _ in range(3):
        emitter.flush()  # over UDP the refusal comes after the packet
        emitter.count(COUNT, 1)
        emitter.flush()
    agent.start()
    for _ in range(3):
        emitter.count(COUNT, 1)
        emitter.flush()

    agent.drain()
    assert 3 <= emitter.lost_count == agent.count("lightkeeper.dogstatsd.lost")


def test_an_unreachable_agent_is_logged_once_a_minute(unix_agent):
    """An Agent that is unreachable for long, or again and again, does not flood the log."""
    clock = [0.0]
    unix_agent.stop()
    with (
        structlog.testing.capture_logs() as logs,
        contextlib.closing(Emitter(unix_agent.url, monotonic=lambda: clock[0])) as emitter,
    ):
        for _ in range(300):
            emitter.count(COUNT, 1)
            emitter.flush()
            clock[0] += 1

    assert [1, 61, 121, 181, 241] == [line["lost_packets"] for line in logs]


@pytest.mark.parametrize("status", [0, 1, 2, 3])
def test_a_service_check_arrives_with_its_state(agent, emitter, status):
    """Each status has a message that the Agent cannot read as a field, a tag or a line."""
    message = "x |#env:dev|h:me\nm:y\r" + "é" * 600
    emitter.service_check("lightkeeper.polling", status=status, message=message)
    emitter.service_check("lightkeeper.polling", status=status)
    assert emitter.flush()

    agent.drain()
    agent.assert_clean()
    first, second = agent.checks
    assert (status, {}, None) == (first.status, first.tags, first.hostname)
    assert first.message.startswith("x #env:dev h:me m") or "|" not in first.message
    assert MAX_MESSAGE_BYTES >= len(first.message.encode())
    assert "" == second.message


def test_a_message_that_quotes_a_database_is_harmless(agent, emitter):
    """It may name no person and steer no terminal: Datadog shows it to many."""
    words = "key (796-04-3735, z.quarter@va.example) \x9b31m\u202e exists"
    emitter.service_check("lightkeeper.database.can_write", status=2, message=words)
    assert emitter.flush()

    agent.drain()
    agent.assert_clean()
    assert "key ([redacted], [redacted]) \ufffd31m\ufffd exists" == agent.checks[0].message


def test_a_crash_between_is_no_delivery(agent):
    """What was only buffered never arrives: it counts as sent after `flush` alone."""
    child = os.fork()
    if child == 0:
        Emitter(agent.url).count(COUNT, 1)
        os._exit(0)
    os.waitpid(child, 0)

    agent.drain()
    assert [] == agent.received
