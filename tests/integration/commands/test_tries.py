"""Two tries of one attachment, and two forms that may be one, through the commands."""

import json
import time

import pytest
from command_line import environment, run

from lightkeeper.simulation.agent.server import SimulatedAgent
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse

LOST, FOUND = "fails_claims_evidence", "instantly_done"


@pytest.mark.parametrize("stories", [(LOST, FOUND), (FOUND, LOST)])
def test_two_tries_are_one_document_and_two_forms_a_guess(tmp_path, stories):
    """`status` and `show` count documents; the veteran is asked for nothing, nor told a guess."""
    agent = SimulatedAgent(port=None, socket_path=tmp_path / "dsd.socket")
    with SimulatedLighthouse() as lighthouse, agent:
        at = time.time() - 3_600
        lines = []
        for request_id, story in zip((11, 12, 13, 14), stories * 2, strict=True):
            lighthouse.add(request_id, story, at)
            upload = {"document_type": "veteran_upload", "form_attachment_id": "77090"}
            form = {"document_type": "form_0781"}
            fields = {"lighthouse_request_id": request_id, "tracked_at": at}
            submission = {"form_526_submission_id": "90" if request_id < 13 else "91"}
            lines.append(json.dumps(fields | submission | (upload if request_id < 13 else form)))
        env = environment(tmp_path / "lightkeeper.db", lighthouse, agent)
        assert 0 == run("track", "-", env=env, input="\n".join(lines)).returncode
        assert 0 == run("poll", env=env).returncode
        agent.drain()

    status = json.loads(run("status", "--json", env=env).stdout)
    assert (3, 0, 2, 1) == tuple(status[key] for key in ("tracked", "pending", "done", "failed"))
    assert 1 == agent.count("lightkeeper.documents.outcomes", outcome="superseded")
    assert (0, 1) == (agent.count("silent_failure"), status["efolder_unknown"])
    listed = run("list", "--condition", "not_in_efolder", env=env).stdout
    assert "no document matches\n" == listed
    upload, forms = (
        json.loads(run("show", "--submission", each, "--json", env=env).stdout)
        for each in ("90", "91")
    )
    (document,) = upload["documents"]
    assert "done" == document["lighthouse_status"]
    (other,) = document["other_tries"]
    assert ("failed", "superseded") == (other["lighthouse_status"], other["condition"])
    assert "VA has your document in your file." == upload["veteran_wording"]
    assert 2 == len(forms["documents"])
    assert forms["veteran_wording"].startswith(
        "VA staff are checking what happened to 1 of your 2"
    )
    shown = run("show", "--submission", "90", env=env).stdout.splitlines()
    assert "submission 90: 1 document in 2 tries" == shown[0]
    assert "another try of the same document, which does not decide:" in shown
