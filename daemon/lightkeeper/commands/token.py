"""`lightkeeper token`: the tokens of the API's callers are made, listed and revoked."""

import sys
from typing import Final

import click

from lightkeeper.commands.filters import Word
from lightkeeper.commands.shared import (
    BY,
    api_environment,
    complain,
    load_store_settings,
    name_of,
    note_write,
)
from lightkeeper.domain.errors import ExitStatus
from lightkeeper.service.clock import now

_SCOPES: Final = ("track", "read", "changes", "staff")
_LONGEST_DAYS: Final = 730


@click.group()
def token() -> None:
    """Make, list and revoke the tokens of the API's callers.

    They are in the file that LIGHTKEEPER_API_TOKENS_FILE names, and each only as its hash. A
    change counts at once.
    """


@token.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=Word(_SCOPES),
    multiple=True,
    required=True,
    help="What it allows; may be repeated. With staff, answers also hold what staff noted, by "
    "name, and what Lighthouse worded.",
)
@click.option(
    "--days",
    type=click.IntRange(1, _LONGEST_DAYS),
    default=180,
    show_default=True,
    help="For how long.",
)
@BY
def new(name: str, scopes: tuple[str, ...], days: int, by: str | None) -> int:
    """Make a token for the caller NAME, and print it.

    It is printed this once, and kept nowhere: give it to the caller. Such as:
    lightkeeper token new vets-api --scope track --scope read
    """
    from lightkeeper.casework import tokens as casework
    from lightkeeper.config import api_tokens

    path, at, who = _file(), now(), name_of(by)
    allowed = frozenset(map(api_tokens.Scope, scopes))
    made, bearer = casework.make(path, name, allowed, api_environment(), days, at)
    try:
        click.echo(bearer)
        sys.stdout.flush()
    except OSError:
        api_tokens.remove(path, name)  # no caller will ever have it
        raise
    complain(
        f"token {name} {casework.place_of(made)} allows {casework.scopes_of(made)} for {days} "
        "days; copy it now: it is not shown again",
        "notice",
    )
    note_write(who, "token_made", f"token {name}: {casework.scopes_of(made)}")
    return ExitStatus.OK


@token.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_tokens(as_json: bool) -> int:
    """List the tokens: what each allows, and when it ends."""
    import orjson

    from lightkeeper.casework import tokens as casework
    from lightkeeper.config import api_tokens

    at = now()
    tokens, problems = api_tokens.found(_file())
    in_order = sorted(tokens, key=lambda each: (each.ends, each.name))
    if as_json:
        shown = [casework.data(each, at) for each in in_order]
        click.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode())
    else:
        click.echo("\n".join(casework.table(in_order, at)))
    for problem in problems:
        complain(problem)
    return ExitStatus.CONFIG if problems else ExitStatus.OK


@token.command()
@click.argument("name")
@BY
def revoke(name: str, by: str | None) -> int:
    """Revoke the token NAME: its caller is refused from now on."""
    from lightkeeper.config import api_tokens

    who = name_of(by)
    api_tokens.remove(_file(), name)
    click.echo(f"token {name} is revoked")
    note_write(who, "token_revoked", f"token {name}")
    return ExitStatus.OK


def _file() -> str:
    from lightkeeper.config.api_tokens import WrongTokenFile

    path = load_store_settings().api_tokens_file
    if path is None:
        raise WrongTokenFile(
            "LIGHTKEEPER_API_TOKENS_FILE: missing: set it to the file of tokens, such as "
            "/var/lib/lightkeeper/api-tokens"
        )
    return path
