"""The table of signals: what it promises holds, and what is generated from it is up to date."""

import csv

import generated_docs
import pytest
from seen_signals import unlike_the_catalogue

from lightkeeper.domain.answer import CallOutcome
from lightkeeper.domain.change import Objective, Outcome, RemarkKind
from lightkeeper.domain.document import DocumentType, Step
from lightkeeper.store.levels import troubles
from lightkeeper.telemetry.catalogue import CATALOGUE
from lightkeeper.telemetry.signals import Kind
from lightkeeper.telemetry.tag_values import MAX_TAG_VALUE, OpenTag
from lightkeeper.telemetry.tags import (
    CALL_OUTCOMES,
    DOCUMENT_TYPES,
    ENDINGS,
    OPEN_TAGS,
    OPEN_WORDS,
    STEPS,
)

METRICS = [
    signal
    for signal in CATALOGUE.values()
    if signal.kind in {Kind.COUNT, Kind.GAUGE, Kind.DISTRIBUTION}
]
# Those of Datadog's list that we use; a unit it does not know is shown as none.
UNITS = {"", "document", "day", "second", "request", "operation", "event", "packet", "error"}
MOST_SERIES = 1_150


def test_the_docs_show_the_catalogue():
    """dashboards/README.md has the catalogue's table; `make reference` brings it up to date."""
    assert generated_docs.signals_page() == generated_docs.SIGNALS.read_text()


def test_the_metadata_are_the_catalogues():
    """dashboards/metadata.csv is the catalogue's; `make reference` brings it up to date."""
    assert generated_docs.metadata() == generated_docs.METADATA.read_text()


def test_the_metadata_keep_datadogs_format():
    """Eleven columns, sorted names, known types and units, short descriptions without a bar."""
    with generated_docs.METADATA.open(newline="") as file:
        rows = list(csv.DictReader(file))

    names = [row["metric_name"] for row in rows]
    assert sorted({signal.name for signal in METRICS}) == names
    for row in rows:
        assert set(generated_docs.COLUMNS) == set(row)
        assert row["metric_type"] in {"count", "gauge"}
        assert row["unit_name"] in UNITS
        assert row["orientation"] in {"-1", "0", "1"}
        assert "|" not in row["description"]
        assert len(row["description"]) <= 400


def test_the_number_of_series_is_bounded():
    """All metrics together, unknown words included: Datadog bills by series."""
    assert 0 < sum(signal.most_series for signal in METRICS) <= MOST_SERIES


def test_the_bound_is_what_the_tags_allow():
    """A bound by hand: four types, and six steps, eight unknown ones and `other`."""
    assert 4 * (6 + 8 + 1) == CATALOGUE["lightkeeper.documents.pending"].most_series
    assert 3 * (0 + 8 + 1) == CATALOGUE["lightkeeper.answers.unknown_words"].most_series
    assert 1 == CATALOGUE["lightkeeper.heartbeat"].most_series


@pytest.mark.parametrize("known", [STEPS, ()])
def test_unknown_words_stay_within_the_bound(known):
    """A thousand hostile words give eight tag values and `other`, the same ones again later."""
    words = OpenTag(known)
    hostile = [f"ODD_STEP_{number}" for number in range(1_000)]

    first = [words.tag(word) for word in hostile]

    assert len(known) + OPEN_WORDS + 1 == len(words.seen)
    assert OPEN_WORDS + 1 == len(set(first))
    assert first == [words.tag(word) for word in hostile]
    assert ["other"] * (1_000 - OPEN_WORDS) == first[OPEN_WORDS:]


def test_what_looks_like_no_word_of_an_api_is_other():
    """A file's or a person's name, a number or an address in a step's place is `other`."""
    words = OpenTag(STEPS)
    odd = ("STORE John_Smith.pdf", "jane@va.gov", "SSN_123456789", "1ST", "É", "x" * 41, "")

    assert {"other"} == {words.tag(word) for word in odd}
    assert {*STEPS, "other"} == words.seen


def test_no_signal_names_a_document():
    """No tag of any signal holds an id: all values are closed sets, but for two bounded tags."""
    for signal in CATALOGUE.values():
        for tag, values in signal.tags.items():
            assert "id" not in tag.split("_")
            assert values or tag in OPEN_TAGS
            assert all(len(value) <= MAX_TAG_VALUE and value == value.lower() for value in values)


def test_the_words_are_those_of_the_domain():
    """Each word of the domain has its tag value."""
    assert set(DocumentType) == set(DOCUMENT_TYPES)
    assert set(Outcome) == set(ENDINGS)
    assert set(CallOutcome) == set(CALL_OUTCOMES)
    assert {step.lower() for step in Step} == set(STEPS)
    unattended = CATALOGUE["lightkeeper.documents.unattended"].tags["condition"]
    assert (*troubles([]), "unsettled", "expected_missing") == unattended
    remarks = CATALOGUE["lightkeeper.answers.remarkable"].tags["remark"]
    words = CATALOGUE["lightkeeper.answers.unknown_words"].tags["field"]
    others = {"veteran_must_act", "notice_sent", "notice_delivered", "slo_met", "slo_missed"}
    others |= {"acknowledged", "unacknowledged", "closed", "reopened_by_staff", "recheck"}
    others |= {"clock_corrected", "corrected"}
    assert {*others, *remarks, *words} == set(RemarkKind)
    objectives = {name for name in CATALOGUE if name.startswith("lightkeeper.slo.")}
    assert {f"lightkeeper.slo.{objective}" for objective in Objective} == objectives


def test_each_signal_says_what_it_is():
    """It has a sentence of meaning, a unit of Datadog's, and a name of ours or VA's."""
    for signal in CATALOGUE.values():
        assert signal.meaning[0].isupper()
        assert signal.meaning.endswith(".")
        assert signal.unit in UNITS
        assert signal.name.startswith(("lightkeeper.", "silent_failure"))


def test_signals_that_a_whole_run_missed_or_should_not_have_are_named():
    """`conftest` checks all signals that any Agent of a whole run received."""
    seen = {(str(signal.kind), signal.name) for signal in CATALOGUE.values()}
    heartbeat = ("gauge", "lightkeeper.heartbeat")

    assert [] == unlike_the_catalogue(seen | {("count", "of.a.test")})
    assert ["no test saw the gauge lightkeeper.heartbeat"] == unlike_the_catalogue(
        seen - {heartbeat}
    )
    assert ["the gauge lightkeeper.heartbeats is not in the catalogue"] == unlike_the_catalogue(
        seen | {("gauge", "lightkeeper.heartbeats")}
    )
