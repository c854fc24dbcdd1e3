"""The simulated world of a drill: daemon, Lighthouse, Datadog, documents that arrive, staff."""

import math
from collections.abc import Callable, Sequence, Set
from pathlib import Path
from random import Random
from typing import Final

from lightkeeper.alerting.files.definitions import Assets
from lightkeeper.casework.maintenance_windows import announce
from lightkeeper.casework.triage import CONDITIONS, Action, decide, note
from lightkeeper.domain.document import Condition, NewDocument
from lightkeeper.domain.policy import Policy
from lightkeeper.simulation.drills.account import DrilledAccount
from lightkeeper.simulation.drills.daemon import TOKENS_FILE, DrilledDaemon
from lightkeeper.simulation.drills.datadog import Datadog, InProcessAgent
from lightkeeper.simulation.drills.upstream import InProcessLighthouse, SimulatedClock
from lightkeeper.simulation.lighthouse.stories import Story
from lightkeeper.store.backup import back_up
from lightkeeper.store.database import StoreUnavailable, open_database
from lightkeeper.store.documents import Documents
from lightkeeper.store.filters import Filter
from lightkeeper.store.maintenance_windows import MaintenanceWindows
from lightkeeper.store.triage import TriageStore
from lightkeeper.telemetry.tags import DOCUMENT_TYPES

START: Final = 1_800_059_400
"""00:30 UTC, thirteen and a half hours before the daily count; all else counts from here."""
DOCUMENTS_AN_HOUR: Final = 92
_MOST_AT_ONCE: Final = 5
_TRACKED_AFTER: Final = 2.0
_CHUNK: Final = 1_000
_DAY: Final = 86_400.0


class World:
    """Simulated time, moved on by `advance`; the daemon starts with it."""

    def __init__(
        self,
        folder: Path,
        assets: Assets,
        *,
        seed: int,
        an_hour: float,
        env: str = "",
        batch_size: int = 100,
        start: float = START,
        store: Path | None = None,
    ) -> None:
        self.clock = SimulatedClock(start)
        self.lighthouse = InProcessLighthouse(self.clock, seed)
        self.agent = InProcessAgent(folder / "dsd.socket")
        self.datadog = Datadog(assets)
        self.story: Callable[[], str | Story] = lambda: "success"
        """The course of documents that are tracked from now on."""
        self._assets = assets
        self._account: DrilledAccount | None = None
        self.folder = folder
        self._store = store or folder / "lightkeeper.db"
        self._copy = folder / "copy.db"
        self.env = env or str(assets.variables["env"])
        self._batch_size = batch_size
        self._random = Random(seed)
        self._an_hour = an_hour
        self._next_at = self._after_gap()
        self._minute = int(start) + 60
        self.marks: list[float] = []
        """When something happened that on-call or the channel must learn of."""
        self.daemon: DrilledDaemon | None = None
        self.desk = open_database(f"sqlite:///{self._store}", create=True)
        """The connection through which documents are tracked and staff act."""
        self.desk.try_write(self.clock.instant())  # another daemon watched it before
        Path(self.tokens_file).touch()
        self.start_daemon()
        self._refused: list[NewDocument] = []

    def close(self) -> None:
        """Let go of everything."""
        if self._account is not None:
            self._account.close()
        if self.daemon is not None:
            self.daemon.close()
        self.desk.close()
        self.agent.stop()

    @property
    def account(self) -> DrilledAccount:
        """The Datadog account, which holds all monitors and SLOs when it is first looked at."""
        if self._account is None:
            self._account = DrilledAccount(self._assets, self.agent, self.clock)
        return self._account

    def start_daemon(self) -> None:
        """Start it on the store as it is."""
        self.daemon = DrilledDaemon(
            self._store, self.agent, self.lighthouse, self.clock, self.env, self._batch_size
        )

    def kill_daemon(self) -> None:
        """SIGKILL."""
        if self.daemon is not None:
            self.daemon.close()
            self.daemon = None

    def remove_store(self) -> None:
        """End the daemon, and start it where its store was."""
        self.kill_daemon()
        self.desk.close()
        self._store.unlink()
        self.start_daemon()
        self.desk = open_database(f"sqlite:///{self._store}", create=False)

    def copy_store(self) -> None:
        """Copy the store, while the daemon runs."""
        back_up(f"sqlite:///{self._store}", self._copy)

    def roll_back_store(self) -> None:
        """End the daemon, put the copy in the store's place, and start it."""
        self.kill_daemon()
        self.desk.close()
        self._copy.replace(self._store)
        self.start_daemon()
        self.desk = open_database(f"sqlite:///{self._store}", create=False)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        clock, until = self.clock, self.clock.now + seconds
        while True:
            jobs_at = math.inf if self.daemon is None else self.daemon.next_at
            at = min(jobs_at, self._next_at, float(self._minute))
            if at > until:
                break
            clock.now = max(clock.now, at)
            while self._minute <= clock.now:
                self.datadog.evaluate(self._minute)
                self._minute += 60
            if self._next_at <= clock.now:
                self._next_at = self._after_gap()
                self.track(self._random.randint(1, _MOST_AT_ONCE), self.story())
            if self.daemon is not None and self.daemon.next_at <= clock.now:
                self.daemon.turn()
                self.datadog.take(self.agent.read(), clock.now)
        clock.now = max(clock.now, until)

    def mark(self) -> None:
        """Note that something happens now that on-call or the channel must learn of."""
        self.marks.append(self.clock.now)

    def set_intake(self, an_hour: float) -> None:
        """Have so many documents an hour tracked from now on; 0: none."""
        self._an_hour = an_hour
        self._next_at = self._after_gap()

    def track(
        self,
        count: int,
        story: str | Story = "success",
        age: float = 0.0,
        types: Sequence[str] = DOCUMENT_TYPES,
    ) -> range:
        """Documents of these types that Lighthouse accepted `age` seconds ago; their request ids.

        Documents that the store refuses are tracked again with the next.
        """
        accepted_at = self.clock.now - _TRACKED_AFTER - age
        if isinstance(story, str):
            ids = self.lighthouse.add_many(count, story, accepted_at)
        else:
            ids = self.lighthouse.add_many(count)
            self.lighthouse.take_course(ids, story, accepted_at)
        tracked_at = round(accepted_at * 1_000)
        new = [
            NewDocument(
                request_id,
                f"s-{request_id - (request_id - ids.start) % _MOST_AT_ONCE}",
                types[request_id % len(types)],
                None,
                tracked_at,
            )
            for request_id in ids
        ]
        self._refused += new
        try:
            while self._refused:
                Documents(self.desk).add(self._refused[:_CHUNK], self.clock.instant())
                del self._refused[:_CHUNK]
        except StoreUnavailable:
            pass
        return ids

    def staff(
        self, action: Action, conditions: Set[str] = frozenset(Condition), ago: float = 0.0
    ) -> int:
        """Carry the triage action out on all documents in these conditions that it applies to, as
        if it had been `ago` seconds ago; how many it changed.
        """
        triage, policy = TriageStore(self.desk), Policy()
        now = self.clock.instant() - round(ago * 1_000)
        found = triage.matching(Filter(CONDITIONS[action] & conditions))
        return triage.carry_out(
            [each.id for each in found],
            decide(action, policy, now),
            note(action, "on-call", "seen to", now),
        )

    def announce_maintenance(self, seconds: float, steps: Sequence[str] = ()) -> None:
        """Announce a maintenance of these steps, or of all of Lighthouse, from now on."""
        now = self.clock.instant()
        announce(
            MaintenanceWindows(self.desk),
            now,
            now + round(seconds * 1_000),
            reason="planned",
            by="on-call",
            now=now,
            steps=steps,
        )

    @property
    def tokens_file(self) -> str:
        """The file of the API's tokens."""
        return str(self._store.with_name(TOKENS_FILE))

    def read_only(self, on: bool) -> None:
        """Let the store refuse every write, or accept them again."""
        pragma = f"PRAGMA query_only = {int(on)}"
        self.desk.execute(pragma)
        if self.daemon is not None:
            self.daemon.database.execute(pragma)

    def _after_gap(self) -> float:
        """When the next submission comes: fewer at night, at random."""
        if self._an_hour <= 0:
            return math.inf
        wave = 1 + 0.7 * math.sin(2 * math.pi * (self.clock.now - START) / _DAY)
        submissions = self._an_hour * wave / ((1 + _MOST_AT_ONCE) / 2)
        return self.clock.now + self._random.expovariate(submissions / 3_600)
