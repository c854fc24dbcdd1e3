"""The evaluator's arithmetic against Prometheus': the same points, the same question, one answer.

A random query is put to both, in Datadog's words and in PromQL. All questions of an example go
into one file of `promtool test rules`, which prints each result that was not announced to it.
"""

import json
import random
import re
import shutil
import subprocess
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightkeeper.alerting.evaluate.measure import Measure
from lightkeeper.alerting.evaluate.series import SeriesStore
from lightkeeper.alerting.query.parser import parse
from lightkeeper.alerting.query.syntax import MetricAlert
from lightkeeper.telemetry.signals import Kind

MINUTES = 12
_FOUND = r'expr: "((?:[^"\\]|\\.)*)", time: .*\n.*exp: .*\n.*got: (.*)'
SCOPES = {
    "*": ("",),
    "a:1": ('{a="1"}',),
    "!a:1": ('{a!="1"}',),
    "a:1,b:2": ('{a="1",b="2"}',),
    "a:1 OR b:2": ('{a="1"}', '{b="2"}'),
    "a IN (1,2) AND NOT b:1": ('{a=~"1|2",b!="1"}',),
    "b:2*": ('{b=~"2.*"}',),
}
TAGS = [(f"a:{a}", f"b:{b}") for a in (1, 2) for b in (1, 2)]


@dataclass(frozen=True)
class PromqlQuestion:
    """One question in both languages, and the points of its metrics by name and tags."""

    datadog: str
    promql: str
    kind: Kind
    points: dict[tuple[str, tuple[str, ...]], list[int | None]]
    minute: int


def random_question(chance, number):
    """Make up a question about metrics whose names hold the number."""
    counts, grouped = chance.random() < 0.4, chance.random() < 0.6
    window = chance.randint(1, 8)
    time = "sum" if counts else chance.choice(["avg", "min", "max"])
    names = [f"m{number}", f"n{number}"]
    atoms = [_atom(chance, name, counts, grouped, window) for name in names]
    datadog, promql = chance.choice(_arithmetic(atoms, counts))
    if time == "avg" and chance.random() < 0.3:
        datadog = f"default_zero({datadog})"
        promql = f"sum_over_time(({promql})[{window}m:1m]) / {window}"
    elif not counts:
        promql = f"{time}_over_time(({promql})[{window}m:1m])"
    tags = chance.sample(TAGS, chance.randint(1, len(TAGS)))
    lowest, missing = (0, 0.5) if counts else (-9, chance.choice([0, 0.2, 0.7]))
    return PromqlQuestion(
        f"{time}(last_{window}m):{datadog} > 0",
        promql,
        Kind.COUNT if counts else Kind.GAUGE,
        {
            (name, one): [
                None if chance.random() < missing else chance.randint(lowest, 20)
                for _ in range(MINUTES)
            ]
            for name in names
            for one in tags
        },
        chance.randint(1, MINUTES),
    )


def _atom(chance, name, counts, grouped, window):
    """One metric query in both languages."""
    scope = chance.choice(list(SCOPES))
    space = "sum" if counts else chance.choice(["avg", "sum", "min", "max"])
    call = ".as_count()" if counts else ".fill(null)"
    selected = [name + matchers for matchers in SCOPES[scope]]
    if counts:
        selected = [f"sum_over_time({one}[{window}m])" for one in selected]
    promql = f"{space}{' by (a)' if grouped else ''} ({' or '.join(selected)})"
    return f"{space}:{name}{{{scope}}}{' by {a}' if grouped else ''}{call}", promql


def _arithmetic(atoms, counts):
    """Ways to put one or both atoms into arithmetic."""
    (first, first_promql), (second, second_promql) = atoms
    both = [first_promql, second_promql]
    if counts:  # a missing count is zero as long as there is another
        both = [f"({one} or 0 * ({' or '.join(both)}))" for one in both]
    return [
        (first, first_promql),
        (f"2 * {first} - 3", f"2 * ({first_promql}) - 3"),
        (f"{first} + {second}", f"({both[0]}) + ({both[1]})"),
        (f"{first} - {second} * 4", f"({both[0]}) - ({both[1]}) * 4"),
        (f"{first} / {second}", f"({both[0]}) / (({both[1]}) != 0)"),
        (f"100 * ({first} - {second}) / 8", f"100 * (({both[0]}) - ({both[1]})) / 8"),
        (f"-({first} / 5)", f"0 - ({first_promql}) / 5"),
    ]


def ours(question):
    """Answer with the evaluator: the value of each group, rounded."""
    store = SeriesStore()
    for (name, tags), values in question.points.items():
        for minute, value in enumerate(values):
            if value is not None:
                store.add(name, question.kind, tags, minute * 60 + 30, value)
    alert = parse(question.datadog)
    assert isinstance(alert, MetricAlert)
    measured = Measure(alert).measure(store, question.minute * 60)
    return {group: found.value for group, found in measured.items() if found.value is not None}


def theirs(questions, directory):
    """Answer all questions with promtool; the canary shows that it printed what it found."""
    canary = {"expr": "vector(42)", "eval_time": "0m", "exp_samples": []}
    series = {
        _series(name, tags): values
        for question in questions
        for (name, tags), values in question.points.items()
    }
    group = {
        "interval": "1m",
        "input_series": [
            {"series": name, "values": " ".join("stale" if v is None else str(v) for v in values)}
            for name, values in series.items()
        ],
        # Half a minute after the last minute's sample, so that no sample lies on a window's edge.
        "promql_expr_test": [
            {"expr": q.promql, "eval_time": f"{q.minute * 60 - 30}s", "exp_samples": []}
            for q in questions
        ]
        + [canary],
    }
    file = directory / "questions.yml"
    file.write_text(json.dumps({"rule_files": [], "evaluation_interval": "1m", "tests": [group]}))
    done = subprocess.run(
        [shutil.which("promtool"), "test", "rules", file],
        capture_output=True,
        text=True,
        check=False,
    )
    got = dict(
        re.findall(
            r'expr: "((?:[^"\\]|\\.)*)", time: .*\n.*exp: .*\n.*got: (.*)',
            done.stdout + done.stderr,
        )
    )
    found = {json.loads(f'"{expression}"'): _samples(text) for expression, text in got.items()}
    assert {(): 42.0} == found.pop("vector(42)"), done.stderr
    return [found.get(question.promql, {}) for question in questions]


def _series(name, tags):
    labels = (tag.split(":") for tag in tags)
    return name + "{" + ",".join(f'{key}="{value}"' for key, value in labels) + "}"


def _samples(text):
    samples = re.findall(r"\{([^}]*)\} (\S+?)(?:,|$)", text)
    return {
        tuple(f"{k}:{v}" for k, v in re.findall(r'(\w+)="(\w+)"', labels)): float(value)
        for labels, value in samples
    }


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """A place for promtool's file; skips without promtool."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed: it is in Debian's package prometheus")
    return tmp_path_factory.mktemp("promtool")


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32))
def test_prometheus_gives_the_same_answers(seed, directory):
    """60 random questions an example: the same groups, the same values."""
    chance = random.Random(seed)
    questions = [random_question(chance, number) for number in range(60)]

    answered = 0
    for question, expected in zip(questions, theirs(questions, directory), strict=True):
        assert pytest.approx(expected, abs=1e-9) == ours(question), question
        answered += bool(expected)
    assert answered > 30  # most questions have an answer at all
