"""`lightkeeper account` as a process, with a simulated account and files of its own."""

import json
import re
import shutil
from pathlib import Path

import account_rig
import command_line
import definition_files
import pytest
import typed_models

from lightkeeper.simulation.datadog.server import SimulatedDatadog

ROOT = Path(__file__).parents[3]


@pytest.fixture
def datadog():
    """An account with one monitor of another team."""
    with SimulatedDatadog() as simulated:
        simulated.add("monitor", account_rig.FOREIGN)
        yield simulated


@pytest.fixture
def run(tmp_path, datadog):
    """Runs it in a folder of small definitions, with the right keys unless others are given."""
    account_rig.write(tmp_path)

    def made(*line, **more):
        env = command_line.environment(**{**datadog.environment(), **more})
        return command_line.run("account", *line, env=env, cwd=tmp_path)

    return made


def edit(tmp_path, key, path, value):
    """Change one value of a file."""
    file = tmp_path / "monitors" / f"{key}.json"
    given = json.loads(file.read_text())
    definition_files.put(given, path, value)
    file.write_text(json.dumps(given))


def test_from_files_to_the_account_and_back(run, datadog, tmp_path):
    """Plan, apply, a changed threshold, apply, a change by hand, drift: each as its help says."""
    planned = run("plan", "--out", "plan.json")
    assert (2, "") == (planned.returncode, planned.stderr)
    assert "8 to create, 0 to change, 0 to delete, 0 as they should be (env test" in planned.stdout
    assert [] == datadog.writes

    applied = run("apply", "plan.json")
    assert (0, "") == (applied.returncode, applied.stderr)
    assert "[1/8] create slo share\n" in applied.stdout
    assert applied.stdout.endswith("8 created, 0 changed, 0 deleted; the account is as planned\n")
    assert 0 == run("plan").returncode

    edit(tmp_path, "burn", "payload.options.thresholds.critical", 7)
    changed = run("apply")
    assert "    options.thresholds.critical: 6 -> 7\n" in changed.stdout
    assert 0 == changed.returncode

    burn = next(n for n, one in datadog.objects["monitor"].items() if one["name"] == "It burn")
    datadog.change("monitor", burn, priority=1, name="Mine")
    drifted = run("drift", "--json")
    step = next(one for one in json.loads(drifted.stdout)["steps"] if one["action"] == "change")
    assert (2, "burn") == (drifted.returncode, step["key"])
    assert {"path": "priority", "before": 1} in step["changes"]
    again = run("apply", "plan.json")
    assert "the account changed since the plan was made, in monitor burn" in (
        command_line.complaint(again, 73)
    )
    assert 0 == run("apply").returncode
    assert 0 == run("drift").returncode


def test_an_apply_that_is_killed_is_run_again(run, datadog, tmp_path):
    """Every object is there once; what was done before is not done again."""
    datadog.fail(429, method="POST", path="/api/v1/dashboard", reset=100)
    env = command_line.environment(**datadog.environment())
    with command_line.running("account", "apply", env=env, cwd=tmp_path) as process:
        command_line.until(lambda: 429 in [one.status for one in datadog.calls])
        process.kill()
        assert -9 == process.wait()
    assert [] == list(datadog.objects["dashboard"].values())

    again = run("apply")
    assert "[1/1] create dashboard one\n" in again.stdout
    assert 0 == again.returncode
    assert (1, 1 + 6, 1) == tuple(len(datadog.objects[kind]) for kind in account_rig.KINDS)
    assert 8 == sum(one.method == "POST" and one.status == 200 for one in datadog.writes)


def test_the_shipped_definitions_go_into_two_environments(datadog):
    """Datadog's own models know all that is sent; a second plan of both is empty."""
    env = command_line.environment(**datadog.environment())
    for name in ("production", "staging"):
        line = ("account", "apply", "--env", name)
        assert 0 == command_line.run(*line, env=env, cwd=ROOT).returncode
    for name in ("production", "staging"):
        planned = command_line.run("account", "plan", "--env", name, env=env, cwd=ROOT)
        assert planned.stdout.startswith("0 to create, 0 to change, 0 to delete")
        assert 0 == planned.returncode

    sent = [one for one in datadog.writes if one.status == 200]
    assert [] == [
        f"{one.path}: {said}"
        for one in sent
        for said in typed_models.complaints(one.path.split("/")[3], json.loads(one.body))
    ]
    assert sum(map(len, datadog.objects.values())) <= len(sent)


BAD = {
    "no keys": ({"DD_API_KEY": "", "DD_APP_KEY": ""}, "not set: DD_API_KEY, DD_APP_KEY: "),
    "no site": ({"DD_SITE": ""}, "not set: DD_SITE: "),
    "a site that there is not": ({"DD_SITE": "vagov.ddog-gov.com"}, r"DD_SITE: .* ddog-gov\.com"),
    "a key of another organisation": ({"DD_API_KEY": "f" * 32}, "DD_API_KEY: .* does not know"),
    "an application key of another": ({"DD_APP_KEY": "f" * 40}, r"slos: .* 403 \(Forbidden\)"),
    "a key that is none": ({"DD_APP_KEY": "two words"}, "DD_APP_KEY: is no key"),
    "a key file that is not there": (
        {"DD_API_KEY": "", "DD_API_KEY_FILE": "none.key"},
        "DD_API_KEY_FILE: cannot read none",
    ),
    "a key and a key file": ({"DD_API_KEY_FILE": "none.key"}, "DD_API_KEY: set together with"),
}


@pytest.mark.parametrize(("settings", "words"), BAD.values(), ids=BAD)
def test_wrong_keys_and_sites_are_one_line(run, datadog, settings, words):
    """Before any write, and with no key in it."""
    said = command_line.complaint(run("apply", **settings), 78)

    assert re.match(words, said)
    assert [] == datadog.writes
    for key in ("f" * 32, "two words", datadog.api_key, datadog.app_key):
        assert key not in said


def test_keys_may_be_in_files(run, datadog, tmp_path):
    """As secrets are given to a job."""
    for name, key in (("api", datadog.api_key), ("app", datadog.app_key)):
        (tmp_path / name).write_text(f"{key}\n")
    files = {"DD_API_KEY_FILE": "api", "DD_APP_KEY_FILE": "app"}

    assert 0 == run("check", DD_API_KEY="", DD_APP_KEY="", **files).returncode


@pytest.mark.parametrize(
    ("line", "status", "words"),
    [
        (("apply", "none.json"), 66, "none.json: No such file or directory: make it with"),
        (("apply", "monitors/base.json"), 65, "monitors/base.json: is no plan: make one with"),
        (("plan", "--env", "nowhere"), 65, "no such environment: nowhere: choose from test"),
        (("plan", "--out", "none/plan.json"), 74, "none/plan.json: No such file or directory"),
        (("import", "../x"), 65, "../x is no id: write that of a monitor"),
        (("import", "99"), 1, "monitor 99: http://127.0.0.1"),
        (("import", "\u0661\u0662"), 65, "\u0661\u0662 is no id: write that of a monitor"),
    ],
)
def test_bad_input_is_one_line(run, datadog, line, status, words):
    """Before any write; 2 says that changes wait, and nothing else."""
    done = run(*line)

    assert status == done.returncode
    assert 1 == done.stderr.count("\n")
    assert done.stderr.startswith(f"lightkeeper: {words}")
    assert [] == datadog.writes


def test_what_datadog_would_refuse_is_found_by_the_plan(run, datadog, tmp_path):
    """All of it, before anything is written."""
    for key in ("base", "failed"):
        edit(tmp_path, key, "payload.name", "")
    datadog.fail(400, path="/api/v1/monitor/validate", times=2, words="invalid operator")

    done = run("apply")
    assert 65 == done.returncode
    assert 2 == done.stderr.count("400 (invalid operator): correct its file")
    assert [] == datadog.writes


def test_check_names_the_permissions_that_are_missing(run, datadog):
    """From what the server answers; nothing is written."""
    datadog.faults.lacks |= {"monitors_write", "dashboards_read"}
    before = json.dumps(datadog.objects)
    done = run("check")

    assert 1 == done.returncode
    failed = [line.split()[1].rstrip(":") for line in done.stdout.splitlines() if "FAIL" in line]
    assert ["monitors_write", "dashboards_read"] == failed
    assert 1 == run("check", DD_APP_KEY="e" * 40).returncode
    assert before == json.dumps(datadog.objects)


def test_the_keys_are_sent_nowhere_else(run, datadog):
    """A redirect is not followed, and what Datadog says is shown without them."""
    with SimulatedDatadog() as other:
        datadog.fail(302, method="GET", path="/api/v1/slo", location=f"{other.url}/api/v1/slo")
        assert "answers 302" in command_line.complaint(run("plan"), 75)
        assert [] == other.calls
    datadog.fail(403, path="/api/v1/slo", words=f"bad {datadog.api_key} or {datadog.app_key}")
    assert "(bad … or …)" in command_line.complaint(run("plan"), 78)


BOARD = {
    "title": "By hand",
    "layout_type": "ordered",
    "description": "It.",
    "widgets": [{"definition": {"type": "note", "content": "x"}}],
}
SLO = {
    "type": "metric",
    "name": "By hand",
    "query": {"numerator": "sum:a{*}.as_count()", "denominator": "sum:b{*}.as_count()"},
    "thresholds": [{"timeframe": "7d", "target": 95, "warning": 98}],
    "tags": ["b:c", "a:b"],
}
MONITOR = {
    **account_rig.FOREIGN,
    "name": "By hand",
    "options": {
        "thresholds": {"critical": 5},
        "on_missing_data": "default",
        "renotify_interval": 9,
    },
}


PLANNED = "planned_outage:test/anywhere"


@pytest.mark.parametrize(
    ("kind", "payload", "file"),
    [
        ("monitor", MONITOR, "monitors/by-hand.json"),
        ("monitor", {**MONITOR, "type": "composite", "query": ""}, "monitors/by-hand.json"),
        ("slo", SLO, "monitors/slos/by-hand.json"),
        ("slo", {**SLO, "tags": [PLANNED]}, "monitors/slos/by-hand.json"),
        ("dashboard", BOARD, "dashboards/by-hand.json"),
    ],
    ids=["monitor", "composite", "slo", "planned", "dashboard"],
)
def test_an_object_by_hand_becomes_a_file_and_the_next_plan_is_empty(
    run, datadog, tmp_path, kind, payload, file
):
    """Its ids become keys; nothing of it changes but for its mark."""
    run("apply")
    if payload.get("type") == "composite":
        ids = [n for n, one in datadog.objects["monitor"].items() if "stuck" in str(one["tags"])]
        payload = {**payload, "query": f"{ids[0]} && !{next(iter(datadog.objects['monitor']))}"}
    number = datadog.add(kind, payload)
    before = dict(datadog.objects[kind][str(number)])
    done = run("import", str(number))
    given = json.loads((tmp_path / file).read_text())
    after = datadog.objects[kind][str(number)]

    assert (0, "") == (done.returncode, done.stderr)
    assert "by-hand" == given["key"]
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= {"tags", "description", "modified", "modified_at"}
    assert "lightkeeper" not in json.dumps(given["payload"])
    assert (PLANNED in payload.get("tags", ())) == ("anywhere" == given.get("planned_outage"))
    if payload.get("type") == "composite":
        assert re.fullmatch(r"stuck && !\d+", given["payload"]["query"])
    assert (0, "") == (run("plan").returncode, run("plan").stderr)
    assert 73 == run("import", str(number)).returncode


OF_COUNTS = {
    "good_events_formula": {"formula": "good"},
    "bad_events_formula": {"formula": "bad"},
    "queries": [
        {"data_source": "metrics", "name": one, "query": f"sum:a{{result:{one}}}.as_count()"}
        for one in ("good", "bad")
    ],
}
OF_SLICES = {
    "comparator": "<",
    "threshold": 5,
    "query": {
        "formulas": [{"formula": "a"}],
        "queries": [{"data_source": "metrics", "name": "a", "query": "avg:a{*}"}],
    },
}


@pytest.mark.parametrize(
    ("kind", "given"),
    [("metric", {"count": OF_COUNTS}), ("time_slice", {"time_slice": OF_SLICES})],
)
def test_an_slo_by_specification_is_imported_planned_and_compared(run, datadog, kind, given):
    """Whatever the server writes beside it; a change by hand is seen."""
    run("apply")
    payload = {**SLO, "type": kind, "sli_specification": given}
    del payload["query"]
    number = datadog.add("slo", payload)
    if kind == "metric":
        written = {"numerator": "sum:a{result:good}.as_count()", "denominator": "…"}
        datadog.objects["slo"][str(number)]["query"] = written
    assert 0 == run("import", str(number)).returncode
    assert (0, 0) == (run("plan").returncode, run("drift").returncode)

    inner = json.loads(json.dumps(given))
    ((_, one),) = inner.items()
    one.update(threshold=6) if kind == "time_slice" else one["queries"].reverse()
    datadog.change("slo", number, sli_specification=inner)
    assert 2 == run("drift").returncode


@pytest.mark.parametrize(
    ("kind", "payload", "file", "boards"),
    [
        ("monitor", MONITOR, "monitors/by-hand.json", True),
        ("slo", SLO, "monitors/slos/by-hand.json", False),
        ("dashboard", BOARD, "dashboards/by-hand.json", True),
    ],
)
def test_the_first_object_is_imported_into_folders_without_any(
    run, datadog, tmp_path, kind, payload, file, boards
):
    """They need variables.json alone; the next plan is empty, and without the file says so."""
    account_rig.write(tmp_path, {})
    (tmp_path / "monitors" / "README.md").unlink()
    if not boards:
        (tmp_path / "dashboards").rmdir()
    number = datadog.add(kind, payload)
    assert "monitors: [file] holds no monitor, and there is no" in (
        command_line.complaint(run("plan"), 1)
    )

    done = run("import", str(number))
    assert (0, "") == (done.returncode, done.stderr)
    assert (tmp_path / file).exists()
    planned = run("plan")
    assert (0, "") == (planned.returncode, planned.stderr)
    assert planned.stdout.startswith("0 to create, 0 to change, 0 to delete, 1 as they should")


def test_a_mute_stays_when_the_monitor_is_changed(run, datadog, tmp_path):
    """One that stands in the monitor itself, as older ones do; no plan shows it."""
    run("apply")
    number = next(n for n, one in datadog.objects["monitor"].items() if one["name"] == "It base")
    muted = {"*": 1_900_000_000, "step:x": None}
    kept = datadog.objects["monitor"][number]["options"]
    datadog.change("monitor", number, options={**kept, "silenced": muted})
    assert 0 == run("plan").returncode

    edit(tmp_path, "base", "payload.options.renotify_interval", 30)
    assert 0 == run("apply").returncode
    held = datadog.objects["monitor"][number]["options"]
    assert (30, muted) == (held["renotify_interval"], held["silenced"])
    assert all(b"silenced" not in one.body for one in datadog.writes)


MISTAKES = {
    "a metric that is not sent": ("failed", ".outcomes{", ".outcome{", "metric"),
    "no recipient": ("polling", "${channel} ", "", "channel"),
    "good and all": ("slos/share", ",result:good", "", "numerator"),
    "a dashboard": ("../dashboards/one", '"Stuck"', '"Number of stuck"', "title"),
}


@pytest.mark.parametrize(("key", "old", "new", "rule"), MISTAKES.values(), ids=MISTAKES)
def test_what_the_lint_refuses_is_not_planned_where_it_would_be_written(
    run, datadog, tmp_path, key, old, new, rule
):
    """In the words of `check`, which also finds what stands beside a payload."""
    assert 0 == run("apply").returncode
    before = json.dumps(datadog.objects)
    file = tmp_path / "monitors" / f"{key}.json"
    file.write_text(file.read_text().replace(old, new))

    for line in (("plan", "--out", "planned"), ("apply",)):
        done = run(*line)
        assert 1 == done.returncode
        assert f"[{rule}]" in done.stderr
        assert "1 to change" in done.stdout
    assert not (tmp_path / "planned").exists()
    assert before == json.dumps(datadog.objects)


@pytest.mark.parametrize(
    "line",
    [
        ("plan", "extra"),
        ("drift", "--out", "x"),
        ("plan", "--env", "a", "--env", "b"),
        ("drfit",),
        ("--bogus", "drift"),
    ],
)
def test_a_wrong_command_line_is_no_difference(run, datadog, line):
    """2 is that of plan and drift, which a timer takes for success."""
    done = run(*line)

    assert (64, "") == (done.returncode, done.stdout)
    assert "Error: " in done.stderr
    assert [] == datadog.calls


def test_what_datadog_adds_deep_inside_stays_when_the_object_is_changed(run, datadog, tmp_path):
    """In a group, in a widget of it, and in thresholds; the plan names it."""
    run("apply")
    (held,) = datadog.objects["dashboard"].values()
    group = held["widgets"][0]["definition"]
    group["twinkle"] = {"a": 1}
    group["widgets"][-1]["definition"]["twinkle"] = "x"
    (base,) = (one for one in datadog.objects["monitor"].values() if "/base" in str(one["tags"]))
    base["options"].setdefault("thresholds", {})["twinkle"] = 3

    edit(tmp_path, "../dashboards/one", "payload.title", "Another title")
    edit(tmp_path, "base", "payload.name", "Another name")
    assert "twinkle" in run("plan").stdout
    assert 0 == run("apply").returncode

    (held,) = datadog.objects["dashboard"].values()
    (base,) = (one for one in datadog.objects["monitor"].values() if "/base" in str(one["tags"]))
    assert ("Another title", "Another name") == (held["title"], base["name"])
    group = held["widgets"][0]["definition"]
    assert ({"a": 1}, "x") == (group["twinkle"], group["widgets"][-1]["definition"]["twinkle"])
    assert 3 == base["options"]["thresholds"]["twinkle"]


def test_an_imported_file_holds_for_every_environment(run, datadog, tmp_path):
    """The env and the handles become variables; what only looks like them stays."""
    (tmp_path / "monitors" / "environments").mkdir()
    overlay = {"env": "other", "pager": "@pagerduty-y"}
    (tmp_path / "monitors" / "environments" / "other.json").write_text(json.dumps(overlay))
    message = "env:tester @pagerduty-x-lower {{#is_alert}} @pagerduty-x{{/is_alert}} @slack-x."
    text = {"message": message, "tags": ["env:test", "team:benefits"]}
    query = "avg(last_5m):avg:system.load.1{env:test,b:env:testing} > 5"
    run("apply")
    number = datadog.add("monitor", {**MONITOR, **text, "query": query})

    assert 0 == run("import", str(number)).returncode
    payload = json.loads((tmp_path / "monitors" / "by-hand.json").read_text())["payload"]
    assert "{env:${env},b:env:testing}" in payload["query"]
    assert "env:${env}" in payload["tags"]
    assert (
        "env:tester @pagerduty-x-lower {{#is_alert}} ${pager}{{/is_alert}} ${channel}."
        == (payload["message"])
    )
    assert 0 == run("plan").returncode
    assert "+ monitor by-hand\n" in (shown := run("plan", DD_ENV="other").stdout)
    assert "(env other at " in shown


def test_what_cannot_be_imported_stays_as_it_is(run, datadog, tmp_path):
    """Of Terraform's, of another environment, or with what a file would take for a variable."""
    tags = ["managed_by:lightkeeper", "monitor_key:other/x"]
    for more, status in (
        ({"tags": ["ManagedBy:Terraform"]}, 73),
        ({"tags": tags}, 73),
        ({"message": "pay ${amount}"}, 65),
    ):
        number = datadog.add("monitor", {**MONITOR, **more, "name": str(more)})
        command_line.complaint(run("import", str(number), "--key", "mine"), status)
        assert not (tmp_path / "monitors" / "mine.json").exists()
    number = datadog.add("monitor", {**MONITOR, "name": "another"})
    for key in ("../mine", "k" * 190):
        command_line.complaint(run("import", str(number), "--key", key), 65)
    datadog.faults.lacks.add("monitors_write")
    command_line.complaint(run("import", str(number), "--key", "mine"), 78)
    assert not (tmp_path / "monitors" / "mine.json").exists()
    assert [] == [one for one in datadog.writes if one.status == 200]
    shutil.rmtree(tmp_path / "monitors")  # those that came with lightkeeper are not written to
    assert "name yours with --folder" in run("import", str(number)).stderr
