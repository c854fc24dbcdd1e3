"""A small faultless dashboard, and a folder to write it into, for tests to break."""

import copy
import json

import definition_files


def widget(x, y, width, height, **definition):
    """Something at its place on the grid."""
    layout = {"x": x, "y": y, "width": width, "height": height}
    return {"layout": layout, "definition": definition}


def group(at, title, *inner):
    """A group of widgets."""
    return widget(*at, type="group", layout_type="ordered", title=title, widgets=list(inner))


def requests_of(query, form, **more):
    """A request of one query and its formula."""
    one = {"data_source": "metrics", "name": "a", "query": query}
    if form == "scalar":
        one["aggregator"] = "last"
    formula = {"formula": "a", "alias": "documents"}
    return [{"response_format": form, "queries": [one], "formulas": [formula], **more}]


STUCK = "sum:lightkeeper.documents.stuck{$env,$document_type}"


ENDED = "sum:lightkeeper.documents.outcomes{$env,$document_type} by {step}.as_count()"


AGE = "max:lightkeeper.documents.oldest_pending_age{$env,$document_type}"


TOOK = "avg:lightkeeper.documents.processing_time{$env,$document_type}"


NOTE = {"type": "note", "content": "See the [Runbook](${runbook_url})."}


CHECK = {
    "type": "check_status",
    "title": "Polling",
    "check": "lightkeeper.polling",
    "grouping": "cluster",
    "tags": ["$env"],
}


MONITORS = {"type": "manage_status", "title": "Monitors", "query": "tag:$env tag:team:${team}"}


NUMBER = {
    "type": "query_value",
    "title": "Stuck",
    "timeseries_background": {"type": "area"},
    "requests": requests_of(STUCK, "scalar"),
}


VARIABLES = [
    {"name": "env", "prefix": "env", "defaults": ["${env}"]},
    {
        "name": "document_type",
        "prefix": "document_type",
        "available_values": ["form_0781"],
        "defaults": ["*"],
    },
]


def graph(title, query, draw, x=0):
    """A timeseries, four columns wide."""
    requests = requests_of(query, "timeseries", display_type=draw)
    return widget(x, 0, 4, 2, type="timeseries", title=title, requests=requests)


def stream(title, source, query):
    """A list of events or logs."""
    searched = {"data_source": source, "query_string": query}
    return {
        "type": "list_stream",
        "title": title,
        "requests": [{"columns": [], "query": searched, "response_format": "event_list"}],
    }


def slo_list(query):
    """A list of SLOs."""
    asked_for = {"query": {"query_string": query}, "request_type": "slo_list"}
    return {"type": "slo_list", "title": "Objectives", "requests": [asked_for]}


def board():
    """A small faultless dashboard in its wrapper."""
    payload = {
        "title": "A board",
        "layout_type": "ordered",
        "reflow_type": "fixed",
        "tags": ["team:${team}"],
        "template_variables": VARIABLES,
        "widgets": [
            group((0, 0, 3, 6), "About", widget(0, 0, 3, 5, **NOTE)),
            group(
                (3, 0, 9, 6),
                "Overview",
                widget(0, 0, 3, 2, **NUMBER),
                widget(3, 0, 3, 2, **CHECK),
                widget(0, 2, 5, 3, **MONITORS),
                widget(5, 2, 4, 3, **slo_list("$env AND team:${team}")),
            ),
            group(
                (0, 6, 12, 3),
                "Steps",
                graph("Ended", ENDED, "bars"),
                graph("Late", STUCK, "area", x=4),
                graph("Oldest", AGE, "line", x=8),
            ),
            group((0, 9, 12, 3), "Times", graph("Processing", TOOK, "line")),
            group(
                (0, 12, 12, 5),
                "Streams",
                widget(0, 0, 6, 4, **stream("Events", "event_stream", "$env $document_type")),
                widget(6, 0, 6, 4, **stream("Logs", "logs_stream", "$env status:error")),
            ),
        ],
    }
    return copy.deepcopy(
        {"key": "one", "description": "It.", "owner": "us", "silence": {}, "payload": payload}
    )


def written(tmp_path, given):
    """Write one dashboard beside a faultless set of monitors; both folders."""
    monitors = tmp_path / "monitors"
    if not monitors.exists():
        definition_files.write(monitors, definition_files.definitions())
    folder = tmp_path / "dashboards"
    folder.mkdir(exist_ok=True)
    (folder / "one.json").write_text(json.dumps(given))
    return folder, monitors
