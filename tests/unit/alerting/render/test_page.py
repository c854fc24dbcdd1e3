"""A board as a page: what is drawn of each widget, and what is said of others."""

import re

import board_rig
import dashboard_files
import pytest
from board_rig import AGE, ENDED, HOURS, PENDING, START
from hypothesis import given
from hypothesis import strategies as st

from lightkeeper.alerting.evaluate.thresholds import Status
from lightkeeper.alerting.render.page import DRAWERS
from lightkeeper.alerting.render.recorded import Entry, MonitorState

MINUTES = range(60 * HOURS)
WAITING = [
    (PENDING, "gauge", ("env:test", f"step:{step}"), minute, value)
    for minute in MINUTES
    for step, value in (("a", 3), ("b", 5))
]
EVIL = "<script>alert(1)</script> & \"x\" 'y' \x00\ud800"


def shown(widget, data):
    """The words of the only widget, and its state."""
    found, state = board_rig.only(board_rig.drawn(board_rig.board(widget), data))
    return board_rig.words(found), state


def test_a_page_says_where_it_comes_from():
    """Board, env, drill and time in UTC, in English, with a title."""
    html = board_rig.drawn(board_rig.board(), board_rig.recorded()).html
    said = re.sub(r"<[^>]+>", "", html)

    assert '<html lang="en">' in html
    assert "<title>A board – drill a-drill</title>" in html
    assert "Dashboard one, env test, drawn from the drill a-drill (what happens)" in said
    assert "2027-01-15 08:00 to 10:00 UTC" in said
    assert "$env test$document_type *" in said


def test_lines_have_a_legend_with_their_last_value():
    """One line a group, named by its tag, and the unit over the graph."""
    graph = board_rig.graph(f"sum:{PENDING}{{$env}} by {{step}}")
    found, state = board_rig.only(
        board_rig.drawn(board_rig.board(graph), board_rig.recorded(WAITING))
    )
    lines = [one.get("d") for one in found.iter("path")]

    assert ("Graph documents Graph a: 3; b: 5 08:30", "drawn") == (
        board_rig.words(found)[:38],
        state,
    )
    assert ["a 3", "b 5"] == [board_rig.words(one) for one in found.iter("li")]
    assert [120, 120] == [len(re.findall("[ML]", line)) for line in lines]


def test_bars_say_how_many_came_in_all():
    """Counts stand one on the other, added up in two minutes each."""
    tags = [("env:test", f"outcome:{one}") for one in ("done", "failed")]
    points = [(ENDED, "count", one, minute, 2) for minute in MINUTES for one in tags]
    graph = board_rig.graph(f"sum:{ENDED}{{$env}} by {{outcome}}.as_count()", "bars")
    found, _ = board_rig.only(board_rig.drawn(board_rig.board(graph), board_rig.recorded(points)))
    first, second = (
        re.findall(r"M\S+ (\S+?)V(\S+?)h", one.get("d")) for one in found.iter("path")
    )

    assert ["done 240", "failed 240"] == [board_rig.words(one) for one in found.iter("li")]
    assert "documents in a minute" in board_rig.words(found)
    assert [top for _, top in first] == [bottom for bottom, _ in second]


def test_a_line_is_broken_where_nothing_came_for_long():
    """Six minutes without a point; four are bridged, and a point alone is a dot."""
    minutes = [*range(20), *range(24, 40), *range(46, 60), 70]
    points = [(AGE, "gauge", ("env:test",), minute, 1 + minute % 2) for minute in minutes]
    graph = board_rig.graph(f"max:{AGE}{{$env}}")
    found, _ = board_rig.only(board_rig.drawn(board_rig.board(graph), board_rig.recorded(points)))

    lines = [len(re.findall("[ML]", one.get("d"))) for one in found.iter("path")]

    assert [36, 14, 1] == lines
    assert 1 == len(list(found.iter("circle")))


def test_a_formula_is_evaluated_and_named():
    """Two queries, two formulas; their aliases are in the legend."""
    queries = [
        {"data_source": "metrics", "name": name, "query": f"sum:{PENDING}{{step:{step}}}"}
        for name, step in (("q1", "a"), ("q2", "b"))
    ]
    formulas = [{"formula": "q2 - q1", "alias": "more"}, {"formula": "100 * q1 / (q1 + q2)"}]
    request = {"queries": queries, "formulas": formulas, "display_type": "line"}
    graph = board_rig.widget(type="timeseries", title="Graph", requests=[request])

    said, _ = shown(graph, board_rig.recorded(WAITING))

    assert "more 2" in said
    assert "100 * q1 / (q1 + q2) 37.5" in said


@pytest.mark.parametrize(("level", "lines"), [("y = 4", 1), ("y = 4000", 0)])
def test_a_threshold_is_drawn_where_the_graph_reaches_it(level, lines):
    """And it is in the legend in any case."""
    markers = [{"value": level, "label": "too many", "display_type": "error dashed"}]
    graph = board_rig.graph(f"sum:{PENDING}{{$env}} by {{step}}", markers=markers)
    found, _ = board_rig.only(board_rig.drawn(board_rig.board(graph), board_rig.recorded(WAITING)))

    dashed = [one for one in found.iter("line") if one.get("stroke-dasharray") == "5 3"]

    assert lines == len(dashed)
    assert "too many 4" in board_rig.words(found)


def test_events_are_marked_in_a_graph():
    """Those that the search of the overlay finds."""
    events = [
        Entry(START + 60 * minute, "info", "It", {"event": name, "env": "test"})
        for minute, name in ((10, "one"), (20, "two"), (30, "one"))
    ]
    graph = board_rig.graph(f"sum:{PENDING}{{$env}}", events=[{"q": "event:one $env"}])

    assert "events 2" in shown(graph, board_rig.recorded(WAITING, events=events))[0]


def test_a_number_is_the_last_one_in_the_colour_that_it_calls_for():
    """Eight are above five: red; time is shown in the unit that fits."""
    conditions = [
        {"comparator": ">", "value": 5, "palette": "white_on_red"},
        {"comparator": "<=", "value": 5, "palette": "white_on_green"},
    ]
    red = board_rig.number(f"sum:{PENDING}{{$env}}")
    red["definition"]["requests"][0]["conditional_formats"] = conditions
    red["definition"]["timeseries_background"] = {"type": "area"}
    found, _ = board_rig.only(board_rig.drawn(board_rig.board(red), board_rig.recorded(WAITING)))
    age = [(AGE, "gauge", ("env:test",), minute, 5_400) for minute in MINUTES]

    assert "Number 8 documents" == board_rig.words(found)[:18]
    assert ["number alert"] == [p.get("class") for p in found.iter("p")]
    assert 1 == len(list(found.iter("svg")))
    assert (
        "Number 90 min" == shown(board_rig.number(f"max:{AGE}{{*}}"), board_rig.recorded(age))[0]
    )


def test_a_toplist_has_the_largest_first():
    """With what is left out."""
    top = board_rig.number(f"sum:{PENDING}{{$env}} by {{step}}")
    top["definition"].update(type="toplist")
    top["definition"]["requests"][0]["sort"] = {"count": 1}

    said, state = shown(top, board_rig.recorded(WAITING))

    assert ("Number 5 documents b and 1 more", "drawn") == (said, state)


def test_a_table_has_a_row_for_each_group():
    """And a column for each formula."""
    table = board_rig.number(f"sum:{PENDING}{{$env}} by {{step}}")
    table["definition"].update(type="query_table")

    said, _ = shown(table, board_rig.recorded(WAITING))

    assert "Number step documents b 5 documents a 3 documents" == said


@pytest.mark.parametrize(
    ("status", "word", "colours"),
    [(0, "OK", "ok"), (2, "CRITICAL", "alert"), (3, "UNKNOWN", "plain")],
)
def test_a_check_is_shown_by_its_last_run(status, word, colours):
    """In words, and with what it says; runs of another env do not count."""
    runs = [
        ("lightkeeper.polling", ("env:test",), 5, 0, ""),
        ("lightkeeper.polling", ("env:x",), 9, 1, ""),
    ]
    runs += [("lightkeeper.polling", ("env:test",), 7, status, "because")]
    check = board_rig.widget(**dashboard_files.CHECK)
    found, _ = board_rig.only(
        board_rig.drawn(board_rig.board(check), board_rig.recorded(checks=runs))
    )

    assert f"Polling {word} because" == board_rig.words(found)
    assert [f"status {colours}"] == [p.get("class") for p in found.iter("p")]


def test_monitors_are_counted_and_the_worst_are_listed():
    """Those that the search finds by their tags, with priority and since when."""
    monitors = {
        key: {"name": f"It is {key}", "tags": ["env:test", "team:us"], "priority": 2}
        for key in ("bad", "well", "unheard")
    }
    monitors["other"] = {"name": "Theirs", "tags": ["team:them"]}
    states = {
        "bad": MonitorState(Status.ALERT, START + 1_800),
        "well": MonitorState(Status.OK, None),
        "unheard": MonitorState(None, None),
        "other": MonitorState(Status.ALERT, START),
    }
    listed = board_rig.widget(type="manage_status", title="Monitors", query="tag:$env tag:team:us")
    board = board_rig.board(listed, monitors=monitors)
    found, _ = board_rig.only(board_rig.drawn(board, board_rig.recorded(monitors=states)))

    assert (
        "Monitors 1 Alert 1 No Data 1 OK status priority monitor since Alert P2 It is bad 08:30"
        == board_rig.words(found)
    )


def test_an_objective_is_computed_over_the_time_shown():
    """Three of four are good, where 90 % are promised."""
    results = ("good", "good", "good", "bad")
    slo = "lightkeeper.slo.efolder"
    points = [(slo, "count", (f"result:{one}",), at, 1) for at, one in enumerate(results)]
    query = {
        "numerator": f"sum:{slo}{{result:good}}.as_count()",
        "denominator": f"sum:{slo}{{*}}.as_count()",
    }
    payload = {
        "type": "metric",
        "name": "They arrive",
        "query": query,
        "tags": ["team:us"],
        "thresholds": [{"timeframe": "30d", "target": 90}],
    }
    listed = board_rig.widget(**dashboard_files.slo_list("team:us"))
    board = board_rig.board(listed, slos={"share": payload})
    found, _ = board_rig.only(board_rig.drawn(board, board_rig.recorded(points)))

    assert (
        "Objectives objective target in this time They arrive 90 % 75.00 %, missed"
        == board_rig.words(found)
    )


@pytest.mark.parametrize("source", ["event_stream", "logs_stream"])
def test_a_stream_has_the_newest_first(source):
    """Events and log lines that the search finds, and how many came before."""
    entries = [
        Entry(START + 60 * n, "error" if n % 2 else "info", f"It {n}\nmore", {"env": "test"})
        for n in range(40)
    ]
    stream = board_rig.widget(**dashboard_files.stream("Stream", source, "$env status:error"))
    data = board_rig.recorded(events=entries, logs=entries)

    said, state = shown(stream, data)

    assert said.startswith("Stream UTC status text 08:39 error It 39 more 08:37 error It 37 more")
    assert said.endswith("and 17 before")
    assert "drawn" == state


def test_a_note_is_text():
    """Its Markdown is not run: bold and code are such, a link is followed by its address."""
    content = "**Bold** and `code`, [here](javascript:alert(1)).\n\n<b>raw</b>"
    note = board_rig.widget(type="note", content=content)
    html = board_rig.drawn(board_rig.board(note), board_rig.recorded()).html

    assert "<strong>Bold</strong> and <code>code</code>" in html
    assert "&lt;b&gt;raw&lt;/b&gt;" in html
    assert "<a " not in html
    assert "href" not in html


WIDGETS = {
    "graph": board_rig.graph(f"sum:{PENDING}{{$env}}"),
    "bars": board_rig.graph(f"sum:{ENDED}{{$env}}.as_count()", "bars"),
    "number": board_rig.number(f"sum:{PENDING}{{$env}}"),
    "check": board_rig.widget(**dashboard_files.CHECK),
    "monitors": board_rig.widget(type="manage_status", title="Monitors", query="tag:$env"),
    "objectives": board_rig.widget(**dashboard_files.slo_list("$env")),
    "events": board_rig.widget(**dashboard_files.stream("Events", "event_stream", "$env")),
    "note": board_rig.widget(type="note", content=""),
}


@pytest.mark.parametrize("name", sorted(WIDGETS))
def test_without_data_a_widget_says_so(name):
    """And the page counts it as empty."""
    said, state = shown(WIDGETS[name], board_rig.recorded())

    assert ("no data", "empty") == (said[-7:], state)


def requests(**of):
    """A timeseries with one request of these parts."""
    return board_rig.widget(type="timeseries", title="Graph", requests=[of])


ASKED = {"data_source": "metrics", "name": "a", "query": f"sum:{PENDING}{{*}}"}


@pytest.mark.parametrize(
    ("widget", "why"),
    [
        (board_rig.widget(type="heatmap", title="H"), "a widget of the type heatmap"),
        (board_rig.widget(title="H"), "a widget of the type None"),
        (board_rig.widget(type="timeseries", title="H"), "a timeseries without requests"),
        (requests(q="avg:x{*}"), "a request without `queries`"),
        (requests(queries=[{**ASKED, "data_source": "logs"}]), "the data source logs"),
        (requests(queries=[ASKED], display_type="overlay"), "the display_type overlay"),
        (
            requests(queries=[ASKED], formulas=[{"formula": "a + b"}]),
            "query: expected `{` and the scope",
        ),
        (requests(queries=[ASKED], formulas=[{"formula": "7"}]), "the formula 7 names no query"),
        (requests(queries=[ASKED], formulas=[{"formula": "cumsum(a)"}]), "cumsum() is not"),
        (board_rig.graph("sum:lightkeeper.x{$nobody}"), "$nobody is no template variable"),
        (board_rig.graph(f"p95:{PENDING}{{*}}"), "p95 space aggregator"),
        (board_rig.graph(f"sum:{PENDING}{{"), "query: expected"),
        (
            board_rig.graph(f"sum:{PENDING}{{*}}", markers=[{"value": "3 < y < 9"}]),
            "the marker 3 < y < 9",
        ),
        (board_rig.number(f"sum:{PENDING}{{*}} by {{step}}"), "a query_value of several groups"),
        (
            board_rig.widget(type="manage_status", title="M", query="failing"),
            "`failing` in a search",
        ),
        (
            board_rig.widget(**dashboard_files.stream("S", "rum_stream", "*")),
            "a list of rum_stream",
        ),
    ],
)
def test_what_is_not_drawn_is_named(widget, why):
    """In a box where it would stand."""
    result = board_rig.drawn(board_rig.board(widget), board_rig.recorded(WAITING))
    found, state = board_rig.only(result)
    (box,) = found.findall("p[@class='refused']")

    assert "refused" == state
    assert f"not drawn: {why}" in board_rig.words(box)
    assert result.widgets[0].why in board_rig.words(box)


def test_nothing_of_a_board_or_its_data_is_markup():
    """Titles, notes, tags, events, logs, checks and monitors are text, whatever is in them."""
    events = [Entry(START, EVIL, f"{EVIL}\n{EVIL}", {"env": "test"})]
    runs = [("lightkeeper.polling", ("env:test",), 5, 2, EVIL)]
    points = [(PENDING, "gauge", ("env:test", f"step:{EVIL}"), minute, 1) for minute in range(9)]
    widgets = [
        board_rig.widget(type="note", title=EVIL, content=f"**{EVIL}** [{EVIL}](x)"),
        board_rig.graph(f"sum:{PENDING}{{$env}} by {{step}}"),
        board_rig.widget(**dashboard_files.CHECK),
        board_rig.widget(**dashboard_files.stream(EVIL, "event_stream", "$env")),
        board_rig.widget(type=EVIL, title=EVIL),
        board_rig.widget(type="manage_status", title=EVIL, query="tag:team:us"),
        dashboard_files.group((0, 0, 4, 4), EVIL),
    ]
    monitors = {"bad": {"name": EVIL, "tags": ["team:us"]}}
    board = board_rig.board(
        *widgets,
        variables=[{"name": "env", "prefix": "env", "defaults": ["test"]}, {"name": EVIL}],
        monitors=monitors,
        title=EVIL,
    )
    states = {"bad": MonitorState(Status.ALERT, START)}
    data = board_rig.recorded(points, checks=runs, events=events, monitors=states)
    html = board_rig.drawn(board, data).html

    assert "<script" not in html
    assert "alert(1)&lt;/script&gt;" in html
    assert "\x00" not in html
    assert html.encode()  # no half of a pair, which no file takes


def test_template_variables_filter_what_is_drawn():
    """By their defaults: one value, several, or all."""
    query = f"sum:{PENDING}{{$env,$step}} by {{step}}"
    env = {"name": "env", "prefix": "env", "defaults": ["test"]}
    found = {}
    for defaults in ("a",), ("a", "b"), ("*",), ("z",):
        step = {"name": "step", "prefix": "step", "defaults": list(defaults)}
        board = board_rig.board(board_rig.graph(query), variables=[env, step])
        article, _ = board_rig.only(board_rig.drawn(board, board_rig.recorded(WAITING)))
        found[defaults] = [board_rig.words(one) for one in article.iter("li")]

    both = ["a 3", "b 5"]
    assert {("a",): ["a 3"], ("a", "b"): both, ("*",): both, ("z",): []} == found


def test_widgets_stand_where_the_board_has_them():
    """On twelve columns; in a group, on as many as the group is wide."""
    inner = dashboard_files.widget(3, 2, 6, 2, type="note", content="x")
    group = dashboard_files.group((3, 4, 9, 6), "Group", inner)
    html = board_rig.drawn(board_rig.board(group), board_rig.recorded()).html

    assert 'style="grid-column:4/span 9;grid-row:5/span 6"><h2>Group</h2>' in html
    assert '<div class="grid" style="--columns:9">' in html
    assert 'style="grid-column:4/span 6;grid-row:3/span 2"' in html


def test_the_same_input_gives_the_same_bytes():
    """A page can be compared with an earlier one."""
    board = board_rig.board(*WIDGETS.values())
    pages = {board_rig.drawn(board, board_rig.recorded(WAITING)).html for _ in range(2)}

    assert 1 == len(pages)


def test_two_days_are_drawn_with_their_dates():
    """No more points than Datadog's own graphs have."""
    points = [(AGE, "gauge", ("env:test",), 10 * n, n) for n in range(6 * 48)]
    graph = board_rig.graph(f"max:{AGE}{{$env}}")
    data = board_rig.recorded(points, hours=48)
    found, _ = board_rig.only(board_rig.drawn(board_rig.board(graph), data))
    (line,) = found.iter("path")

    assert 288 == len(re.findall("[ML]", line.get("d")))
    assert "Jan 16" in board_rig.words(found)


def is_within(values):
    """A place in some JSON, by its path."""
    if isinstance(values, dict):
        return [(key, *rest) for key, one in values.items() for rest in [(), *is_within(one)]]
    if isinstance(values, list):
        return [(at, *rest) for at, one in enumerate(values) for rest in [(), *is_within(one)]]
    return []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(st.data())
def test_whatever_stands_in_a_widget_it_is_drawn_or_named(data):
    """A part of a widget is replaced by anything that JSON can hold: never a traceback."""
    import copy

    name = data.draw(st.sampled_from(sorted(WIDGETS)))
    widget = copy.deepcopy(WIDGETS[name])
    path = data.draw(st.sampled_from(is_within(widget)))
    holder = widget
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = data.draw(JSON)

    result = board_rig.drawn(board_rig.board(widget), board_rig.recorded(WAITING[:40]))

    assert {one.state for one in result.widgets} <= {"drawn", "empty", "refused"}


def test_every_kind_that_is_drawn_has_a_drawer():
    """Those that the shipped boards use, and free texts, tables and event streams."""
    assert {
        *("check_status", "event_stream", "free_text", "list_stream", "manage_status", "note"),
        *("query_table", "query_value", "slo_list", "timeseries", "toplist"),
    } == DRAWERS.keys()
