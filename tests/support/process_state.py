"""What code under test may change for the whole process, as commands and demos do."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import structlog


@contextmanager
def kept() -> Iterator[None]:
    """Afterwards the environment's variables and the logs are as they were before."""
    variables = dict(os.environ)
    configured = structlog.get_config()
    handlers, level = logging.root.handlers[:], logging.root.level
    try:
        yield
    finally:
        for name in os.environ.keys() - variables.keys():
            del os.environ[name]
        os.environ.update(variables)
        structlog.configure(**configured)
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
        logging.captureWarnings(capture=False)
