"""`lightkeeper account maintenance`: the account knows of the maintenance windows in the store."""

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from lightkeeper.commands.account_access import account_at_hand
from lightkeeper.commands.shared import open_store, warn_of_unknown_settings
from lightkeeper.domain.errors import ExitStatus
from lightkeeper.domain.time import DAY, SECOND
from lightkeeper.service.clock import now

if TYPE_CHECKING:
    from lightkeeper.alerting.account.outages import PlannedOutage
    from lightkeeper.domain.time import Instant
    from lightkeeper.store.database import Database

_AFTERWARDS_MS: Final = 2 * DAY
"""How long after a window is over it may still have to be brought to Datadog."""


@click.command("maintenance")
def maintenance() -> int:
    """Bring the announced maintenance windows into Datadog; for a timer.

    What a window explains, and no composite keeps quiet, is muted until a quarter of an hour after
    it; SLOs are corrected by it. A window that is moved or ended takes both along. DD_ENV says of
    which environment. Without a window Datadog is not asked.
    """
    from lightkeeper.alerting.account.outages import mirror
    from lightkeeper.config.settings import Settings, SettingsError
    from lightkeeper.telemetry.tag_values import unified_tags

    at, settings = now(), Settings.load()
    warn_of_unknown_settings()
    env = unified_tags(settings.tag_variables).get("env")
    if env is None:
        raise SettingsError(["DD_ENV: missing: set it to the env of the monitors to mute"])
    with closing(open_store(settings, look=True)) as store:
        outages = _outages(store, at)
    if not outages:
        click.echo("no maintenance window that Datadog has to know of")
        return ExitStatus.OK
    done = mirror(account_at_hand(), env, outages, _moment(at))
    click.echo(
        f"maintenance windows: {len(outages)}; in Datadog now: downtimes: {done.downtimes}, SLO "
        f"corrections: {done.corrections}; made, changed or ended just now: {done.writes}"
    )
    if done.explains_nothing:
        click.echo(
            "no SLO there says which planned outages explain it: if your files do, run "
            "`lightkeeper account apply`"
        )
    return ExitStatus.OK


def _outages(store: "Database", at: "Instant") -> "list[PlannedOutage]":
    """The windows to come and in effect, and those that were until not long ago."""
    from lightkeeper.alerting.account.outages import PlannedOutage
    from lightkeeper.casework.personal import in_text
    from lightkeeper.store.maintenance_windows import MaintenanceWindows
    from lightkeeper.store.outbox import Outbox
    from lightkeeper.telemetry.tag_values import OpenTag
    from lightkeeper.telemetry.tags import STEPS

    tags = OpenTag(STEPS, Outbox(store).words("step"))
    found = []
    for window in MaintenanceWindows(store).all():
        if window.ends_at + _AFTERWARDS_MS <= at:
            continue
        # What staff write was looked at when they announced it; VA's words were not.
        why = window.reason if in_text(window.reason) is None else "see `maintenance list`"
        found.append(
            PlannedOutage(
                window.id,
                _moment(window.starts_at),
                _moment(window.over_at),
                tuple(tags.tag(step) for step in window.steps),
                f"Planned outage, announced by {window.announced_by}: {why}",
            )
        )
    return found


def _moment(at: "Instant") -> datetime:
    return datetime.fromtimestamp(at / SECOND, UTC)
