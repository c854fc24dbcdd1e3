"""The picture of the demo: `make picture` draws it anew from a demo that really runs."""

import io
import os
import re
import tempfile
from pathlib import Path

from rich.console import Console, RenderableType

from lightkeeper.alerting.files.definitions import load
from lightkeeper.simulation.demo.screen import WIDTH, Screen
from lightkeeper.simulation.demo.show import Ending, print_summary, print_to_try, run_day

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "daemon" / "demo.svg"
_BLANK = "&#160;"
_INDENTED = re.compile(
    rf'(<text[^>]* x=")([\d.]+)("[^>]* textLength=")([\d.]+)("[^>]*>)((?:{_BLANK})+)([^<]+)</text>'
)


def whole_demo(seconds: float = 30) -> tuple[list[RenderableType], Ending]:
    """Each screen of a demo, and how it ended."""
    screens: list[RenderableType] = []
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = home  # the store of this user's last demo stays
        os.environ.pop("XDG_STATE_HOME", None)
        ending = run_day(seconds, load(ROOT / "monitors"), Screen(screens.append))
        if not ending.agrees:
            raise SystemExit("the demo does not add up: no picture")
        return screens, ending


def terminal() -> Console:
    """A terminal of 80 columns that records what is printed on it."""
    return Console(
        record=True,
        width=WIDTH,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )


def last_screen(screens: list[RenderableType], ending: Ending) -> Console:
    """A terminal on which a demo has ended, printed as the command prints it."""
    console = terminal()
    console.print(screens[-1])
    print_summary(console, ending)
    print_to_try(console, ending)
    return console


def svg(console: Console) -> str:
    """What stands on a terminal as SVG that loads nothing from elsewhere."""
    picture = console.export_svg(title="lightkeeper demo", unique_id="demo")
    picture = re.sub(r"\s*@font-face\s*{[^}]*}", "", picture)  # fonts of a web site
    picture = re.sub(r"\s*<!--.*?-->", "", picture)
    picture = re.sub(r"<text[^>]*>\s*</text>", "", picture)
    picture = _INDENTED.sub(_moved, picture)
    return picture.replace("Fira Code, monospace", "monospace")


def _moved(found: re.Match[str]) -> str:
    """The text without blanks before it, moved to the right: some programs leave them out."""
    before, x, between, length, after, blanks, text = found.groups()
    count = blanks.count(_BLANK)
    width = float(length) / (count + text.count(_BLANK) + len(text.replace(_BLANK, "")))
    left, rest = float(x) + count * width, float(length) - count * width
    return f"{before}{left:g}{between}{rest:g}{after}{text}</text>"


if __name__ == "__main__":
    PICTURE.write_text(svg(last_screen(*whole_demo())) + "\n")
