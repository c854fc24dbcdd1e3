"""`lightkeeper dashboards render`: the shipped boards as a page, in a real browser."""

import base64
import os
import re

import command_line
import pytest
from browser import browser

pytestmark = pytest.mark.xdist_group("rendered page")  # which is rendered once
PAST = {"documents: Notice reached the veteran: no data", "documents: Notice sent: no data"}
"""What no drill fills: lightkeeper sends no notices yet."""
COVERED = """(() => {
  const texts = [...document.querySelectorAll("svg text")].map(one => [one, one.closest("svg")]);
  const boxes = new Map();
  const found = [];
  for (const [text, svg] of texts) {
    const box = text.getBoundingClientRect(), frame = svg.getBoundingClientRect();
    if (box.left < frame.left - 1 || box.right > frame.right + 1
        || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
      found.push("cut: " + text.textContent + " in " + svg.getAttribute("aria-label"));
    for (const other of boxes.get(svg) || [])
      if (box.left < other.right && other.left < box.right
          && box.top + 2 < other.bottom && other.top + 2 < box.bottom)
        found.push("overlaps: " + text.textContent + " in " + svg.getAttribute("aria-label"));
    boxes.set(svg, [...(boxes.get(svg) || []), box]);
  }
  for (const one of document.querySelectorAll("h1,h2,h3,p,li,td,th,article,section"))
    if (one.scrollWidth > one.clientWidth + 1 && one.clientWidth)
      found.push("too wide: " + one.textContent.slice(0, 60));
  return found;
})()"""
FAINT = """(() => {
  const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3)
    .map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = one => { for (; one; one = one.parentElement) {
    const c = getComputedStyle(one).backgroundColor; if (!/, 0\\)$/.test(c)) return c; }
    return "rgb(255, 255, 255)"; };
  return [...document.querySelectorAll("h1,h2,h3,p,li,b,td,th,small,code,span,text")]
    .filter(one => [...one.childNodes].some(n => n.nodeType == 3 && n.textContent.trim()))
    .filter(one => { const style = getComputedStyle(one);
      const ink = one.tagName == "text" ? style.fill : style.color;
      const [a, b] = [light(ink), light(behind(one))].sort((x, y) => y - x);
      return (a + 0.05) / (b + 0.05) < 4.5; })
    .map(one => one.textContent.slice(0, 40));
})()"""


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """The file that the command wrote, and what it said."""
    page = tmp_path_factory.mktemp("rendered") / "page.html"
    done = command_line.run("dashboards", "render", "--to", page, env=os.environ)
    assert 0 == done.returncode, done.stderr
    return page, done


@pytest.fixture(scope="module")
def opened(rendered):
    """The page in a browser."""
    with browser() as found:
        found.open(rendered[0])
        yield found


def test_every_shipped_widget_draws_data(rendered):
    """None is refused; without data are only those about notices, which nothing sends yet."""
    page, done = rendered
    states = re.findall(r'data-state="(\w+)"', page.read_text())

    assert PAST == set(done.stderr.splitlines())
    assert {"drawn": len(states) - len(PAST), "empty": len(PAST)} == {
        state: states.count(state) for state in set(states)
    }


def test_the_page_asks_for_nothing_and_runs_nothing(rendered, opened):
    """One request, for the file itself; no script, no link, and nothing on the console."""
    asked = {one["request"]["url"] for one in opened.said("Network.requestWillBeSent")}
    reported = [
        *opened.said("Runtime.consoleAPICalled"),
        *opened.said("Runtime.exceptionThrown"),
        *opened.said("Log.entryAdded"),
    ]

    assert {rendered[0].as_uri()} == asked
    assert [] == reported
    assert 0 == opened.run("document.querySelectorAll('script, link, iframe, img, a').length")
    assert 0 == opened.run(
        "document.querySelectorAll('[onload], [onclick], [href], [src]').length"
    )


def test_every_graph_shows_something_and_says_what(opened):
    """A line, area, bar or dot in each, a title, and a name for those who cannot see it."""
    bare = opened.run(
        "[...document.querySelectorAll('svg')].filter(one => !one.querySelector("
        "'path[d], circle') || !one.querySelector('title').textContent"
        " || one.getAttribute('role') != 'img' || !one.getAttribute('aria-label')).length"
    )

    assert 40 < opened.run("document.querySelectorAll('svg').length")
    assert 0 == bare
    assert "en" == opened.run("document.documentElement.lang")
    assert opened.run("document.title")


@pytest.mark.parametrize("width", [1300, 1024, 500])
def test_nothing_is_cut_or_covered(rendered, opened, width):
    """On a wide screen, on a small one, and on a telephone."""
    opened.open(rendered[0], width)

    assert [] == opened.run(COVERED)
    assert width >= opened.run("document.documentElement.scrollWidth")


def test_all_text_can_be_read(opened):
    """A contrast of 4.5 to 1 at least, as Section 508 asks for."""
    assert [] == opened.run(FAINT)


def test_the_page_prints(opened):
    """On A4 across, in few sheets, and no widget is torn between two."""
    opened.call("Emulation.setEmulatedMedia", media="print")
    torn = opened.run(
        "[...document.querySelectorAll('.widget, .group')].filter(one => "
        "getComputedStyle(one).breakInside != 'avoid').length"
    )
    opened.call("Emulation.setEmulatedMedia", media="")
    printed = opened.call("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
    sheets = re.findall(rb"/Type\s*/Page\b", base64.b64decode(printed["data"]))

    assert 0 == torn
    assert 8 <= len(sheets) <= 20
