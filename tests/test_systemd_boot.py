"""The shipped units under a real systemd, installed as systemd/README.md says."""

import json
import os
import re
import shutil
import subprocess
import textwrap
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import commands
from lightkeeper.sandbox.agent import Agent
from lightkeeper.sandbox.lighthouse import Lighthouse
from systemd_box import Box, Unavailable
from whole import lines, state

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.xdist_group("box")  # it boots once
UNIT = "lightkeeper.service"
BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "systemd" / "README.md").read_text(), re.DOTALL)
PROGRAM, SETTINGS, START, LOOK, STAFF, UPGRADE, ROLL_BACK, UNINSTALL = BLOCKS
# As fast as a test wants it; all else is as shipped.
HURRY = """
    [Service]
    WatchdogSec=3
    TimeoutAbortSec=1
    RestartSec=500ms
"""


@pytest.fixture(scope="module")
def lighthouse():
    """Lighthouse on loopback, without a rate limit."""
    with Lighthouse() as running:
        yield running


@pytest.fixture(scope="module")
def agent():
    """An Agent on loopback."""
    with Agent(port=0) as running:
        yield running


@pytest.fixture(scope="module")
def host(tmp_path_factory, lighthouse, agent):
    """A host on which all was installed, and a systemd runs."""
    root = tmp_path_factory.mktemp("host")
    checkout = root / "root" / "checkout"
    shutil.copytree(ROOT / "systemd", checkout / "systemd")
    (checkout / "key.pem").write_text(lighthouse.private_key_pem)
    try:
        with Box(root) as box:
            install_program(root / "opt")
            inside(box, SETTINGS)
            (root / "etc/systemd/system/lightkeeper.service.d/datadog-agent.conf").unlink()
            hurry = root / f"etc/systemd/system/{UNIT}.d/hurry.conf"
            hurry.write_text(textwrap.dedent(HURRY))
            write_settings(box, lighthouse, agent)
            inside(box, f"systemctl daemon-reload\n{START}")
            yield box
    except Unavailable as problem:
        pytest.skip(f"systemd: {problem}")


def install_program(opt):
    """Do what the first block says, with the box's /opt/lightkeeper in the place of the host's."""
    target = opt / "lightkeeper"
    target.mkdir(parents=True)
    there = Path("/opt/lightkeeper")
    made = not there.exists()
    there.mkdir(exist_ok=True)
    python, pip = PROGRAM.splitlines()[1:]
    assert "apt-get install" in PROGRAM.splitlines()[0]
    script = f'mount --bind "$1" {there} && PATH=/usr/bin:/usr/sbin:/bin && {python} && {pip}'
    try:
        subprocess.run(
            ["unshare", "--mount", "sh", "-ec", script, "sh", target],
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"},
            check=True,
            capture_output=True,
            text=True,
        )
    finally:
        if made:
            there.rmdir()


def inside(box, script):
    """Run a block of the README in the checkout inside the box."""
    return box.run("sh", "-ec", f"cd /root/checkout\n{script}").stdout


def write_settings(box, lighthouse, agent, **more):
    """The example, filled in; and one line more for each of these."""
    example = (ROOT / "systemd" / "settings.env.example").read_text()
    given = {
        **lighthouse.environment(),
        "DD_AGENT_HOST": "127.0.0.1",
        "DD_DOGSTATSD_PORT": str(agent.port),
        "DD_ENV": "box",
        **more,
    }
    del given["LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY"]
    for name, value in given.items():
        example, count = re.subn(rf"(?m)^#?{name}=.*$", f"{name}={value}", example)
        assert 1 == count, name
    (box.root / "etc/lightkeeper/lightkeeper.env").write_text(example)


@pytest.fixture
def service(host, lighthouse, agent):
    """The service, running on the right settings; and so it is left."""
    write_settings(host, lighthouse, agent)
    key = host.root / "etc/lightkeeper/credentials/lighthouse_private_key"
    key.write_text(lighthouse.private_key_pem)
    lighthouse.latency = 0.0
    host.run("systemctl", "reset-failed", UNIT, check=False)
    host.run("systemctl", "restart", UNIT)
    return host


def staff(box, *arguments, **more):
    """Run one of the commands for staff, as the README says."""
    assert "lightkeeper status\n" == STAFF
    return box.run("/usr/local/bin/lightkeeper", *arguments, **more).stdout


def tracked(box):
    """(tracked, pending, done, failed)."""
    return tuple(map(int, re.findall(r"\d+", staff(box, "status").splitlines()[0])))


def until_done(box, count):
    """Wait until so many documents are done."""
    commands.until(lambda: tracked(box)[2] == count, seconds=30)


def hand_in(box, lighthouse, count, story="instantly_done"):
    """Hand in so many documents more, on the host, as staff do."""
    ids = lighthouse.add_many(count, story)
    staff(box, "track", "-", input=lines(ids))


def entries(box, *arguments):
    """The journal's entries of the service, as journalctl has them."""
    box.run("journalctl", "--sync")
    text = box.run("journalctl", "-u", UNIT, "-o", "json", "--no-pager", *arguments).stdout
    return [json.loads(line) for line in text.splitlines()]


def test_it_is_up_and_says_how_it_stands(service):
    """Installed by the README's commands it is active (running), with a status to read."""
    shown = service.run("systemctl", "status", UNIT).stdout

    assert "active (running)" in shown
    commands.until(lambda: re.match(r"\d+ pending", service.shows(UNIT, "StatusText")))
    assert "enabled" == service.run("systemctl", "is-enabled", UNIT).stdout.strip()


def test_documents_are_watched_and_the_store_outlives_a_restart(service, lighthouse, agent):
    """What is handed in is asked about and told; a restart forgets nothing."""
    before = tracked(service)
    hand_in(service, lighthouse, 20)
    until_done(service, before[2] + 20)
    service.run("systemctl", "restart", UNIT)

    assert before[0] + 20 == tracked(service)[0]
    assert 20 <= agent.count("lightkeeper.documents.outcomes", outcome="done", env="box")
    store = service.root / "var/lib/private/lightkeeper/lightkeeper.db"
    assert 0o600 == store.stat().st_mode & 0o777
    assert 0 != store.stat().st_uid


def test_killed_it_is_started_again(service, lighthouse):
    """SIGKILL costs a restart and nothing else."""
    before = int(service.shows(UNIT, "NRestarts"))
    service.run("systemctl", "kill", "-s", "KILL", UNIT)
    commands.until(lambda: before + 1 == int(service.shows(UNIT, "NRestarts")))
    commands.until(lambda: "active" == service.shows(UNIT, "ActiveState"))

    done = tracked(service)[2]
    hand_in(service, lighthouse, 3)
    until_done(service, done + 3)


def test_hanging_it_is_killed_and_started_again(service):
    """A process that gets nothing done feeds no watchdog."""
    before = int(service.shows(UNIT, "NRestarts"))
    service.run("systemctl", "kill", "-s", "STOP", UNIT)
    commands.until(lambda: before + 1 == int(service.shows(UNIT, "NRestarts")), seconds=15)

    commands.until(lambda: "active" == service.shows(UNIT, "ActiveState"))
    said = [each["MESSAGE"] for each in entries(service, "-n", "60")]
    assert any("Watchdog timeout" in str(message) for message in said)


def test_a_reload_takes_in_settings_and_a_new_key(service, lighthouse, agent):
    """`systemctl reload` with another key and batch size: the same process goes on with them."""
    key = service.root / "etc/lightkeeper/credentials/lighthouse_private_key"
    other = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    key.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    service.run("systemctl", "restart", UNIT)
    pid = service.shows(UNIT, "MainPID")
    key.write_text(lighthouse.private_key_pem)
    write_settings(service, lighthouse, agent, LIGHTKEEPER_BATCH_SIZE="5")
    service.run("systemctl", "reload", UNIT)
    done = tracked(service)[2]
    hand_in(service, lighthouse, 12)
    until_done(service, done + 12)

    assert pid == service.shows(UNIT, "MainPID")
    assert max(len(call.ids) for call in lighthouse.calls[-3:]) <= 5
    (entry,) = entries(service, "_PID=" + pid, "LIGHTKEEPER_EVENT=service.reloaded")
    assert ["LIGHTKEEPER_BATCH_SIZE", "LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY"] == sorted(
        json.loads(entry["CHANGED"])
    )


def test_a_reload_of_wrong_settings_changes_nothing_and_says_so(service, lighthouse, agent):
    """The old ones stay in force; the status and an error in the journal name what is wrong."""
    pid = service.shows(UNIT, "MainPID")
    write_settings(service, lighthouse, agent, LIGHTKEEPER_BATCH_SIZE="many")
    service.run("systemctl", "reload", UNIT)

    commands.until(lambda: "settings were not reloaded" in service.shows(UNIT, "StatusText"))
    (entry,) = entries(service, "-p", "err", "_PID=" + pid)
    assert ("3", "service.reload.refused") == (entry["PRIORITY"], entry["LIGHTKEEPER_EVENT"])
    assert "LIGHTKEEPER_BATCH_SIZE: " in entry["PROBLEMS"]
    assert ("active", pid) == (service.shows(UNIT, "ActiveState"), service.shows(UNIT, "MainPID"))


def test_wrong_settings_at_a_start_are_not_tried_again(service, lighthouse, agent):
    """Status 78, what is wrong in the journal, and no loop of restarts."""
    write_settings(service, lighthouse, agent, LIGHTKEEPER_BATCH_SIZE="many")

    assert 0 != service.run("systemctl", "restart", UNIT, check=False).returncode
    time.sleep(1.5)  # three times what it would take
    assert ("failed", "78", "0") == tuple(
        service.shows(UNIT, name) for name in ("ActiveState", "ExecMainStatus", "NRestarts")
    )
    said = " ".join(str(each["MESSAGE"]) for each in entries(service, "-n", "20"))
    assert "LIGHTKEEPER_BATCH_SIZE: " in said


def test_a_stop_in_mid_batch_is_quick_and_clean(service, lighthouse):
    """Thousands due, a call under way: it ends in good order, and goes on at the next start."""
    before = tracked(service)
    lighthouse.latency = 0.2
    hand_in(service, lighthouse, 5_000)
    calls = len(lighthouse.calls)
    commands.until(lambda: len(lighthouse.calls) > calls + 3)
    began_at = time.monotonic()
    service.run("systemctl", "stop", UNIT)

    assert 5 > time.monotonic() - began_at
    assert "success" == service.shows(UNIT, "Result")
    now = tracked(service)
    assert before[0] + 5_000 == now[0] == sum(now[1:])
    assert before[2] < now[2] < before[2] + 5_000
    lighthouse.latency = 0.0
    service.run("systemctl", "start", UNIT)
    until_done(service, before[2] + 5_000)


def test_the_command_works_as_the_service_does(service):
    """It finds settings, key and store, and its exit status is passed on."""
    checked = service.run("lightkeeper", "check", check=False)

    assert re.search(r"^ok +token ", checked.stdout, re.MULTILINE), checked.stdout
    assert 1 == service.run("lightkeeper", "show", "99999999999", check=False).returncode


def test_its_log_lines_are_entries_with_fields(service):
    """Priority, event and the rest, each a field of the journal's own."""
    pid = service.shows(UNIT, "MainPID")
    (entry,) = entries(service, "_PID=" + pid, "LIGHTKEEPER_EVENT=service.started")

    assert ("6", "lightkeeper", "box") == tuple(
        entry[name] for name in ("PRIORITY", "SYSLOG_IDENTIFIER", "DD_ENV")
    )


def test_the_backup_is_made_beside_the_running_daemon(service, lighthouse):
    """By the timer's service, as the daemon's user, confined; and it can be put back."""
    hand_in(service, lighthouse, 2)
    service.run("systemctl", "start", "lightkeeper-backup.service")
    folder = service.root / "var/lib/private/lightkeeper/backups"
    old, (file,) = folder / "2020-01-01T000000Z.db", folder.iterdir()
    old.touch()
    os.utime(old, (0, 0))
    time.sleep(1.1)  # names are by the second
    service.run("systemctl", "start", "lightkeeper-backup.service")

    assert tracked(service)[0] == len(state(file)[0])
    assert 2 == len(list(folder.iterdir())), "the one of years ago is gone, the newer ones are not"
    assert service.shows("lightkeeper-backup.timer", "NextElapseUSecRealtime")
    service.run("systemctl", "stop", UNIT)
    before = tracked(service)
    assert "what was there before is kept as " in staff(
        service, "restore", f"/var/lib/lightkeeper/backups/{file.name}", "--discard-newer"
    )
    service.run("systemctl", "start", UNIT)
    assert before[0] == tracked(service)[0]


PROBE = """
    import ctypes, json, mmap, os, resource, socket, sys
    from pathlib import Path

    libc = ctypes.CDLL(None, use_errno=True)

    def call(function, *arguments):
        if getattr(libc, function)(*arguments) < 0:
            raise OSError(ctypes.get_errno(), function)

    def write(path):
        Path(path).write_text("x")

    def set_user_id():
        path = Path(os.environ["STATE_DIRECTORY"], "tool")
        path.write_text("x")
        path.chmod(0o4755)

    TRIES = {
        "write /etc": lambda: write("/etc/x"),
        "write /usr": lambda: write("/usr/x"),
        "write /opt": lambda: write("/opt/lightkeeper/x"),
        "write /var/lib": lambda: write("/var/lib/x"),
        "read /home": lambda: Path("/home/veteran/letter.txt").read_text(),
        "read /root": lambda: os.listdir("/root"),
        "read the key where root keeps it": lambda: os.listdir("/etc/lightkeeper/credentials"),
        "write the key it was given": lambda: write(
            os.environ["CREDENTIALS_DIRECTORY"] + "/lightkeeper_lighthouse_private_key"
        ),
        "become root": lambda: os.setuid(0),
        "make a program that becomes another": set_user_id,
        "mount": lambda: call("mount", b"none", b"/old", b"tmpfs", 0, None),
        "trace process 1": lambda: call("ptrace", 0x4206, 1, 0, 0),
        "signal process 1": lambda: os.kill(1, 0),
        "look at process 1": lambda: Path("/proc/1/cmdline").read_text(),
        "open a raw socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
        "run what it wrote": lambda: mmap.mmap(
            -1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
        ),
        "set the clock": lambda: call("adjtimex", ctypes.create_string_buffer(b"\\1", 400)),
        "raise a limit": lambda: resource.setrlimit(resource.RLIMIT_CORE, (1, 1)),
        "make a namespace": lambda: call("unshare", 0x10000000),  # what comes after has less
    }
    done = []
    for name, attempt in TRIES.items():
        try:
            name in sys.argv or attempt()
        except (OSError, ValueError):
            continue
        if name not in sys.argv:
            done.append(name)
    lines = Path("/proc/self/status").read_text().splitlines()
    status = dict(line.split(":\\t") for line in lines)
    key = Path(os.environ["CREDENTIALS_DIRECTORY"], "lightkeeper_lighthouse_private_key")
    found = {
        "done": done,
        "tried": sorted(TRIES),
        "key": key.read_text().startswith("-----BEGIN"),
        "core": resource.getrlimit(resource.RLIMIT_CORE),
        "user": os.getuid(),
        **{name: status[name] for name in ("CapEff", "CapBnd", "NoNewPrivs", "Seccomp")},
    }
    Path(os.environ["STATE_DIRECTORY"], "probe.json").write_text(json.dumps(found))
"""


def test_it_can_do_nothing_but_its_work(service):
    """What runs under the unit's confinement writes its state, reads its key, and nothing else."""
    service.run("systemctl", "stop", UNIT)
    probe = service.root / "opt/lightkeeper/probe.py"
    probe.write_text(textwrap.dedent(PROBE))
    hurry = service.root / f"etc/systemd/system/{UNIT}.d/probe.conf"
    hurry.write_text(
        "[Service]\nType=oneshot\nRestart=no\nWatchdogSec=0\nExecStart=\n"
        "ExecStart=/opt/lightkeeper/bin/python /opt/lightkeeper/probe.py\n"
    )
    try:
        service.run("systemctl", "daemon-reload")
        service.run("systemctl", "start", UNIT)
        found = json.loads((service.root / "var/lib/private/lightkeeper/probe.json").read_text())
    finally:
        hurry.unlink()
        service.run("systemctl", "daemon-reload")

    # Outside the unit nearly all of it can be done: what is refused is refused by the unit.
    harmful = ["set the clock", "write /usr"]  # the box's /usr is this host's
    service.run(
        *("env", "STATE_DIRECTORY=/tmp", "CREDENTIALS_DIRECTORY=/tmp/credentials", "sh", "-ec"),
        "mkdir /tmp/credentials; cd /etc/lightkeeper/credentials; "
        "cp lighthouse_private_key /tmp/credentials/lightkeeper_lighthouse_private_key; "
        "cd /; "
        'exec /opt/lightkeeper/bin/python /opt/lightkeeper/probe.py "$@"',
        *("sh", *harmful),
        check=False,
    )
    free = json.loads(service.run("cat", "/tmp/probe.json").stdout)
    assert set(found["tried"]) - {*harmful} == set(free["done"])
    assert 0 != found.pop("user")
    assert found.pop("tried")
    assert {
        "done": [],
        "key": True,
        "core": [0, 0],
        "CapEff": "0" * 16,
        "CapBnd": "0" * 16,
        "NoNewPrivs": "1",
        "Seccomp": "2",
    } == found


def test_uninstalled_it_leaves_the_data(service):
    """Nothing runs any more, no unit is left; store, settings and key are where they were."""
    documents = tracked(service)[0]
    inside(service, UNINSTALL)

    assert "inactive" == service.run("systemctl", "is-active", UNIT, check=False).stdout.strip()
    assert "not-found" == service.shows(UNIT, "LoadState")
    assert not (service.root / "opt/lightkeeper").exists()
    assert 0 != service.run("test", "-e", "/usr/local/bin/lightkeeper", check=False).returncode
    assert (service.root / "etc/lightkeeper/credentials/lighthouse_private_key").exists()
    assert documents
    assert (service.root / "var/lib/private/lightkeeper/lightkeeper.db").stat().st_size > 0
