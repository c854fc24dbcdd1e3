"""`lightkeeper check`: tries every part and says which does not work, and why."""

import click

from lightkeeper.commands.shared import configure_logs, leave_no_core
from lightkeeper.domain.errors import ExitStatus


@click.command()
def check() -> int:
    """Try settings, database, token, Lighthouse and Agent one by one."""
    from lightkeeper.service.self_check import checks

    leave_no_core()
    configure_logs()
    results = []
    for result in checks():
        results.append(result)
        click.echo(f"{'ok  ' if result.ok else 'FAIL'}  {result.name:<10}  {result.detail}")
    return ExitStatus.OK if all(result.ok for result in results) else ExitStatus.NO
