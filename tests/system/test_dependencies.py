"""What we stand on: each package pinned, each licence known."""

import importlib.metadata
from pathlib import Path

import pytest

CI = Path(__file__).parents[2] / ".ci"


def listed(name: str, separator: str) -> dict[str, str]:
    """What a file of ours says of each package."""
    lines = (CI / name).read_text().splitlines()
    pairs = [line.split(separator, 1) for line in lines if line and not line.startswith("#")]
    return {package: word.strip() for package, word in pairs}


PINS = listed("constraints.txt", "==")
LICENCES = listed("licences.txt", ":")
# They put no terms on running the daemon; LIBRARIES (LGPL) ask that another version can take
# their place, as it can: they are used as they are published, and not changed.
DELIVERABLE = {"MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "PSF-2.0", "MIT-0", "MPL-2.0"}
LIBRARIES = {"psycopg", "psycopg-binary"}


def needed(package: str, extra: str = "") -> set[str]:
    """The packages that one needs at run time, and those that they need."""
    found: set[str] = set()
    for line in importlib.metadata.requires(package) or []:
        from packaging.requirements import Requirement

        one = Requirement(line)
        if one.marker is None or one.marker.evaluate({"extra": extra}):
            found |= {one.name.lower().replace("_", "-")}
            for more in ("", *one.extras):
                found |= needed(one.name, more)
    return found


def test_every_package_that_is_installed_is_pinned():
    """A version that is not written down could be another one tomorrow."""
    own = {"lightkeeper", "pip", "setuptools"}
    installed = {each.name: each.version for each in importlib.metadata.distributions()}

    assert PINS.items() >= {name: v for name, v in installed.items() if name not in own}.items()


def test_every_licence_is_listed_as_the_package_has_it():
    """Each package's licence is known before it is added."""
    stated = {name: importlib.metadata.metadata(name).get("License-Expression") for name in PINS}

    assert list(PINS) == list(LICENCES)
    assert {} == {
        name: stated for name, stated in stated.items() if stated and stated != LICENCES[name]
    }


@pytest.mark.parametrize("extra", ["", "postgres", "tracing"])
def test_the_licences_of_what_the_daemon_runs_are_permissive(extra):
    """Nothing that runs in the daemon puts terms on those who run it."""
    names = {name.lower().replace("_", "-"): licence for name, licence in LICENCES.items()}

    for name in needed("lightkeeper", extra):
        words = set(names[name].replace("(", "").replace(")", "").split()) - {"AND", "OR"}
        library = {"LGPL-3.0-only"} if name in LIBRARIES else set()
        assert words <= DELIVERABLE | {"LicenseRef-not-stated"} | library, name
