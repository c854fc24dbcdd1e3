"""What is installed is the package, whole and alone, and its command works."""

import configparser
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("wheel")  # which is built once
ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "daemon"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DEFINITIONS = Path("lightkeeper", "definitions")
METADATA = f"lightkeeper-{PROJECT['project']['version']}.dist-info"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The contents of a freshly built wheel, unpacked as an installer would."""
    built, unpacked = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("unpacked")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", built]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr
    (wheel,) = built.iterdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    return unpacked


def test_the_wheel_holds_the_package_and_nothing_else(installed):
    """Package, monitors, dashboards and the monitors' tests; no other test, tool or module."""
    folders = {
        SOURCE / "lightkeeper": Path("lightkeeper"),
        ROOT / "monitors": DEFINITIONS / "monitors",
        ROOT / "dashboards": DEFINITIONS / "dashboards",
        ROOT / "tests" / "monitors": DEFINITIONS / "tests" / "monitors",
    }
    expected = {
        place / path.relative_to(folder)
        for folder, place in folders.items()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    paths = {path.relative_to(installed) for path in installed.rglob("*") if path.is_file()}
    metadata = {path for path in paths if path.parts[0] == METADATA}
    assert expected == paths - metadata
    assert {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "LICENSE"} == {
        path.name for path in metadata
    }


def test_the_command_works_from_the_wheel(installed, tmp_path):
    """The entry point is there, and `--help` answers from the code in the wheel."""
    entry_points = configparser.ConfigParser()
    entry_points.read(installed / METADATA / "entry_points.txt")
    module, function = entry_points["console_scripts"]["lightkeeper"].split(":")

    where = _python(
        installed, tmp_path, "-c", f"import {module} as m; m.{function}; print(m.__file__)"
    )
    usage = _python(installed, tmp_path, "-m", "lightkeeper", "--help")

    assert str(installed / "lightkeeper" / "__main__.py") == where.strip()
    assert "Usage: " in usage


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("monitors check", "monitors, 3 SLOs: no problem (environments: production, staging)"),
        ("monitors print documents-stuck --env staging", "monitor_key:staging/documents-stuck"),
        ("monitors print documents-stuck", "documents-stuck"),
        ("monitors print --format terraform", '"datadog_dashboard_json": {'),
        ("dashboards check", "2 dashboards: no problem"),
        ("drill unknown-step", "| unknown-step |"),
    ],
)
def test_monitors_dashboards_and_drills_work_from_the_wheel(installed, tmp_path, line, says):
    """In a folder with nothing in it, the definitions that came along are used."""
    assert says in _python(installed, tmp_path, "-m", "lightkeeper", *line.split())


def test_a_copy_of_the_monitors_is_tested_with_the_tests_beside_it(installed, tmp_path):
    """Where there are none beside it, with those that came along; a monitor without is named."""
    slow = shutil.ignore_patterns("*standstill.json")  # two monitors take most of the time
    shutil.copytree(ROOT / "monitors", tmp_path / "copy" / "monitors", ignore=slow)
    test = ("-m", "lightkeeper", "monitors", "test")
    assert "documents-slow.yaml: " in _python(installed, tmp_path / "copy", *test)

    beside = tmp_path / "copy" / "tests" / "monitors"
    beside.mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "monitors" / "documents-stuck.yaml", beside)
    said = _python(installed, tmp_path, *test, "--folder", "copy/monitors", status=1)
    assert f"{beside}/documents-stuck.yaml: " in said
    assert "documents-slow: no tests FAILED" in said


def test_the_build_backend_is_the_pinned_one():
    """A wheel built elsewhere and one built here come from the same version of the backend."""
    pins = (ROOT / ".ci" / "constraints.txt").read_text().splitlines()

    (backend,) = PROJECT["build-system"]["requires"]
    assert backend in pins


def _python(path: Path, cwd: Path, *arguments: str, status: int = 0) -> str:
    """Run Python somewhere else, with `path` before all that is installed here."""
    environment = os.environ | {"PYTHONPATH": str(path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert status == done.returncode, done.stderr
    return done.stdout
