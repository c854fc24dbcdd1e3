"""The options of monitors and dashboards that say which environment is meant."""

from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lightkeeper.alerting.errors import Problem
    from lightkeeper.alerting.files.variables import Values


def values_options(command: Callable[..., int]) -> Callable[..., int]:
    """A command's options for values instead of those in variables.json; it takes `values`."""

    @click.option(
        "--env",
        "envs",
        multiple=True,
        metavar="NAME",
        help="An environment: a file in environments/, without .json.",
    )
    @click.option(
        "--variables",
        type=click.Path(path_type=Path),
        help="A file of values instead of those in variables.json.",
    )
    @click.option(
        "--set", "single", multiple=True, metavar="NAME=VALUE", help="One value instead."
    )
    @wraps(command)
    def with_values(
        envs: tuple[str, ...], variables: Path | None, single: tuple[str, ...], **others: Any
    ) -> int:
        from lightkeeper.alerting.files.variables import Values

        if len(envs) > 1:
            raise click.UsageError(f"--env: give one of {', '.join(envs)}, and run it for each")
        env = envs[0] if envs else None
        return command(values=Values(env, variables, single), **others)

    return with_values


def of_env(folder: Path, values: "Values", env: str) -> "Values":
    """The given values, or where there are none those of the environment with this tag `env`.

    Raises RefusedValues where there is no such environment, and BadDefinition.
    """
    from lightkeeper.alerting.files.definitions import need_folder
    from lightkeeper.alerting.files.variables import (
        AS_WRITTEN,
        RefusedValues,
        each_environment,
        load_variables,
    )
    from lightkeeper.telemetry.tag_values import tag_value

    if values != AS_WRITTEN or not env:
        return values
    need_folder(folder, "--folder")
    known = []
    for one, _ in each_environment(folder):
        known.append(load_variables(folder / "variables.json", values=one)["env"])
        if tag_value(known[-1]) == env:
            return one
    named = ", ".join(known)
    raise RefusedValues(
        f"DD_ENV: {env}: {folder}/ has no such environment: name one with --env: {named}"
    )


def every_environment(folder: Path, values: "Values") -> "dict[str, Values]":
    """The values of each environment by its name; the given ones alone where there are any.

    Raises BadDefinition.
    """
    from lightkeeper.alerting.files.definitions import need_folder
    from lightkeeper.alerting.files.variables import AS_WRITTEN, Values, environments

    if values != AS_WRITTEN:
        return {"": values}
    need_folder(folder, "--folder")
    return {name: Values(name) for name in environments(folder)}


def told_apart(found: "dict[str, list[Problem]]") -> Iterable[str]:
    """The lines that say what was found in each environment, each once."""
    where: dict[Problem, list[str]] = {}
    for name, problems in found.items():
        for problem in problems:
            where.setdefault(problem, []).append(name)
    for problem, names in where.items():
        some = list(dict.fromkeys(names))
        yield str(problem) if len(some) == len(found) else f"{problem} (in {' and '.join(some)})"


def summary(what: str, problems: int, environments: Iterable[str]) -> str:
    """The last line of a check: what was read, how much is wrong, and where one looked."""
    said = "no problem" if not problems else f"{problems} problem{'s' if problems > 1 else ''}"
    names = list(environments)
    where = f" (environments: {', '.join(names)})" if len(names) > 1 else ""
    return f"{what}: {said}{where}"
