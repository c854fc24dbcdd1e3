"""A small set of definitions, a simulated account for it, and plans between the two."""

import copy
import json

import definition_files
from dashboard_files import board

from lightkeeper.alerting.account.access import Access
from lightkeeper.alerting.account.apply import Consent, apply
from lightkeeper.alerting.account.client import Account
from lightkeeper.alerting.account.objects import wanted
from lightkeeper.alerting.account.plan import make
from lightkeeper.alerting.account.snapshot import read
from lightkeeper.alerting.files.dashboards import dashboards_of
from lightkeeper.alerting.files.definitions import load
from lightkeeper.simulation.datadog.server import SimulatedDatadog

FOREIGN = {
    "type": "query alert",
    "query": "avg(last_5m):avg:system.load.1{*} > 5",
    "name": "Of another team",
    "message": "@slack-others",
    "tags": ["team:others"],
}
KINDS = ("slo", "monitor", "dashboard")


def definitions():
    """Four monitors and an SLO, a composite with its base, and a dashboard that is linked."""
    made = {**definition_files.definitions(), **definition_files.composites()}
    made["stuck.json"]["payload"]["message"] += " https://datadog.test/dashboard/one?a=b"
    made["dashboards/one.json"] = {**board(), "key": "one"}
    return copy.deepcopy(made)


def write(folder, files=None):
    """Write them below `folder`; what is there already is replaced."""
    files = definitions() if files is None else files
    monitors, boards = folder / "monitors", folder / "dashboards"
    (monitors / "slos").mkdir(parents=True, exist_ok=True)
    boards.mkdir(exist_ok=True)
    for old in (*monitors.glob("*.json"), *monitors.glob("slos/*.json"), *boards.glob("*.json")):
        old.unlink()
    for name, one in files.items():
        place = folder if name.startswith("dashboards/") else monitors
        (place / name).write_text(json.dumps(one))
    (monitors / "variables.json").write_text(json.dumps(definition_files.VARIABLES))
    (monitors / "README.md").write_text("# Runbook\n")
    return monitors


def objects(folder):
    """What the account shall hold of a folder that `write` made."""
    assets = load(folder / "monitors")
    return wanted(assets, dashboards_of(assets, folder / "dashboards", "--dashboards"))


class AccountRig:
    """An account in this process that takes no time: `slept` are the seconds of its pauses."""

    env = "test"

    def __init__(self, **traits):
        self.datadog = SimulatedDatadog(**traits)
        self.slept = []
        self.said = []

    def __enter__(self):
        self.datadog.start()
        return self

    def __exit__(self, *reason):
        self.datadog.stop()

    def account(self, sleep=None):
        """A client with the right keys."""
        access = Access(*self.datadog.environment().values())
        return Account(access, sleep=sleep or self.slept.append, say=self.said.append)

    def plan(self, found, account=None):
        """The plan for these objects."""
        account = account or self.account()
        return make(found, read(account, self.env), self.env, self.datadog.url, None)

    def apply(self, plan, say=None, account=None, **consent):
        """Carry out a plan."""
        given = Consent(**{"first": True, **consent})
        return apply(account or self.account(), plan, given, say or self.said.append)

    def ours(self):
        """The marks in the account, one for each object, sorted."""
        found = []
        for kind in KINDS:
            for one in self.datadog.objects[kind].values():
                tags = [tag for tag in one.get("tags") or [] if tag.startswith("monitor_key:")]
                lines = str(one.get("description")).split("Managed by lightkeeper: ")[1:]
                found += [(kind, mark.removeprefix("monitor_key:")) for mark in tags or lines]
        return sorted(found)
