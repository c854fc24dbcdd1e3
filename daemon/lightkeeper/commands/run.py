"""`lightkeeper run`: the daemon; `lightkeeper poll`: one pass over the due documents."""

import gc
import os
from contextlib import closing
from typing import TYPE_CHECKING

import click

from lightkeeper.commands.shared import (
    complain,
    configure_logs,
    load_settings,
    start_tracing,
    warn_of_unknown_settings,
    watched,
)
from lightkeeper.domain.errors import ExitStatus

if TYPE_CHECKING:
    from lightkeeper.config.settings_file import SettingsFile


@click.command()
@click.pass_obj
def run(file: "SettingsFile | None") -> int:
    """Run the daemon: poll Lighthouse and publish to Datadog.

    It follows vets-api, too, where LIGHTKEEPER_FOLLOW_SOURCE_URL names its database, and runs
    until stopped. SIGHUP reloads the settings; wrong settings change nothing.
    """
    from lightkeeper.config.settings import Settings
    from lightkeeper.config.settings_file import SettingsFile
    from lightkeeper.service.stop import Stop
    from lightkeeper.service.wiring import build_daemon

    settings_file = file or SettingsFile(os.environ)
    with Stop().on_signals(reloads=True) as stop:
        settings = load_settings()
        tracer = start_tracing(settings)
        built = build_daemon(settings, create=True, tracer=tracer, watched=watched)
        with closing(built) as daemon:

            def reload() -> list[str]:
                with settings_file.undone_on_error():
                    settings_file.read(lighthouse=True)
                    changed = daemon.reconfigure(Settings.load(lighthouse=True))
                # Last, so that a refused reload changes no tag of a log line: what `reconfigure`
                # warns of still has the tags from before.
                configure_logs(tracer.correlation if tracer else dict)
                warn_of_unknown_settings()
                return changed

            loop = daemon.loop()
            spare_what_is_loaded()
            loop.run(stop, reload)
    return ExitStatus.OK


@click.command()
def poll() -> int:
    """Poll every due document once, then exit."""
    from lightkeeper.service.stop import Stop
    from lightkeeper.service.wiring import build_daemon

    settings = load_settings()
    tracer = start_tracing(settings)
    with (
        Stop().on_signals() as stop,
        closing(build_daemon(settings, create=False, tracer=tracer)) as daemon,
    ):
        spare_what_is_loaded()
        result = daemon.run_once().run(stop)
        agent_unreachable = daemon.emitter.reachable is False
    click.echo(f"polled {result.polled} document{'s' * (result.polled != 1)}")
    if agent_unreachable:
        complain(
            f"warning: Datadog Agent unreachable at {settings.agent_url}: start it, or set "
            "DD_DOGSTATSD_URL; transitions are published once it is reachable"
        )
    if result.incomplete:
        complain(
            f"not every document was polled: {result.reason}; "
            "run `lightkeeper check` to find the cause, then poll again"
        )
        return ExitStatus.TRY_LATER
    return ExitStatus.OK


def spare_what_is_loaded() -> None:
    """Let the garbage collector pass over what is loaded by now: it lives as long as the process.

    It also runs less often: hardly anything that a pass makes refers to itself. With Python's own
    settings a pass takes 3 % longer.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)
