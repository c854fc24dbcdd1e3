"""What can be wrong with a store, each with an exit status of its own."""

from lightkeeper.model import LightkeeperError


class StoreUnavailable(LightkeeperError):
    """The database cannot be used right now."""

    exit_status = 74


class StoreMissing(LightkeeperError):
    """There is no store at this address."""

    exit_status = 66


class StoreForeign(LightkeeperError):
    """The database is not one this program can use."""

    exit_status = 78


class AlreadyWatched(LightkeeperError):
    """Another lightkeeper polls this store; one at a time may."""

    exit_status = 73
