"""`lightkeeper monitors` on a folder of one's own with a composite, as a process."""

import json

import command_line
import definition_files
import pytest

GAUGES = (
    ("lightkeeper.documents.stuck{document_type:form_0781,step:claims_evidence}", "stuck"),
    ("lightkeeper.documents.overdue{document_type:form_0781,step:claims_evidence}", "base"),
)
TESTS = """
monitor: page
tags: env:${env}
tests:
  - name: pages for what is stuck, unless it is overdue
    series:
      - {gauge: "%s", values: 0x9 1x9 1x19}
      - {gauge: "%s", values: 0x9 0x9 1x9 0x9}
    notifications:
      - at: 15m
        group: step:claims_evidence
        why: alert
        who: ["${channel}", "${pager}"]
        contains: ["1 at claims_evidence"]
      - {at: 25m, group: step:claims_evidence, why: recovery, who: ["${channel}"]}
      - {at: 31m, group: step:claims_evidence, why: alert, who: ["${channel}", "${pager}"]}
  - name: is silent where nothing is stuck
    series:
      - {gauge: "%s", values: 0x9}
      - {gauge: "%s", values: 0x9}
    notifications: []
"""


@pytest.fixture
def folder(tmp_path):
    """A faultless set with a composite of two, and its tests beside it."""
    files = definition_files.definitions() | definition_files.composites()
    files["page.json"]["payload"]["query"] = "stuck && !base"
    link = {"category": "runbook", "name": "Runbook", "url": "${runbook_url}#page"}
    files["page.json"]["payload"]["assets"] = [link]
    overdue = files["base.json"]["payload"]
    overdue["query"] = overdue["query"].replace("stuck", "overdue")
    return definition_files.write(tmp_path / "m", files)


def monitors(*arguments):
    """Exit status and lines of the command."""
    done = command_line.run("monitors", *arguments, env=command_line.environment())
    assert "" == done.stderr
    return done.returncode, done.stdout.splitlines()


def test_a_composite_is_checked_printed_and_tested(folder, tmp_path):
    """Its operands are named by key; the mutants try its condition, and these tests notice all."""
    path = tmp_path / "page.yaml"
    path.write_text(TESTS % (GAUGES[0][0], GAUGES[1][0], GAUGES[0][0], GAUGES[1][0]))

    assert (0, ["6 monitors, 1 SLOs: no problem"]) == monitors("check", "--folder", folder)
    status, lines = monitors("print", "page", "--folder", folder)
    payload = json.loads("\n".join(lines))
    assert (0, "composite", "stuck && !base") == (status, payload["type"], payload["query"])
    assert ["https://example.test/README.md#page"] == [one["url"] for one in payload["assets"]]
    assert (0, [f"{path}: 2 ok"]) == monitors("test", path, "--folder", folder)
    assert (0, ["page: 6 ok"]) == monitors("test", path, "--mutants", "--folder", folder)


def test_a_wrong_composite_is_named(folder, tmp_path):
    """`check` says which file, place and rule; `test` what the evaluator refuses."""
    page = json.loads((folder / "page.json").read_text())
    page["payload"]["query"] = "stuck && !bass"
    (folder / "page.json").write_text(json.dumps(page))
    path = tmp_path / "page.yaml"
    path.write_text(TESTS % (GAUGES[0][0], GAUGES[1][0], GAUGES[0][0], GAUGES[1][0]))

    status, (first, second, last) = monitors("check", "--folder", folder)
    assert (1, "6 monitors, 1 SLOs: 2 problems") == (status, last)
    assert (
        f"{folder / 'base.json'}: payload.message: [channel] it has no recipient, and no" in first
    )
    assert f"{folder / 'page.json'}: payload.query: [operands] there is no monitor bass" in second
    status, lines = monitors("test", path, "--folder", folder)
    assert 1 == status
    assert "    cannot be evaluated: there is no monitor bass: write the key of another" in lines
