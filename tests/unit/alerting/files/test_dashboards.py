"""Files of dashboards: what cannot be read is named with its place."""

import json

import pytest
from dashboard_files import board, written

from lightkeeper.alerting.files.dashboards import load_dashboards
from lightkeeper.alerting.files.definitions import BadDefinition


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("key", "other", "key: [wrapper] write the file's name: one"),
        ("owner", " ", "owner: [wrapper] missing or wrong: give it a text"),
        ("payload", [], "payload: [wrapper] missing or wrong: give it an object"),
        ("pages", "On-call", "pages: [wrapper] unknown: write one of"),
        ("silence", {"grid": ""}, "silence.grid: [wrapper] give the reason"),
        ("payload", {"title": "${nothing}"}, "payload.title: [variable]"),
    ],
)
def test_a_wrapper_is_complete_and_holds_nothing_else(tmp_path, name, value, words):
    """Keys missing, wrong or unknown around a payload are named."""
    folders = written(tmp_path, {**board(), name: value})

    with pytest.raises(BadDefinition, match=r"one\.json") as caught:
        load_dashboards(*folders)

    assert words in str(caught.value)
    assert 1 == caught.value.exit_status


def test_a_folder_without_dashboards_is_a_mistake(tmp_path):
    """A wrong folder, an empty one and files without JSON are mistakes, all reported at once."""
    folder, monitors = written(tmp_path, board())
    with pytest.raises(BadDefinition, match="no such folder"):
        load_dashboards(tmp_path / "nowhere", monitors)

    (folder / "one.json").write_text("{")
    (folder / "two.json").write_text("[]")
    with pytest.raises(BadDefinition) as caught:
        load_dashboards(folder, monitors)
    assert 2 == len(str(caught.value).splitlines())

    (folder / "one.json").unlink()
    (folder / "two.json").unlink()
    with pytest.raises(BadDefinition, match="holds no dashboard"):
        load_dashboards(folder, monitors)


BOARD = board()["payload"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (BOARD, "this is a dashboard as Datadog exports it: write it as `payload`"),
        ({"dashboard": BOARD}, "inside `dashboard`: write its dashboard as `payload`"),
        ({"data": {"attributes": BOARD}}, "API: write its data.attributes as `payload`"),
        ([BOARD, BOARD], "one of 2: write each into a file of its own, its [0] as `payload`"),
        ({"definition": json.dumps(BOARD)}, "write the object in its definition as `payload`"),
    ],
)
def test_an_exported_dashboard_is_named_as_that(tmp_path, given, said):
    """Bare or wrapped, it is met with what to do, not with a missing key."""
    folders = written(tmp_path, given)

    with pytest.raises(BadDefinition) as caught:
        load_dashboards(*folders)

    assert "payload: [wrapper] this is a dashboard " in str(caught.value)
    assert said in str(caught.value)
    assert str(caught.value).endswith("beside key, description, owner")
