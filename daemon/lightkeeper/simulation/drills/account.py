"""The Datadog account of a drill, and the hourly comparison of it with the definitions."""

from collections.abc import Callable

from lightkeeper.alerting.account.access import Access
from lightkeeper.alerting.account.apply import Consent, apply
from lightkeeper.alerting.account.client import Account
from lightkeeper.alerting.account.objects import wanted
from lightkeeper.alerting.account.plan import Plan, make
from lightkeeper.alerting.account.snapshot import read
from lightkeeper.alerting.errors import AlertingError
from lightkeeper.alerting.files.definitions import Assets
from lightkeeper.simulation.datadog.server import SimulatedDatadog
from lightkeeper.simulation.drills.datadog import InProcessAgent
from lightkeeper.telemetry.account_drift import report_drift


class DrilledAccount:
    """An account that holds every monitor and SLO; `compare` does what the timer does."""

    def __init__(self, assets: Assets, agent: InProcessAgent, clock: Callable[[], float]) -> None:
        self._env = str(assets.variables["env"])
        self._wanted = wanted(assets, {})
        self._datadog = SimulatedDatadog(clock=clock)
        self._datadog.start()
        access = Access(*self._datadog.environment().values())
        self._account = Account(access, sleep=lambda _seconds: None)
        self._emitter = agent.emitter(self._env, clock)
        apply(self._account, self._plan(), Consent(first=True), lambda _line: None)

    def close(self) -> None:
        """Let go of everything."""
        self._emitter.close()
        self._datadog.stop()

    def compare(self) -> None:
        """Compare once, and report it."""
        try:
            differing = len(self._plan().pending)
        except AlertingError as exc:
            report_drift(self._emitter, None, str(exc))
        else:
            report_drift(self._emitter, differing)

    def change_by_hand(self) -> None:
        """Give a monitor another priority, as a person may in the account."""
        number = next(iter(self._datadog.objects["monitor"]))
        self._datadog.change("monitor", number, priority=5)

    def apply(self) -> None:
        """Make the account as the definitions have it."""
        apply(self._account, self._plan(), Consent(), lambda _line: None)

    def refuse(self, *, refuses: bool) -> None:
        """Refuse the keys, or take them again."""
        self._datadog.faults.lacks = {"slos_read"} if refuses else set()

    def _plan(self) -> Plan:
        seen = read(self._account, self._env)
        return make(self._wanted, seen, self._env, self._account.access.site, None)
