"""`lightkeeper web`: the API, in a process of its own."""

from contextlib import closing
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import click

from lightkeeper.commands.run import spare_what_is_loaded
from lightkeeper.commands.shared import (
    api_environment,
    configure_logs,
    warn_of_unknown_settings,
)
from lightkeeper.domain.errors import ExitStatus

if TYPE_CHECKING:
    from lightkeeper.config.known_tokens import Tokens
    from lightkeeper.config.settings import Settings
    from lightkeeper.config.web_address import WebAddress

_EXTRA: Final = ("fastapi", "httptools", "uvicorn", "uvloop")


@click.command()
@click.option(
    "--listen",
    metavar="ADDRESS",
    help="unix:PATH, or a port on loopback: 127.0.0.1:8526; port 0 picks a free one.",
)
def web(listen: str | None) -> int:
    """Serve the API until stopped.

    It reads and writes the store, and never calls Lighthouse: the daemon does. /openapi.json
    describes what it offers; `lightkeeper token new` makes the tokens that it asks for.
    """
    if any(find_spec(name) is None for name in _EXTRA):
        raise click.ClickException("the API needs more packages: pip install 'lightkeeper[web]'")
    from lightkeeper.config.settings import Settings

    settings = Settings.load()
    warn_of_unknown_settings()
    configure_logs()
    _serve(settings, _tokens(settings), _address(listen or settings.web_listen))
    return ExitStatus.OK


def _serve(settings: "Settings", tokens: "Tokens", address: "WebAddress") -> None:
    """Join the parts of the API, and answer callers until a signal stops it."""
    from lightkeeper.service.clock import now
    from lightkeeper.service.connections import build_emitter
    from lightkeeper.service.stop import Stop
    from lightkeeper.service.systemd import ServiceManager
    from lightkeeper.web.access import StoreAccess
    from lightkeeper.web.app import build_app
    from lightkeeper.web.fresh import FreshAnswers
    from lightkeeper.web.server import WebServer, listening
    from lightkeeper.web.services import Services
    from lightkeeper.web.signals import WebSignals
    from lightkeeper.web.tokens_log import TokensLog

    manager, tokens_log = ServiceManager(), TokensLog(tokens)
    url = settings.database_url.get_secret_value()
    with Stop().on_signals() as stop, closing(StoreAccess(url)) as store:
        store.open()
        with (
            listening(address) as (listener, bound),
            closing(WebSignals(build_emitter(settings))) as signals,
        ):

            def ready() -> None:
                click.echo(f"listening at {bound}")
                manager.ready()

            def alive() -> None:
                manager.alive()
                signals.send_if_due()
                tokens_log.look()

            services = Services(store, FreshAnswers(store, now), tokens, settings.policy, now)
            app = build_app(services, signals.observe)
            spare_what_is_loaded()
            server = WebServer(
                app, store, is_stopped=lambda: stop.requested, ready=ready, alive=alive
            )
            server.serve_at(listener)
            manager.stopping()


def _tokens(settings: "Settings") -> "Tokens":
    from lightkeeper.config.known_tokens import Tokens
    from lightkeeper.config.settings import SettingsError

    if settings.api_tokens_file is None:
        missing = "LIGHTKEEPER_API_TOKENS_FILE: missing: set it; `lightkeeper token new` makes it"
        raise SettingsError([missing])
    return Tokens(settings.api_tokens_file, api_environment())


def _address(text: str) -> "WebAddress":
    from lightkeeper.config import web_address

    try:
        return web_address.parse(text)
    except ValueError as exc:
        raise click.UsageError(f"--listen {exc}") from exc
