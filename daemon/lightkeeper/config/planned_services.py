"""Which steps are out while a service of VA's is: `bgs=BENEFITS_GATEWAY_SERVICE,vbms=all`."""

import re
from typing import Final

from lightkeeper.domain.document import Step

_SERVICE: Final = re.compile(r"[a-z0-9_.-]{1,64}")
_STEPS: Final = (
    str(Step.CLAIMS_EVIDENCE),
    str(Step.BENEFITS_GATEWAY_SERVICE),
    str(Step.REMOVE_FILE_BINARY),
)
_ALL: Final = "all"


def steps_by_service(text: str) -> dict[str, tuple[str, ...]]:
    """The steps of each service, empty for all of Lighthouse; raises ValueError where it is wrong.

    A service that is named twice has both steps.
    """
    steps: dict[str, set[str]] = {}
    for item in text.replace(",", " ").split():
        service, _, step = item.partition("=")
        name = step.upper()
        if not _SERVICE.fullmatch(service) or name not in {*_STEPS, _ALL.upper()}:
            raise ValueError(
                "must be service=STEP, parted by commas or blanks, with a STEP of "
                f"{', '.join(_STEPS)}, or {_ALL} for all of Lighthouse"
            )
        steps.setdefault(service, set()).add(name)
    if not steps:
        raise ValueError("names no service: write one, such as bgs=BENEFITS_GATEWAY_SERVICE")
    return {
        service: () if _ALL.upper() in found else tuple(sorted(found))
        for service, found in steps.items()
    }
