"""Payloads written as one file an object: only into a folder that holds nothing else."""

import json

import pytest

from lightkeeper.alerting.files.markers import tagged
from lightkeeper.alerting.files.printed import InTheWay, Unwritable, write


def payloads(*keys, env="test"):
    """Marked payloads by the names of their files."""
    return {f"{key}.json": tagged({"name": f"ü {key}"}, env, key.split("/")[-1]) for key in keys}


def contents(folder):
    """Every file's bytes by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}


def test_the_same_payloads_give_the_same_bytes(tmp_path):
    """A file an object, in new folders; a second time nothing changes."""
    folder = tmp_path / "new" / "out"
    write(folder, payloads("a", "slos/b"))
    once = contents(folder)
    write(folder, payloads("a", "slos/b"))

    assert {"a.json", "slos/b.json"} == once.keys()
    assert payloads("a")["a.json"] == json.loads(once["a.json"])
    assert "ü a".encode() in once["a.json"]
    assert once == contents(folder)


def test_what_is_no_longer_there_is_removed(tmp_path):
    """The folder then holds what was printed, and nothing of an earlier time."""
    write(tmp_path, payloads("a", "b", "slos/c"))
    write(tmp_path, payloads("a"))

    assert {"a.json"} == contents(tmp_path).keys()


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("README.md", "# Mine", "README.md: was not written by this command"),
        ("a.json", '{"name": "mine"}', "a.json: was not written by this command"),
        ("a.json", "", "a.json: was not written by this command"),
        ("sub/z.json", "[]", "z.json: was not written by this command"),
        (".env", "KEY=1", ".env: was not written by this command"),
        ("b.json", json.dumps(payloads("b", env="staging")["b.json"]), "is of the environment st"),
    ],
)
def test_a_folder_of_something_else_is_refused_and_left_as_it_is(tmp_path, name, text, words):
    """Also of another environment; the message names the file."""
    write(tmp_path, payloads("a2"))
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    before = contents(tmp_path)

    with pytest.raises(InTheWay, match=words) as caught:
        write(tmp_path, payloads("a"))

    assert 73 == caught.value.exit_status
    assert before == contents(tmp_path)


def test_what_cannot_be_written_is_named(tmp_path):
    """A file in the folder's place is in the way; one above it cannot be written below."""
    file = tmp_path / "file"
    file.write_text("mine")

    with pytest.raises(InTheWay, match="is no folder"):
        write(file, payloads("a"))
    with pytest.raises(Unwritable, match="file/below: Not a directory") as caught:
        write(file / "below", payloads("a"))
    assert 74 == caught.value.exit_status
