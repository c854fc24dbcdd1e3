"""`lightkeeper demo`: a day of documents in half a minute."""

import click


@click.command()
@click.option(
    "--seconds", default=30, show_default=True, type=click.IntRange(8, 3_600), help="How long."
)
def demo(seconds: int) -> int:
    """Watch a simulated day of documents in half a minute."""
    from lightkeeper.simulation.demo import show_demo

    return show_demo(seconds)
