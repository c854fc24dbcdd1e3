"""`python -m lightkeeper` and the console script."""

import sys


def main() -> None:
    """Run the command line."""
    from lightkeeper.cli import run

    sys.exit(run())


if __name__ == "__main__":
    main()
