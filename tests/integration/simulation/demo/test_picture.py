"""The picture of the demo in daemon/demo.svg, which `make picture` draws."""

import re
from xml.etree import ElementTree

import pytest
from demo_picture import PICTURE, svg, terminal

from lightkeeper.simulation.demo.screen import HEIGHT, INTRODUCTION, WIDTH

SVG = "http://www.w3.org/2000/svg"


def words(picture):
    """What can be read in it."""
    root = ElementTree.fromstring(picture)
    return "\n".join("".join(text.itertext()) for text in root.iter(f"{{{SVG}}}text")).replace(
        "\N{NO-BREAK SPACE}", " "
    )


@pytest.fixture(scope="module")
def picture():
    """The picture as the README shows it."""
    return PICTURE.read_text()


def test_it_shows_a_whole_demo(picture):
    """The first line, documents of every kind of trouble, what would page, and what to try."""
    shown = words(picture)
    needed = [INTRODUCTION, "failed", "stuck", "not found", "VIRUS_", "SCAN", "documents-failed x"]
    needed += [
        "last gauges equal the store",
        "VA couldn't add your",
        "# try next: what happened to a document",
    ]

    assert [] == [each for each in needed if each not in shown]


def test_it_fits_a_terminal(picture):
    """24 rows, with one for the prompt; the last says what to try next."""
    text = ElementTree.fromstring(picture).iter(f"{{{SVG}}}text")
    rows = {one.get("y"): "".join(one.itertext()) for one in text if one.get("clip-path")}

    assert HEIGHT > len(rows)
    assert "# try next" in rows[max(rows, key=float)].replace("\N{NO-BREAK SPACE}", " ")


def test_it_is_small_and_loads_nothing(picture):
    """Below 60 kB, with no address but that of its own name space."""
    assert 60_000 > len(picture.encode())
    assert {SVG} == set(re.findall(r"https?://[^\s\"')]*", picture))
    assert not re.search(r"@import|@font-face|<image|<script", picture)


def test_what_it_is_drawn_with_loads_nothing_and_keeps_the_width():
    """Whatever is drawn: no font of a web site, and a line of 80 columns stays one line."""
    console = terminal()
    console.print("x" * WIDTH)
    drawn = svg(console)

    assert {SVG} == set(re.findall(r"https?://[^\s\"')]*", drawn))
    assert "x" * WIDTH in words(drawn)
