"""The picture of the demo: `make picture` draws it anew from a demo that really runs."""

import io
import os
import re
import tempfile
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.text import Text

from lightkeeper.alerting.files.definitions import load
from lightkeeper.simulation.demo.screen import Screen
from lightkeeper.simulation.demo.show import run_day

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "daemon" / "demo.svg"
WIDTH = 80
_BLANK = "&#160;"
_INDENTED = re.compile(
    rf'(<text[^>]* x=")([\d.]+)("[^>]* textLength=")([\d.]+)("[^>]*>)((?:{_BLANK})+)([^<]+)</text>'
)


def drawn_demo(seconds: float = 30) -> RenderableType:
    """The last screen of a demo, with what it says to try next."""
    screens: list[RenderableType] = []
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = home  # the store of this user's last demo stays
        os.environ.pop("XDG_STATE_HOME", None)
        ending = run_day(seconds, load(ROOT / "monitors"), Screen(screens.append))
        if not ending.agrees:
            raise SystemExit("the demo does not add up: no picture")
        return Group(screens[-1], *map(Text, ending.summary()))


def svg(shown: RenderableType) -> str:
    """A terminal of 80 columns as SVG that loads nothing from elsewhere."""
    console = Console(
        record=True,
        width=WIDTH,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    console.print(shown)
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
    PICTURE.write_text(svg(drawn_demo()) + "\n")
