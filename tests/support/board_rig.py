"""A board of given widgets over given points, and what it looks like as a page."""

from xml.etree import ElementTree

import dashboard_files

from lightkeeper.alerting.evaluate.series import SeriesStore
from lightkeeper.alerting.files.dashboards import Dashboard
from lightkeeper.alerting.files.definitions import Assets, Definition
from lightkeeper.alerting.render.page import page
from lightkeeper.alerting.render.recorded import Recording
from lightkeeper.telemetry.signals import Kind

START = 1_800_000_000
"""A full hour."""
HOURS = 2
VARIABLES = [
    {"name": "env", "prefix": "env", "defaults": ["test"]},
    {"name": "document_type", "prefix": "document_type", "defaults": ["*"]},
]
PENDING = "lightkeeper.documents.pending"
ENDED = "lightkeeper.documents.outcomes"
AGE = "lightkeeper.documents.oldest_pending_age"


def definition(key, payload):
    """A monitor, SLO or board without what the drawing does not read."""
    return Definition(f"{key}.json", key, "It.", key, "us", "No page.", payload, payload)


def board(*widgets, variables=VARIABLES, monitors=None, slos=None, title="A board"):
    """A board of these widgets, each at its place."""
    assets = Assets(
        {key: definition(key, one) for key, one in (monitors or {}).items()},
        {key: definition(key, one) for key, one in (slos or {}).items()},
        {"env": "test"},
        "",
    )
    payload = {"title": title, "template_variables": variables, "widgets": list(widgets)}
    return Dashboard(definition("one", payload), assets)


def recorded(points=(), *, checks=(), events=(), logs=(), monitors=None, hours=HOURS):
    """What came: points as name, kind, tags, minute and value; checks likewise."""
    store = SeriesStore()
    for name, kind, tags, minute, value in points:
        store.add(name, Kind(kind), tags, START + 60 * minute, value)
    for name, tags, minute, status, message in checks:
        store.check(name, tags, START + 60 * minute, status, message)
    ended_at = START + hours * 3_600
    return Recording(START, ended_at, store, tuple(events), tuple(logs), monitors or {})


def drawn(given, data):
    """The page of one board."""
    return page([given], data, "a-drill", "what happens")


def widget(**of):
    """A widget four columns wide."""
    return dashboard_files.widget(0, 0, 4, 3, **of)


def graph(query, draw="line", **more):
    """A timeseries of one query."""
    requests = dashboard_files.requests_of(query, "timeseries", display_type=draw)
    return widget(type="timeseries", title="Graph", requests=requests, **more)


def number(query, **more):
    """A number."""
    requests = dashboard_files.requests_of(query, "scalar")
    return widget(type="query_value", title="Number", requests=requests, **more)


def only(result):
    """The element of the only widget on a page, and its state."""
    (outcome,) = result.widgets
    text = result.html.partition("\n")[2]
    body = text[text.index("<body>") : text.index("</body>") + len("</body>")]
    root = ElementTree.fromstring(body.replace("<br>", "<br/>"))
    (found,) = root.iter("article")
    return found, outcome.state


def words(found):
    """What can be read in an element, with single blanks."""
    return " ".join(" ".join(found.itertext()).split())
