"""vets-api's table of a drill, and the loop that follows it, given its turns in simulated time."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from lightkeeper.casework.follow import SOURCE
from lightkeeper.config.settings import StoreSettings
from lightkeeper.service.following import build_follow_loop
from lightkeeper.simulation.drills.courses import MINUTE
from lightkeeper.simulation.drills.world import World
from lightkeeper.store.followed import Followed
from lightkeeper.store.vets_api import Upload


class DrilledUploads:
    """A table that holds its rows in memory."""

    def __init__(self) -> None:
        self._rows: dict[int, Upload] = {}
        self.states: dict[int, str] = {}
        """What vets-api says of a row, by its id; pending where there is nothing."""

    def put(self, row: Upload) -> None:
        """Add the row, or write it anew."""
        self._rows[row.id] = row

    def created_since(self, created_at: int, after: Upload | None, limit: int) -> list[Upload]:
        """At most `limit` rows created then or later, in order; those that come after one."""
        place = (0.0, -1) if after is None else (after.created.timestamp(), after.id)
        rows = sorted(self._rows.values(), key=lambda row: (row.created, row.id))
        return [
            row
            for row in rows
            if row.created_at >= created_at and (row.created.timestamp(), row.id) > place
        ][:limit]

    def with_states(
        self, created_at: int, after: Upload | None, limit: int
    ) -> list[tuple[Upload, str | None]]:
        """The same, each with vets-api's state of it."""
        return [
            (row, self.states.get(row.id, "pending"))
            for row in self.created_since(created_at, after, limit)
        ]

    def by_id(self, row_ids: Sequence[int]) -> list[Upload]:
        """Those of these rows that are there."""
        return [self._rows[each] for each in row_ids if each in self._rows]

    def replaced(self, row_ids: Sequence[int]) -> set[int]:
        """Those of these rows whose attachment was handed over by another row."""
        handed_over = {row.attachment_id: row.id for row in self._rows.values() if row.request_id}
        return {
            each
            for each in row_ids
            if handed_over.get(self._rows[each].attachment_id, each) != each
        }


class DrilledFollower:
    """`lightkeeper follow vets-api`, beside the daemon of this world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._uploads = DrilledUploads()
        self._emitter = world.agent.emitter(world.env, world.clock)
        self._loop = build_follow_loop(
            StoreSettings.model_construct(),  # the defaults: the environment has no say
            self._uploads,
            world.desk,
            self._emitter,
            reject=lambda _row_id, _reason: None,
            clock=world.clock.instant,
            monotonic=world.clock,
        )
        self._loop.start()

    def create(self, row_id: int) -> Upload:
        """Have vets-api add a row without a request id."""
        created = datetime.fromtimestamp(self._world.clock.now, UTC)
        row = Upload(row_id, 526, row_id, None, "Form 0781", created)
        self._uploads.put(row)
        return row

    def hand_over(self, row: Upload) -> None:
        """Have vets-api hand its document to Lighthouse."""
        (request_id,) = self._world.lighthouse.add_many(1)
        self._uploads.put(row._replace(request_id=str(request_id)))

    def call(self, row: Upload, state: str) -> None:
        """Have vets-api say so of the document of this row."""
        self._uploads.states[row.id] = state

    def follow(self, minutes: int) -> Iterator[float]:
        """Give the loop its turns for so long."""
        until = self._world.clock.now + minutes * MINUTE
        while self._world.clock.now < until:
            yield self._loop.turn()

    def kill(self) -> None:
        """SIGKILL: the loop has flushed what it sent."""
        self._emitter.close()

    def end(self) -> None:
        """End it, and say that vets-api is no longer followed."""
        self.kill()
        Followed(self._world.desk, SOURCE).end("a drill", self._world.clock.instant())
