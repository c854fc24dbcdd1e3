"""What publishing the store's transitions sends, and what an Agent received of it."""

import json
from collections import Counter

from lightkeeper.store.outbox import Outbox
from lightkeeper.telemetry.catalogue import CATALOGUE
from lightkeeper.telemetry.signals import Sender

OUTCOMES = "lightkeeper.documents.outcomes"


def stored(database, where="1 = 1"):
    """What publishing the store's transitions sends: how often each count and each value."""
    sent = Counter()
    rows = database.rows(
        "SELECT d.document_type, t.to_step, t.outcome, t.step_changes, t.remarks, "
        "t.processing_ms, t.detection_ms FROM transitions AS t "
        f"JOIN form_526_document_submissions AS d ON d.id = t.document_id WHERE {where}"
    )

    def add(name, *value, **tags):
        sent[name, tuple(sorted(tags.items())), *value] += 1

    for kind, step, outcome, changes, remarks, *times in rows:
        if outcome:
            add(OUTCOMES, document_type=kind, step=step.lower(), outcome=outcome)
            for name, ms in zip(("processing_time", "detection_delay"), times, strict=True):
                if ms is not None:
                    tags = {"document_type": kind, "outcome": outcome}
                    add(f"lightkeeper.documents.{name}", ms / 1_000, **tags)
        for name, word in json.loads(changes):
            tags = {"document_type": kind, "step": name.lower(), "outcome": word.lower()}
            add("lightkeeper.step.outcomes", **tags)
        said = [tuple(remark) for remark in json.loads(remarks)]
        missed = {word for what, word in said if what == "slo_missed"}
        if missed or ("slo_met", None) in said:
            for objective in ("outcome", "efolder", "detection"):
                result = "bad" if objective in missed else "good"
                add(f"lightkeeper.slo.{objective}", document_type=kind, result=result)
        for what, word in said:
            if what in {"slo_met", "slo_missed"}:
                continue
            if what.startswith("unknown_"):
                add("lightkeeper.answers.unknown_words", field=what, word=word.lower())
            elif what == "veteran_must_act":
                add("silent_failure", service="disability-application", function=kind)
            else:
                add("lightkeeper.answers.remarkable", document_type=kind, remark=what)
    return sent


def own_tags(metric):
    """The signal's own tags, without the common ones."""
    return tuple(sorted((tag, metric.tags[tag]) for tag in CATALOGUE[metric.name].tags))


def received(agent):
    """What an Agent received of that."""
    sent = Counter()
    for metric in agent.metrics:
        if CATALOGUE[metric.name].sender is Sender.PUBLISHER:
            if metric.kind == "count":
                sent[metric.name, own_tags(metric)] += metric.value
            else:
                sent[metric.name, own_tags(metric), metric.value] += 1
    return sent


def _event_key(event):
    return tuple(event.tags[tag] for tag in ("event", "document_type", "step", "outcome"))


def assert_events_as_stored(database, agent, doubled=0):
    """The events received, and what is gathered for the next, hold every transition once.

    Where the last event before a kill was not marked, its `doubled` documents come twice.
    """
    in_events, gathered = Counter(), Counter()
    for event in agent.events:
        in_events[_event_key(event)] += documents_in(event)
    for digest in Outbox(database).unsent_events():
        gathered[digest.key] += digest.document_count
    assert gathered.keys() <= in_events.keys()  # the first of each key is sent at once
    expected = Counter()
    name = {OUTCOMES: "lightkeeper.document", "lightkeeper.step.outcomes": "lightkeeper.step"}
    for (metric, tags, *_), count in stored(database).items():
        if metric in name:
            key = dict(tags)
            expected[name[metric], key["document_type"], key["step"], key["outcome"]] += count
    found = in_events + gathered
    assert Counter() == expected - found
    assert doubled == (found - expected).total()
    folded = {(event.aggregation_key, _event_key(event)) for event in agent.events}
    assert len(in_events) == len(folded) == len({key for key, _ in folded})


def documents_in(event):
    """How many documents an event tells of."""
    return int(event.title.split()[0])
