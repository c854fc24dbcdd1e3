"""The shipped units: understood by systemd, confined, explained, and their settings all listed."""

import re
import shutil
import subprocess
from pathlib import Path

import generated_docs
import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "systemd"
UNITS = sorted(path for path in SHIPPED.glob("lightkeeper*") if path.is_file())
SERVICES = [path for path in UNITS if path.suffix == ".service"]
MOST_EXPOSED = 15
"""In tenths, as `systemd-analyze security --threshold` takes it."""

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze: apt-get install systemd"
)


@pytest.fixture
def units(tmp_path):
    """A folder with the units and drop-ins, the program in them one that is on every host."""
    folder = tmp_path / "units"
    shutil.copytree(SHIPPED, folder)
    for path in folder.rglob("*"):
        if path.is_file():
            path.write_text(
                path.read_text().replace("/opt/lightkeeper/bin/lightkeeper", "/bin/true")
            )
    return folder


def analyze(*arguments):
    """Run systemd-analyze."""
    command = ["systemd-analyze", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", [path.name for path in UNITS])
def test_systemd_accepts_a_unit(units, name):
    """Every key is known and every value fits; so it is with the example of a drop-in."""
    done = analyze("verify", units / name)

    assert (0, "") == (done.returncode, done.stderr)


def test_systemd_refuses_a_mistyped_key(units):
    """A key that is mistyped, also in the drop-in, is found."""
    drop_in = units / "lightkeeper.service.d" / "datadog-agent.conf"
    drop_in.write_text(drop_in.read_text().replace("After=", "Aftr="))

    assert "Aftr" in analyze("verify", units / "lightkeeper.service").stderr


@pytest.mark.parametrize("name", [path.name for path in SERVICES])
def test_a_service_is_hardly_exposed(units, name):
    """systemd rates it 1.5 of 10 or below; without its restrictions it does not."""
    unit = units / name
    measure = ("security", "--offline=true", f"--threshold={MOST_EXPOSED}")

    assert 0 == analyze(*measure, unit).returncode
    unit.write_text(re.sub(r"(?m)^(Private|Protect|Restrict)\w+=.*$", "", unit.read_text()))
    assert 0 != analyze(*measure, unit).returncode


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_each_choice_of_a_unit_is_explained(path):
    """Each group of settings stands below a comment that explains it."""
    explained = False
    for line in path.read_text().splitlines():
        if line.startswith("#"):
            explained = True
        elif not line:
            explained = False
        elif not line.startswith(("[", "Description=", "Documentation=", "WantedBy=", "  ")):
            assert explained, line


def test_the_others_are_as_confined_as_the_service():
    """Their restrictions are the service's; the backup has no network, and the API may listen."""
    ours, backup, web, *others = (
        {
            line
            for line in (SHIPPED / f"lightkeeper{name}.service")
            .read_text()
            .split("# Root's powers")[1]
            .splitlines()
            if re.match(r"\w+=", line) and not line.startswith("WantedBy=")
        }
        for name in ("", "-backup", "-web", "-drift", "-maintenance")
    )

    assert {"RestrictAddressFamilies=AF_UNIX", "PrivateNetwork=yes"} == backup - ours
    assert {"RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6"} == ours - backup
    assert (set(), {"SystemCallFilter=~bind listen accept accept4"}) == (web - ours, ours - web)
    assert [ours, ours] == others


def test_the_api_sees_no_key_to_lighthouse():
    """Where a reload puts it is below a folder that stays when the daemon stops, and is hidden."""
    daemon, web = ((SHIPPED / f"lightkeeper{name}.service").read_text() for name in ("", "-web"))
    (folder,) = re.findall(r"(?m)^RuntimeDirectory=(\S+)$", daemon)
    stays, _, _ = folder.rpartition("/")

    assert stays
    assert [f"/run/{stays}:ro"] == re.findall(r"(?m)^TemporaryFileSystem=(.*)$", web)
    assert {f"/run/{folder}"} == set(re.findall(r"/run/[\w/-]+", daemon.split("[Service]")[1])) - {
        f"/run/{stays}"
    }
    assert [] == re.findall(r"(?m)^LoadCredential=.*(?:lighthouse|credentials)$", web)


def test_the_comparison_has_the_keys_of_datadog_alone():
    """It has none of the daemon's secrets, user and store, nor has the daemon its keys."""
    holds = re.compile(r"(?m)^(LoadCredential|User|StateDirectory)=(.*)$")
    ours, drift = (
        dict(holds.findall((SHIPPED / name).read_text()))
        for name in ("lightkeeper.service", "lightkeeper-drift.service")
    )

    assert set() == set(ours.values()) & set(drift.values())
    assert "StateDirectory" not in drift


def test_the_example_lists_every_setting():
    """It is systemd/README.md's table of settings; `make reference` brings it up to date."""
    assert generated_docs.env_example() == generated_docs.ENV_EXAMPLE.read_text()


def test_starts_that_fail_leave_the_log_short():
    """Each leaves a line: below 3,000 a day, also where each gives up after a moment."""
    unit = (SHIPPED / "lightkeeper.service").read_text()
    (pause,) = re.findall(r"(?m)^RestartSec=(\d+)$", unit)

    assert 86_400 / int(pause) < 3_000
