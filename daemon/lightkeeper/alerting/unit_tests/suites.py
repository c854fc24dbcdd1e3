"""Reads files of unit tests of monitors: strictly, and every mistake of a file at once."""

from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from lightkeeper.alerting.errors import AlertingError, Problem
from lightkeeper.alerting.files.reading import BadDefinition, refuse_endless
from lightkeeper.alerting.files.variables import resolve
from lightkeeper.alerting.unit_tests.cases import (
    Case,
    ExpectedChange,
    ExpectedNotification,
    SentSeries,
    Suite,
)


class BadTests(AlertingError):
    """A file of unit tests that cannot be read, or that tests what cannot happen."""


def load_suite(path: Path, variables: dict[str, Any]) -> Suite:
    """Read a file; `${name}` stands for a variable. Raises BadTests with all that is wrong."""
    try:
        return Suite.model_validate(_Loader(path, variables).get_single_data())
    except (OSError, UnicodeDecodeError) as exc:
        raise BadTests(str(Problem(str(path), "file", "file", f"cannot be read: {exc}"))) from exc
    except RecursionError as exc:
        said = "is nested too deeply"
        raise BadTests(str(Problem(str(path), "file", "yaml", said))) from exc
    except yaml.YAMLError as exc:
        said = " ".join(str(exc).split()).replace(' in "<unicode string>",', "")
        raise BadTests(str(Problem(str(path), "file", "yaml", said))) from exc
    except BadDefinition as exc:
        raise BadTests(str(exc)) from exc
    except ValidationError as exc:
        problems = (_problem(path, one) for one in exc.errors())
        raise BadTests("\n".join(map(str, problems))) from exc


class _Loader(yaml.BaseLoader):
    """Leaves all scalars text: to YAML 1.1, 0x10 is 16 and 1:30 is 90. Refuses repeated keys."""

    def __init__(self, path: Path, variables: dict[str, Any]) -> None:
        refuse_endless(path)
        super().__init__(path.read_text(encoding="utf-8"))
        self._path = path
        self._variables = variables

    def construct_scalar(self, node: yaml.ScalarNode) -> Any:
        where = f"{self._path}: line {node.start_mark.line + 1}"
        return resolve(super().construct_scalar(node), self._variables, where)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        found = super().construct_mapping(node, deep)
        if len(found) < len(node.value):
            said = "a key stands twice in one mapping: keep one"
            raise yaml.constructor.ConstructorError(None, None, said, node.start_mark)
        return found


_RULES: Final = {
    "missing": ("missing-key", "this key is needed"),
    "model_type": ("wrong-type", "write keys with values, as key: value"),
    "dict_type": ("wrong-type", "write keys with values, as key: value"),
    "list_type": ("wrong-type", "write a list, - a line or [one, another]"),
    "string_type": ("wrong-type", "write a text"),
}
_MODELS: Final[dict[str, type[BaseModel]]] = {
    "tests": Case,
    "series": SentSeries,
    "transitions": ExpectedChange,
    "notifications": ExpectedNotification,
}


def _problem(path: Path, error: ErrorDetails) -> Problem:
    place = ""
    for step in error["loc"]:
        place += f"[{step}]" if isinstance(step, int) else f".{step}".replace(".[key]", "")
    rule, said = _RULES.get(error["type"], (error["type"].replace("_", "-"), error["msg"]))
    if error["type"] == "extra_forbidden":
        above = [step for step in error["loc"][:-1] if isinstance(step, str)]
        keys = (_MODELS[above[-1]] if above else Suite).model_fields
        rule, said = "unknown-key", f"write one of {', '.join(keys)}"
    return Problem(str(path), place.lstrip(".") or "file", rule, said)
