"""`python -m lightkeeper` and the console script."""

import gc
import sys


def main() -> None:
    """Run the command line."""
    from lightkeeper.commands.main import run_command_line

    status = run_command_line()
    # All of it goes with the process. Looking for unreachable objects, as the
    # interpreter does at its end, would take a fifth of a short command's time.
    gc.freeze()
    sys.exit(status)


if __name__ == "__main__":
    main()
