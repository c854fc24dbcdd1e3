"""A daemon that kills itself in the middle of its work.

    python dying_daemon.py before|after PART.METHOD NTH

It makes one pass, as `lightkeeper poll` does and with its settings, and is gone at the NTH call
of that method of `lightkeeper.service.daemon.Daemon`.
"""

import itertools
import os
import signal
import sys
from contextlib import closing
from operator import attrgetter

from lightkeeper.config.settings import Settings
from lightkeeper.service.stop import Stop
from lightkeeper.service.wiring import build_daemon


def doom(daemon, moment, method, nth):
    """Have the process killed right before or right after that call."""
    owner_path, _, name = method.rpartition(".")
    owner = attrgetter(owner_path)(daemon)
    real = getattr(owner, name)
    calls = itertools.count(1)

    def fatal(*args, **kwargs):
        is_last = next(calls) == nth
        if is_last and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **kwargs)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, fatal)


def main(moment, method, nth):
    """Make one pass with the settings of the environment, up to that call."""
    settings = Settings.load(lighthouse=True)
    with (
        Stop().on_signals() as stop,
        closing(build_daemon(settings)) as daemon,
    ):
        doom(daemon, moment, method, int(nth))
        daemon.run_once().run(stop)


if __name__ == "__main__":
    main(*sys.argv[1:])
