"""The shape of payloads, held against a library for JSON Schema."""

import copy
import json
from importlib.resources import files
from pathlib import Path

import dashboard_files
import jsonschema
import pytest

from lightkeeper.alerting.files.definitions import load
from lightkeeper.alerting.files.payload_schema import DASHBOARD, MONITOR, SLO, mistakes

SHIPPED = Path(__file__).parents[4] / "monitors"
ODD = [None, 7, -1.5, "odd", [], {"odd": 1}]


def changes(given):
    """The value with each part of it taken out, or replaced by something odd, in turn."""
    items = given.items() if isinstance(given, dict) else enumerate(given)
    for key, one in items:
        for odd in (*ODD, KeyError):
            changed = copy.copy(given)
            if odd is KeyError:
                del changed[key]
            else:
                changed[key] = odd
            yield changed
        if isinstance(one, dict | list):
            for inner in changes(one):
                changed = copy.copy(given)
                changed[key] = inner
                yield changed


def samples():
    """Payloads of each kind: of a monitor, an SLO, and widgets with their requests."""
    shipped = load(SHIPPED)
    yield MONITOR, shipped.monitors["heartbeat-missing"].payload
    yield SLO, shipped.slos["documents-outcome"].payload
    for widget in dashboard_files.board()["payload"]["widgets"][1:]:
        one = widget["definition"]["widgets"][0]
        yield DASHBOARD, {"title": "t", "layout_type": "ordered", "widgets": [one]}


@pytest.mark.parametrize(("kind", "payload"), list(samples()))
def test_a_library_for_json_schema_agrees(kind, payload):
    """Whatever is taken out of a payload or put into it, both find it right, or both wrong."""
    text = files("lightkeeper.alerting.files").joinpath("datadog.schema.json").read_text()
    judge = jsonschema.Draft202012Validator({**json.loads(text), "$ref": f"#/$defs/{kind}"})

    assert [] == list(mistakes(kind, payload))
    for changed in changes(payload):
        assert judge.is_valid(changed) is (not any(mistakes(kind, changed))), changed
