"""The picture of the on-call board: `make picture` draws it anew, from a drill, in a browser."""

import hashlib
import io
import json
import tempfile
from pathlib import Path

from browser import browser
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from lightkeeper.alerting.files.dashboards import load_dashboards
from lightkeeper.alerting.render.page import page
from lightkeeper.simulation.drills.every_trouble import EVERY_TROUBLE
from lightkeeper.simulation.drills.recording import record

ROOT = Path(__file__).parents[2]
BOARD = ROOT / "dashboards" / "overview.json"
PICTURE = ROOT / "dashboards" / "overview.png"
SHOWN = ("About", "Overview", "Is It Alive")
"""The groups of the board that are in the picture."""
WIDTH = 1_280
_COLOURS = 48
_TALL = 3_000  # what lies below the window is not painted


def digest():
    """What is in the picture, in short: it changes with the groups that are shown."""
    widgets = json.loads(BOARD.read_text())["payload"]["widgets"]
    shown = [one for one in widgets if one["definition"]["title"] in SHOWN]
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()


def drawn_board():
    """The board's page, as `lightkeeper dashboards render overview` writes it."""
    board = load_dashboards(BOARD.parent, ROOT / "monitors")["overview"]
    return page(
        [board], record(EVERY_TROUBLE, board.assets), EVERY_TROUBLE.name, EVERY_TROUBLE.says
    )


def png(html):
    """The upper part of the page, with few colours."""
    with tempfile.TemporaryDirectory() as folder, browser() as opened:
        path = Path(folder) / "page.html"
        path.write_text(html)
        opened.open(path, WIDTH, height=_TALL)
        last = f"[...document.querySelectorAll('.group')][{len(SHOWN) - 1}]"
        height = int(opened.run(f"{last}.getBoundingClientRect().bottom")) + 8
        shot = Image.open(io.BytesIO(opened.picture(WIDTH, height)))
        few = shot.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
    says = PngInfo()
    says.add_text("Source", digest())
    out = io.BytesIO()
    few.save(out, "PNG", optimize=True, pnginfo=says)
    return out.getvalue()


if __name__ == "__main__":
    PICTURE.write_bytes(png(drawn_board().html))
