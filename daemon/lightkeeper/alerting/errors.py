"""The base of every error in monitors, dashboards and their tests."""


class AlertingError(Exception):
    """A file of definitions or tests cannot be used; the message says where and what to do."""

    exit_status = 1
