"""The exit status of a wrong command line of `account`, where 2 says that something differs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from lightkeeper.domain.errors import ExitStatus


class AccountCommands(click.Group):
    """Ends with another status than 2 for a command that there is not, and for refused values."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        with _usage_apart():
            return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        with _usage_apart():
            return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        from lightkeeper.alerting.files.variables import RefusedValues

        try:
            return super().invoke(ctx)
        except RefusedValues as exc:
            if exc.exit_status == ExitStatus.USAGE:
                exc.exit_status = ExitStatus.BAD_DATA
            raise


class ComparingCommand(click.Command):
    """A command of which 2 says that something differs, and never that the line is wrong."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        with _usage_apart():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        with _usage_apart():
            return super().invoke(ctx)


@contextmanager
def _usage_apart() -> Iterator[None]:
    try:
        yield
    except click.UsageError as exc:
        exc.exit_code = ExitStatus.WRONG_USE  # type: ignore[misc]  # of this one alone
        raise
