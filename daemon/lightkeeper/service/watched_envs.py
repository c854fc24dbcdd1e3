"""Whether monitors see this daemon: they watch the envs that their files name, and no other."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import structlog

from lightkeeper.config.settings import Settings
from lightkeeper.telemetry.tag_values import tag_value, unified_tags

log = structlog.get_logger()


class WatchedEnvs(NamedTuple):
    """The envs that monitors watch, and what says so."""

    files: Mapping[str, str]
    """Of each env, the file that names it."""
    folder: str
    problem: str = ""
    """Why a file of the folder does not tell which env it is for."""

    def file(self, env: str) -> str | None:
        """The file that names the env of a tag; None where none does."""
        return next((file for one, file in self.files.items() if tag_value(one) == env), None)


class EnvCheck:
    """Finds out whether monitors see the daemon, for each settings anew."""

    def __init__(self, watched: Callable[[], WatchedEnvs | None]) -> None:
        self._watched = watched
        self.problem = ""
        """Why no monitor sees it, in a sentence."""

    def obey(self, settings: Settings) -> None:
        """Compare the env of these settings with what monitors watch now, and warn."""
        self.problem = unwatched(settings.tag_variables, self._watched()) or ""
        if self.problem:
            log.warning("service.env.unwatched", reason=self.problem)


def unwatched(tag_variables: Mapping[str, str], watched: WatchedEnvs | None) -> str | None:
    """Why no monitor will see a daemon whose signals these variables tag, and what to do.

    None where monitors see it, and where nothing tells which envs they watch.
    """
    env = unified_tags(tag_variables).get("env")
    known = [*watched.files] if watched else []
    if env is None:
        to = f": {' or '.join(known)}" if known else ""
        return (
            f"DD_ENV: missing, so no monitor sees this daemon: set it to an env of monitors/{to}"
        )
    if watched is None or watched.problem or watched.file(env):
        return None
    return (
        f"DD_ENV: {env}, so no monitor sees this daemon: set it to {' or '.join(known)}, or write "
        f"{watched.folder}/environments/NAME.json and apply it to your account"
    )


def seen(tag_variables: Mapping[str, str], watched: WatchedEnvs | None) -> str:
    """The env that signals carry, and which file names it, or why they were not compared."""
    env = unified_tags(tag_variables).get("env", "")
    if watched is None:
        return f"env {env}, no monitors/variables.json here"
    if file := watched.file(env):
        return f"env {env}, which {file} watches"
    return f"env {env}, not compared: {watched.problem}"
