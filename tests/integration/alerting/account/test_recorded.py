"""What Datadog was recorded to answer is, to a plan, what it was asked for.

The recordings come with the source distribution of datadog-api-client, which this test looks for
beside the checkout: `pip download --no-deps --no-binary :all: datadog-api-client==2.62.0`.
"""

import json
import re
import tarfile
from pathlib import Path

import pytest
import yaml

from lightkeeper.alerting.account.normal import normal
from lightkeeper.alerting.account.objects import ObjectKind
from lightkeeper.simulation.datadog import stored

pytestmark = pytest.mark.beside_the_checkout

BESIDE = Path(__file__).parents[5]
WRITE = re.compile(
    r"https://[^/]*/api/v1/(monitor|slo|dashboard)(/\d+|/[0-9a-f]{32}|/\w{3}(-\w{3}){2})?"
)
KEEP = {"monitor": stored.monitor, "slo": stored.slo, "dashboard": stored.dashboard}


@pytest.fixture(scope="module")
def recorded():
    """Each write that Datadog took: kind, what it was asked for, and what it answered."""
    archive = next(BESIDE.glob("datadog_api_client-*.tar.gz"), None)
    if archive is None:
        pytest.skip(
            "the recordings are not beside the checkout: no ../datadog_api_client-*.tar.gz"
        )
    found = []
    with tarfile.open(archive) as files:
        for member in files:
            name = re.search(r"/tests/v1/cassettes/test_scenarios/(.*)\.yaml$", member.name)
            if name and re.search("monitor|slo|service_level|dashboard", name[1]):
                text = files.extractfile(member).read()
                calls = yaml.load(text, Loader=yaml.CSafeLoader)["interactions"]
                found += [one for call in calls if (one := _write(call))]
    return found


def _write(call):
    matched = WRITE.fullmatch(call["request"]["uri"])
    taken = call["response"]["status"]["code"] == 200
    if not taken or not matched or call["request"]["method"] not in ("POST", "PUT"):
        return None
    answer = json.loads(call["response"]["body"]["string"])
    answer = answer["data"][0] if matched[1] == "slo" else answer
    return ObjectKind(matched[1]), json.loads(call["request"]["body"]), answer, bool(matched[2])


def test_every_answer_is_what_was_asked_for(recorded):
    """A plan after it is empty: 28 writes of monitors, 22 of SLOs, 114 of dashboards."""
    different = []
    for kind, asked, answer, changes in recorded:
        # A change of a monitor names only what changes.
        payload = {**answer, **asked} if changes and kind == "monitor" else asked
        if normal(kind, payload, like=payload) != normal(kind, answer, like=payload):
            different.append((kind, asked, answer))

    assert [] == different
    assert 160 <= len(recorded)


def test_the_simulated_account_keeps_what_datadog_keeps(recorded):
    """Its answer and Datadog's have one form."""
    different = []
    for kind, asked, answer, changes in recorded:
        if changes and kind == "monitor":
            continue
        ours = KEEP[kind](asked, answer["id"], 1.0)
        if normal(kind, ours, like=asked) != normal(kind, answer, like=asked):
            different.append((kind, ours, answer))

    assert [] == different
