"""The sites of Datadog, and the keys to an account at one of them."""

import re
from dataclasses import dataclass, field
from typing import Final

from lightkeeper.alerting.account.errors import AccessRefused

SITES: Final = (
    *(
        "datadoghq.com",
        "us3.datadoghq.com",
        "us5.datadoghq.com",
        "datadoghq.eu",
        "ap1.datadoghq.com",
    ),
    *("ap2.datadoghq.com", "uk1.datadoghq.com", "ddog-gov.com", "us2.ddog-gov.com"),
)
_LOOPBACK: Final = re.compile(r"http://(?:127\.0\.0\.1|localhost|\[::1\]):\d+")


@dataclass(frozen=True, slots=True)
class Access:
    """Where an account is, and the keys to it."""

    site: str
    api_key: str = field(repr=False)
    app_key: str = field(repr=False)

    def __post_init__(self) -> None:
        """Raise AccessRefused for a site that there is not, or a key that cannot be sent."""
        if self.site not in SITES and not _LOOPBACK.fullmatch(self.site):
            raise AccessRefused(f"DD_SITE: there is no such site: write one of {', '.join(SITES)}")
        for name, key in (("DD_API_KEY", self.api_key), ("DD_APP_KEY", self.app_key)):
            if not re.fullmatch(r"[!-~]+", key):
                raise AccessRefused(f"{name}: is no key: write the letters and digits alone")

    @property
    def url(self) -> str:
        """The address before every path."""
        return self.site if self.site not in SITES else f"https://api.{self.site}"
