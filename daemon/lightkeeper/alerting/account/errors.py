"""Why an account cannot be read or written, and with which status a command then ends."""

from lightkeeper.alerting.errors import AlertingError, AlertingStatus


class AccessRefused(AlertingError):
    """Site or keys are missing or wrong, or the keys may not do it."""

    exit_status = AlertingStatus.CONFIG


class WrongNetwork(AlertingError):
    """A setting of the network, such as HTTPS_PROXY, cannot be used."""

    exit_status = AlertingStatus.CONFIG


class Unanswered(AlertingError):
    """Datadog gave no usable answer for as long as it was tried."""

    exit_status = AlertingStatus.TRY_LATER


class Uncertain(Unanswered):
    """Nothing says whether Datadog made the object: look for it before making it again."""


class PayloadRefused(AlertingError):
    """Datadog does not take the object."""

    exit_status = AlertingStatus.BAD_DATA


class Gone(AlertingError):
    """The account no longer has the object, or never had it."""

    exit_status = AlertingStatus.NO


class AccountMoved(AlertingError):
    """The account is not as it was when the plan was made, or not as it has to be."""

    exit_status = AlertingStatus.IN_THE_WAY


class BadPlan(AlertingError):
    """The file is not a plan, or not one for this command."""

    exit_status = AlertingStatus.BAD_DATA


class NoPlan(AlertingError):
    """The file of the plan cannot be read."""

    exit_status = AlertingStatus.NO_INPUT


class StillDifferent(AlertingError):
    """Everything was written, and the account still differs."""

    exit_status = AlertingStatus.NO
