"""With which status a command ends at an error of `alerting/`, which imports nothing of ours."""

import pkgutil
from importlib import import_module

from lightkeeper import alerting
from lightkeeper.alerting.errors import AlertingError, AlertingStatus
from lightkeeper.domain.errors import ExitStatus


def errors(of):
    """Every class of error below this one."""
    return {one for each in of.__subclasses__() for one in (each, *errors(each))}


def test_its_statuses_are_those_of_every_command():
    """Under the same names, the same numbers."""
    assert {one.name: one.value for one in AlertingStatus} == {
        one.name: ExitStatus[one.name].value for one in AlertingStatus
    }


def test_each_error_takes_its_status_by_name():
    """None has a number of its own."""
    for module in pkgutil.walk_packages(alerting.__path__, f"{alerting.__name__}."):
        import_module(module.name)

    found = errors(AlertingError)
    assert len(found) > 10
    assert [] == [one for one in found if not isinstance(one.exit_status, AlertingStatus)]
