"""What a test does to its process is undone before the next one."""

import logging
import os

import pytest
import structlog

from lightkeeper.telemetry import logging as logs

COUNT = 12  # more than there are workers: one of them runs two


@pytest.mark.parametrize("turn", range(COUNT))
def test_each_test_finds_the_process_as_the_first_did(turn, capsys):
    """Logs, handlers and variables, whatever the one before it configured for good."""
    structlog.get_logger().info("heard", turn=turn)
    assert "heard" in capsys.readouterr().out
    assert not [one for one in logging.root.handlers if type(one).__module__ == logs.__name__]
    assert "HOME_OF_A_TEST" not in os.environ

    os.environ["HOME_OF_A_TEST"] = "gone"
    logs.configure(level="critical")


@pytest.mark.parametrize("turn", range(COUNT))
def test_variables_that_a_test_removes_are_there_again(turn):
    """As one of a demo does, whose store goes by HOME."""
    assert os.environ.pop("PATH")
