"""`lightkeeper check`: try every part and name what does not work."""

from typing import TYPE_CHECKING

import click

from lightkeeper.commands.shared import configure_logs, forbid_core_dumps, watched
from lightkeeper.domain.errors import ExitStatus

if TYPE_CHECKING:
    from lightkeeper.config.settings_file import SettingsFile


@click.command()
@click.pass_obj
def check(file: "SettingsFile | None") -> int:
    """Try settings, database, token, Lighthouse and Datadog Agent.

    DD_ENV is compared with variables.json and environments/ in the folder monitors, or else in the
    installed one.
    """
    from lightkeeper.service.self_check import checks

    forbid_core_dumps()
    configure_logs()
    results = []
    for result in checks(file, watched()):
        results.append(result)
        detail = " ".join(result.detail.split())  # one line for each part
        click.echo(f"{'ok  ' if result.ok else 'FAIL'}  {result.name:<10}  {detail}")
    return ExitStatus.OK if all(result.ok for result in results) else ExitStatus.NO
