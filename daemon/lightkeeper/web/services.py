"""What the routes are given: the store, fresh answers, the tokens, thresholds and the clock."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from lightkeeper.config.known_tokens import Tokens
from lightkeeper.domain.policy import Policy
from lightkeeper.domain.time import Instant
from lightkeeper.web.access import StoreAccess
from lightkeeper.web.fresh import FreshAnswers


@dataclass(frozen=True, slots=True)
class Services:
    """What every route may use."""

    store: StoreAccess
    fresh: FreshAnswers
    tokens: Tokens
    policy: Policy
    clock: Callable[[], Instant]


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Web = Annotated[Services, Depends(_services)]
"""The parameter by which a route asks for them."""
