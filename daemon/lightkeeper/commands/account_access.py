"""The Datadog account that a command works on: its site and keys come with the process."""

import os
from typing import TYPE_CHECKING, Final

from lightkeeper.commands.shared import complain

if TYPE_CHECKING:
    from lightkeeper.alerting.account.client import Account

_KEYS: Final = ("DD_API_KEY", "DD_APP_KEY")


def account_at_hand() -> "Account":
    """The account that DD_SITE and the keys of the process name. Raises AccessRefused."""
    from lightkeeper.alerting.account.access import Access
    from lightkeeper.alerting.account.client import Account
    from lightkeeper.alerting.account.errors import AccessRefused
    from lightkeeper.config.secret_files import WrongSecretFile, read

    try:
        keys = [read(os.environ, name) or os.environ.get(name, "").strip() for name in _KEYS]
    except WrongSecretFile as exc:
        raise AccessRefused(str(exc)) from exc
    given = dict(
        zip(("DD_SITE", *_KEYS), (os.environ.get("DD_SITE", "").strip(), *keys), strict=True)
    )
    if missing := [name for name, one in given.items() if not one]:
        raise AccessRefused(
            f"not set: {', '.join(missing)}: DD_SITE is your site, such as ddog-gov.com; "
            "DD_API_KEY and DD_APP_KEY are keys of your organisation there, or DD_…_FILE name "
            "files with them"
        )
    return Account(Access(*given.values()), say=lambda line: complain(line, "warning"))
