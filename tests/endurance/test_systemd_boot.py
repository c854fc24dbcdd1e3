"""The shipped units under a real systemd, installed as systemd/README.md says."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import textwrap
import time
from contextlib import closing
from pathlib import Path

import command_line
import psycopg
import pytest
import secret_leaks
import vets_api_table
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from patience import at_most
from store_summary import json_lines, pending_and_unpublished, summary
from systemd_box import Box, SystemdUnavailable

from lightkeeper.simulation.agent.server import SimulatedAgent
from lightkeeper.simulation.datadog.server import SimulatedDatadog
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.xdist_group("box")  # it boots once
TUNED = [
    Path("/proc/sys", name)
    for name in ("net/unix/max_dgram_qlen", "kernel/core_pattern", "fs/nr_open", "fs/file-max")
]
BEFORE = [path.read_text() for path in TUNED if path.exists()]
UNIT, API_UNIT = "lightkeeper.service", "lightkeeper-web.service"
API_TOKENS = "/var/lib/lightkeeper/api-tokens"
README = (ROOT / "systemd" / "README.md").read_text()


def block(begins):
    """The only block of the README that begins with these words."""
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    (found,) = (each for each in blocks if each.startswith(begins))
    return found


PROGRAM = block("apt-get install")
SETTINGS = block("install -D -m 644 systemd/settings.env.example")
START = block("systemctl enable --now lightkeeper.service")
API = block("/opt/lightkeeper/bin/pip install")
LOOK = block("systemctl status lightkeeper")
STAFF = block("lightkeeper status")
TELL = block("systemctl start lightkeeper-maintenance.service")
FOLLOW = block("install -m 600 follow_source_url")
UPGRADE = block("systemctl start lightkeeper-backup")
ROLL_BACK = block("systemctl stop lightkeeper")
DRIFT = block("install -d -m 700 /etc/lightkeeper/datadog")
UNINSTALL = block("systemctl disable --now lightkeeper.service")
# As fast as a test wants it; all else is as shipped.
HURRY = """
    [Service]
    WatchdogSec=10
    TimeoutAbortSec=1
    RestartSec=500ms
"""


@pytest.fixture(scope="module")
def lighthouse():
    """Lighthouse on loopback, without a rate limit."""
    with SimulatedLighthouse() as running:
        yield running


@pytest.fixture(scope="module")
def agent(host):
    """An Agent where the example says it is, its socket as writable as the Agent makes it."""
    folder = host.path("/run/datadog")
    folder.mkdir()
    with SimulatedAgent(port=None, socket_path=folder / "dsd.socket") as running:
        running.socket_path.chmod(0o722)
        yield running


@pytest.fixture(scope="module")
def host(tmp_path_factory, lighthouse):
    """A host on which all was installed, and a systemd runs; nothing is left of it."""
    root = tmp_path_factory.mktemp("host")
    checkout = root / "root" / "checkout"
    shutil.copytree(ROOT / "systemd", checkout / "systemd")
    (checkout / "key.pem").write_text(lighthouse.private_key_pem)
    try:
        with Box(root) as box:
            install_program(root)
            inside(box, SETTINGS)
            hurry = root / f"etc/systemd/system/{UNIT}.d/hurry.conf"
            hurry.write_text(textwrap.dedent(HURRY))
            write_settings(box, lighthouse)
            inside(box, f"systemctl daemon-reload\n{START}")
            yield box
            said = box.run("journalctl", "--no-pager", "-o", "cat").stdout
            secret_leaks.refuse(said, "the journal")
    except SystemdUnavailable as problem:
        pytest.skip(f"systemd: {problem}")
    finally:
        shutil.rmtree(root)


def install_program(root):
    """Do what the first block says, with the box's /opt/lightkeeper in the place of the host's."""
    (root / "opt/lightkeeper").mkdir()
    needed, python, pip = PROGRAM.splitlines()
    for_the_api, *_ = API.splitlines()
    assert "apt-get install" in needed
    # Mounts that no other process sees; the rest of /opt stays, for pip may be told to look there.
    script = f"""
        mount --bind /opt "$1/old"
        mount -t tmpfs tmpfs /opt
        ln -s "$1"/old/* /opt/
        rm -f /opt/lightkeeper
        mkdir /opt/lightkeeper
        mount --bind "$1/opt/lightkeeper" /opt/lightkeeper
        {python}
        {pip}
        {for_the_api}
    """
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", script, "sh", root],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
        | {"PATH": "/usr/bin:/usr/sbin:/bin"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert 0 == done.returncode, done.stdout + done.stderr


def inside(box, script):
    """Run a block of the README in the checkout inside the box."""
    return box.run("sh", "-ec", f"cd /root/checkout\n{script}").stdout


def write_settings(box, lighthouse, **more):
    """The example, filled in; and one line more for each of these."""
    example = (ROOT / "systemd" / "settings.env.example").read_text()
    given = {
        **lighthouse.environment(),
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
    """The service, running on the right settings."""
    write_settings(host, lighthouse)
    key = host.root / "etc/lightkeeper/credentials/lighthouse_private_key"
    key.write_text(lighthouse.private_key_pem)
    lighthouse.latency = 0.0
    host.run("systemctl", "reset-failed", UNIT, check=False)
    host.run("systemctl", "restart", UNIT)
    return host


def staff(box, *arguments, **more):
    """Run one of the commands for staff, as the README says."""
    assert "lightkeeper status\n" == STAFF
    # From root's home, where the service's user may not go.
    there = ("sh", "-c", 'cd /root && exec /usr/local/bin/lightkeeper "$@"', "sh")
    return box.run(*there, *arguments, **more).stdout


def serve_api(box, lighthouse, caller):
    """Serve the API beside the daemon, to a caller of that name."""
    write_settings(box, lighthouse, LIGHTKEEPER_API_TOKENS_FILE=API_TOKENS)
    staff(box, "token", "new", caller, "--scope", "read")
    box.run("systemctl", "start", API_UNIT)


def tracked(box):
    """(tracked, pending, done, failed)."""
    return tuple(map(int, re.findall(r"\d+", staff(box, "status").splitlines()[0])))


def until_done(box, count):
    """Wait until nothing is pending; so many documents are done then."""
    store = box.root / "var/lib/private/lightkeeper/lightkeeper.db"
    command_line.until(lambda: 0 == pending_and_unpublished(store)[0])
    assert count == tracked(box)[2]


def track_ids(box, lighthouse, count, story="instantly_done"):
    """Track so many documents more, on the host, as staff do."""
    ids = lighthouse.add_many(count, story)
    staff(box, "track", "-", input=json_lines(ids))


def entries(box, *arguments):
    """The journal's entries of the service, as journalctl has them."""
    box.run("journalctl", "--sync")
    text = box.run("journalctl", "-u", UNIT, "-o", "json", "--no-pager", *arguments).stdout
    return [json.loads(line) for line in text.splitlines()]


def test_the_host_stays_as_it_is(host):
    """What a systemd tunes when it boots is not tuned for the whole host."""
    assert BEFORE == [path.read_text() for path in TUNED if path.exists()]


def test_it_is_up_and_has_a_status_line(service):
    """Installed by the README's commands it is active (running), with a status to read."""
    shown = service.run("systemctl", "status", UNIT).stdout

    assert "active (running)" in shown
    command_line.until(lambda: re.match(r"\d+ pending", service.shows(UNIT, "StatusText")))
    assert "enabled" == service.run("systemctl", "is-enabled", UNIT).stdout.strip()


def test_documents_are_polled_and_the_store_outlives_a_restart(service, lighthouse, agent):
    """What is tracked is polled and published; a restart forgets nothing."""
    before = tracked(service)
    track_ids(service, lighthouse, 20)
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
    command_line.until(lambda: before + 1 == int(service.shows(UNIT, "NRestarts")))
    command_line.until(lambda: "active" == service.shows(UNIT, "ActiveState"))

    done = tracked(service)[2]
    track_ids(service, lighthouse, 3)
    until_done(service, done + 3)


def test_hanging_it_is_killed_and_started_again(service):
    """A process that gets nothing done feeds no watchdog."""
    before = int(service.shows(UNIT, "NRestarts"))
    service.run("systemctl", "kill", "-s", "STOP", UNIT)
    command_line.until(lambda: before + 1 == int(service.shows(UNIT, "NRestarts")))

    command_line.until(lambda: "active" == service.shows(UNIT, "ActiveState"))
    said = [each["MESSAGE"] for each in entries(service, "-n", "60")]
    assert any("Watchdog timeout" in str(message) for message in said)


def test_a_reload_takes_in_settings_and_a_new_key(service, lighthouse):
    """`systemctl reload` with another key and batch size: the same process takes them."""
    key = service.root / "etc/lightkeeper/credentials/lighthouse_private_key"
    other = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    key.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    service.run("systemctl", "restart", UNIT)
    pid = service.shows(UNIT, "MainPID")
    key.write_text(lighthouse.private_key_pem)
    write_settings(service, lighthouse, LIGHTKEEPER_BATCH_SIZE="5")
    service.run("systemctl", "reload", UNIT)
    done = tracked(service)[2]
    track_ids(service, lighthouse, 12)
    until_done(service, done + 12)

    assert pid == service.shows(UNIT, "MainPID")
    assert max(len(call.ids) for call in lighthouse.calls[-3:]) <= 5
    (entry,) = entries(service, "_PID=" + pid, "LIGHTKEEPER_EVENT=service.reloaded")
    assert ["LIGHTKEEPER_BATCH_SIZE", "LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY"] == sorted(
        json.loads(entry["CHANGED"])
    )


def test_a_reload_writes_with_no_more_rights_than_the_daemon_has(service):
    """In its folder root follows no link: only the daemon's user writes there."""
    folder = service.path("/run/lightkeeper/daemon")
    service.run("systemctl", "reload", UNIT)
    (copy,) = (folder / "credentials").iterdir()
    assert (folder.stat().st_uid, 0o600) == (copy.stat().st_uid, copy.stat().st_mode & 0o777)
    os.chown(folder / "credentials", 0, 0)

    assert 0 != service.run("systemctl", "reload", UNIT, check=False).returncode
    assert "active" == service.shows(UNIT, "ActiveState")
    assert copy.exists()


def test_a_reload_without_credentials_takes_none_away(service):
    """A folder emptied by mistake fails the reload; the credentials of the start stay."""
    folder = service.path("/run/lightkeeper/daemon/credentials")
    service.run("systemctl", "reload", UNIT)
    key = service.root / "etc/lightkeeper/credentials/lighthouse_private_key"
    key.unlink()

    assert 0 != service.run("systemctl", "reload", UNIT, check=False).returncode
    assert ["lightkeeper_lighthouse_private_key"] == [each.name for each in folder.iterdir()]


def test_a_postgresql_that_was_unreachable_is_reached_by_its_credential(
    service, lighthouse, postgres_server, postgres_url
):
    """A start without the database is tried again until it is there; the address is a secret."""
    url = service.root / "etc/lightkeeper/credentials/database_url"
    url.write_text(postgres_url.replace(str(postgres_server.socket_dir), "/srv"))
    write_settings(service, lighthouse, LIGHTKEEPER_DATABASE_URL="")
    before = int(service.shows(UNIT, "NRestarts"))
    try:
        assert 0 != service.run("systemctl", "restart", UNIT, check=False).returncode
        command_line.until(lambda: before + 2 <= int(service.shows(UNIT, "NRestarts")))
        command_line.until(lambda: "74" == service.shows(UNIT, "ExecMainStatus"))
        # The box's / is a folder of the host, so that a socket can have a name in it too.
        (service.root / "srv").mkdir(exist_ok=True)
        name = ".s.PGSQL.5432"
        os.link(postgres_server.socket_dir / name, service.root / "srv" / name)
        command_line.until(lambda: "active" == service.shows(UNIT, "ActiveState"))
        track_ids(service, lighthouse, 3)
        command_line.until(lambda: (3, 0, 3, 0) == tracked(service))
    finally:
        url.unlink()

    said = service.run("journalctl", "-u", UNIT, "-o", "cat", "--no-pager").stdout
    assert postgres_url.rpartition("/")[2] not in said


def test_starts_that_never_get_anywhere_come_to_an_end(service, lighthouse):
    """Each is tried again, as often as the unit's start limit has it; here three times."""
    write_settings(
        service, lighthouse, LIGHTKEEPER_DATABASE_URL="postgresql:///none?host=/nowhere"
    )
    limit = service.root / f"etc/systemd/system/{UNIT}.d/limit.conf"
    limit.write_text("[Unit]\nStartLimitIntervalSec=60\nStartLimitBurst=3\n")
    service.run("systemctl", "daemon-reload")
    before = len(entries(service))
    try:
        service.run("systemctl", "reset-failed", UNIT, check=False)
        service.run("systemctl", "restart", UNIT, check=False)
        command_line.until(lambda: "failed" == service.shows(UNIT, "ActiveState"))
        assert "74" == service.shows(UNIT, "ExecMainStatus")
        assert "exit-code" == service.shows(UNIT, "Result")  # and not start-limit-hit
        said = [entry["MESSAGE"] for entry in entries(service)[before:]]
        assert 1 == sum("Start request repeated too quickly" in one for one in said)
        assert 3 == sum(one.startswith("Starting ") for one in said)
    finally:
        limit.unlink()
        service.run("systemctl", "daemon-reload")


def test_a_corrupt_store_is_no_reason_for_another_start(service):
    """Status 76, and no restart loop over a corrupt store; restored, it runs."""
    store = service.root / "var/lib/private/lightkeeper/lightkeeper.db"
    good = store.read_bytes()
    service.run("systemctl", "stop", UNIT)
    store.write_bytes(b"x" * 100 + good[100:])
    before = service.shows(UNIT, "NRestarts")

    assert 0 != service.run("systemctl", "start", UNIT, check=False).returncode
    time.sleep(1.5)  # three times RestartSec
    assert ("failed", "76") == (
        service.shows(UNIT, "ActiveState"),
        service.shows(UNIT, "ExecMainStatus"),
    )
    assert before == service.shows(UNIT, "NRestarts")

    store.write_bytes(good)
    service.run("systemctl", "start", UNIT)


def test_a_reload_of_wrong_settings_changes_nothing_and_says_so(service, lighthouse):
    """The old ones stay in force; the status and an error in the journal name what is wrong."""
    pid = service.shows(UNIT, "MainPID")
    write_settings(service, lighthouse, LIGHTKEEPER_BATCH_SIZE="many")
    service.run("systemctl", "reload", UNIT)

    command_line.until(lambda: "settings were not reloaded" in service.shows(UNIT, "StatusText"))
    (entry,) = entries(service, "-p", "err", "_PID=" + pid)
    assert ("3", "service.reload.refused") == (entry["PRIORITY"], entry["LIGHTKEEPER_EVENT"])
    assert "LIGHTKEEPER_BATCH_SIZE: " in entry["PROBLEMS"]
    assert ("active", pid) == (service.shows(UNIT, "ActiveState"), service.shows(UNIT, "MainPID"))


def test_wrong_settings_at_a_start_are_not_tried_again(service, lighthouse):
    """Status 78, what is wrong in the journal, and no loop of restarts."""
    write_settings(service, lighthouse, LIGHTKEEPER_BATCH_SIZE="many")

    assert 0 != service.run("systemctl", "restart", UNIT, check=False).returncode
    time.sleep(1.5)  # three times what it would take
    assert ("failed", "78", "0") == tuple(
        service.shows(UNIT, name) for name in ("ActiveState", "ExecMainStatus", "NRestarts")
    )
    said = " ".join(str(each["MESSAGE"]) for each in entries(service, "-n", "20", "-p", "err"))
    assert "LIGHTKEEPER_BATCH_SIZE: " in said


@pytest.mark.speed
def test_a_stop_in_mid_batch_is_quick_and_clean(service, lighthouse):
    """Thousands due, a call under way: it ends in good order, and continues at the next start."""
    before = tracked(service)
    lighthouse.latency = 0.2
    track_ids(service, lighthouse, 5_000)
    calls = len(lighthouse.calls)
    command_line.until(lambda: len(lighthouse.calls) > calls + 3)
    began_at = time.monotonic()
    service.run("systemctl", "stop", UNIT)

    assert at_most(5) > time.monotonic() - began_at
    assert "success" == service.shows(UNIT, "Result")
    now = tracked(service)
    assert before[0] + 5_000 == now[0] == sum(now[1:])
    assert before[2] < now[2] < before[2] + 5_000
    lighthouse.latency = 0.0
    service.run("systemctl", "start", UNIT)
    until_done(service, before[2] + 5_000)


def test_the_api_answers_as_the_readme_says(service, lighthouse):
    """Confined as it is, it takes a document over its socket, answers for it, and is stopped."""
    write_settings(service, lighthouse, LIGHTKEEPER_API_TOKENS_FILE=API_TOKENS)
    _, make, reload, start, ask = API.splitlines()
    bearer = inside(service, f'{make}\n{reload}\n{start}\necho "$TOKEN"').strip()
    assert "active" == service.shows(API_UNIT, "ActiveState")
    (request_id,) = lighthouse.add_many(1, "instantly_done")
    document = {
        "lighthouse_request_id": request_id,
        "form_526_submission_id": "s-api",
        "document_type": "form_0781",
    }
    socket_and_header, _, address = ask.rpartition(" ")
    told = f"TOKEN={bearer}\n{socket_and_header} --silent --fail"
    send = f"-H 'Content-Type: application/json' -d '{json.dumps(document)}'"

    tracked_now = inside(service, f"{told} {send} http://web/v1/documents")
    assert {"tracked": 1, "known": 0} == json.loads(tracked_now)

    def answered():
        return json.loads(inside(service, f"{told} {address.replace('3310073', str(request_id))}"))

    command_line.until(lambda: "done" == answered()["lighthouse_status"])
    inside(service, f"{told} http://web/readyz")
    service.run("systemctl", "restart", UNIT)
    service.run("systemctl", "reload", UNIT)
    pid = service.shows(API_UNIT, "MainPID")
    assert [] == inside(service, f"ls /proc/{pid}/root/run/lightkeeper").split()
    assert ["credentials"] == inside(service, "ls /run/lightkeeper/daemon").split()
    service.run("systemctl", "stop", API_UNIT)
    assert "success" == service.shows(API_UNIT, "Result")


def test_the_command_works_as_the_service_does(service):
    """It finds settings, key and store, and its exit status is passed on."""
    checked = service.run("lightkeeper", "check", check=False)

    for name in ("token", "agent"):
        assert re.search(rf"^ok +{name} ", checked.stdout, re.MULTILINE), checked.stdout
    assert 1 == service.run("lightkeeper", "show", "99999999999", check=False).returncode


def test_its_log_lines_are_entries_with_fields(service):
    """Priority, event and the rest, each a field of the journal's own."""
    pid = service.shows(UNIT, "MainPID")
    (entry,) = entries(service, "_PID=" + pid, "LIGHTKEEPER_EVENT=service.started")

    assert ("6", "lightkeeper", "box") == tuple(
        entry[name] for name in ("PRIORITY", "SYSLOG_IDENTIFIER", "DD_ENV")
    )


def test_the_backup_is_made_beside_the_running_daemon(service, lighthouse):
    """By the timer's service, as the daemon's user, confined; old ones are removed."""
    track_ids(service, lighthouse, 2)
    service.run("systemctl", "start", "lightkeeper-backup.service")
    folder = service.root / "var/lib/private/lightkeeper/backups"
    old, (file,) = folder / "2020-01-01T000000Z.db", folder.iterdir()
    old.touch()
    os.utime(old, (0, 0))
    time.sleep(1.1)  # names are by the second
    service.run("systemctl", "start", "lightkeeper-backup.service")

    assert tracked(service)[0] == len(summary(file)[0])
    assert 2 == len(list(folder.iterdir())), "the one of years ago is gone, the newer ones are not"
    assert service.shows("lightkeeper-backup.timer", "NextElapseUSecRealtime")


def test_vets_api_is_followed_beside_the_daemon(
    service, lighthouse, postgres_server, postgres_url
):
    """Begun as the README says, in the daemon's unit; what is killed of it goes on."""
    before, ids = tracked(service)[0], lighthouse.add_many(2, "instantly_done")
    name = ".s.PGSQL.5432"

    def started():
        """The processes that followed it, as the daemon says."""
        found = entries(service, "_SYSTEMD_UNIT=" + UNIT, "LIGHTKEEPER_EVENT=follower.started")
        return [entry["PID"] for entry in found]

    (service.root / "srv").mkdir(exist_ok=True)
    (service.root / "srv" / name).unlink(missing_ok=True)
    os.link(postgres_server.socket_dir / name, service.root / "srv" / name)
    address = postgres_url.replace(str(postgres_server.socket_dir), "/srv")
    (service.root / "root/checkout/follow_source_url").write_text(f"{address}\n")
    insert = (
        "INSERT INTO lighthouse526_document_uploads (form526_submission_id, document_type,"
        " lighthouse_document_request_id, created_at) VALUES (4711, 'Form 0781', %s, now())"
    )
    with psycopg.connect(postgres_url, autocommit=True) as source:
        source.execute(vets_api_table.CREATE.format(kind="TIMESTAMP(6)"))
        source.execute("SET TimeZone = 'UTC'")
        source.execute(insert, (str(ids[0]),))
        inside(service, FOLLOW)
        assert before + 1 == tracked(service)[0]
        command_line.until(started)
        service.run("kill", "-KILL", *started())
        command_line.until(lambda: 2 == len(started()))
        source.execute(insert, (str(ids[1]),))
        command_line.until(lambda: before + 2 == tracked(service)[0])

    assert "vets-api's table: last taken at" in staff(service, "follow", "list")
    (service.root / "etc/lightkeeper/credentials/follow_source_url").unlink()
    service.run("systemctl", "restart", UNIT)
    for pid in (followers := started()):
        assert 0 != service.run("kill", "-0", pid, check=False).returncode
    assert 2 == len(followers)
    said = service.run("journalctl", "-u", UNIT, "-o", "cat", "--no-pager").stdout
    assert postgres_url.rpartition("/")[2] not in said


def test_the_account_is_compared_beside_the_daemon(service, lighthouse, agent):
    """A difference is no failure of the unit, an account that cannot be read is; both are told."""
    unit, timer = "lightkeeper-drift.service", "lightkeeper-drift.timer"
    signals = "lightkeeper.account.drift", "lightkeeper.account.can_compare"
    write_settings(service, lighthouse, DD_ENV="staging")
    with SimulatedDatadog() as datadog:

        def compared():
            """How the unit ended, what the number is, and what the check was last."""
            agent.drain()
            statuses = [one.status for one in agent.checks if one.name == signals[1]]
            ended = service.shows(unit, "Result"), service.shows(unit, "ExecMainStatus")
            return *ended, agent.gauge(signals[0], env="staging"), statuses[-1]

        for name, key in (("api_key", datadog.api_key), ("app_key", datadog.app_key)):
            (service.root / "root/checkout" / name).write_text(f"{key}\n")
        inside(service, DRIFT.replace("ddog-gov.com", datadog.url))
        missing = len([*ROOT.glob("monitors/*.json"), *ROOT.glob("*/slos/*.json")]) - 1 + 2
        service.run("systemctl", "start", unit)  # now the timer keeps in mind how it ended
        assert ("success", "2", missing, 0) == compared()
        assert "inactive" == service.shows(unit, "ActiveState")
        assert service.shows(timer, "NextElapseUSecRealtime")

        env = command_line.environment(**datadog.environment())
        line = ("account", "apply", "--env", "staging", "--first")
        assert 0 == command_line.run(*line, env=env, cwd=ROOT).returncode
        service.run("systemctl", "start", unit)
        assert ("success", "0", 0, 0) == compared()

        datadog.faults.lacks = {"monitors_read"}
        assert 0 != service.run("systemctl", "start", unit, check=False).returncode
        assert ("exit-code", "78", 0, 2) == compared()
        assert "failed" == service.shows(unit, "ActiveState")
        keys = {datadog.api_key, datadog.app_key}
        tells_of_an_outage(service, datadog)
    said = service.run("journalctl", "-u", unit, "-o", "cat", "--no-pager").stdout
    assert f"{missing} to create" in said
    assert "lack monitors_read: run `lightkeeper account check`" in said
    assert not any(key in said for key in keys)
    service.run("systemctl", "reset-failed", unit)


def tells_of_an_outage(service, datadog):
    """Announced beside the daemon, it mutes; where it cannot be told the unit fails."""
    unit = "lightkeeper-maintenance.service"
    datadog.faults.lacks = set()
    window = ("--until", "2h", "--why", "BGS upgrade")
    service.run("lightkeeper", "maintenance", "add", *window)
    inside(service, TELL)
    muting = [one["scope"] for one in datadog.suppressed.live()]
    assert (["*"] * 3, 3) == (muting, len(datadog.suppressed.kept["correction"]))
    assert service.shows("lightkeeper-maintenance.timer", "NextElapseUSecRealtime")
    by = ("env", "SUDO_USER=ann", "lightkeeper", "account")
    service.run(*by, "mute", "crash-loop", "--for", "2h", "--reason", "load test")
    *planned, muted = [one["message"] for one in datadog.suppressed.live()]
    assert all(
        one.startswith("Planned outage, announced by root: BGS upgrade\n") for one in planned
    )
    assert "Muted by ann: load test\n\nManaged by lightkeeper: staging/crash-loop" == muted

    datadog.faults.lacks = {"slos_corrections"}
    service.run("lightkeeper", "maintenance", "add", "--step", "CLAIMS_EVIDENCE", *window)
    assert 0 != service.run("systemctl", "start", unit, check=False).returncode
    assert ("failed", "78") == (
        service.shows(unit, "ActiveState"),
        service.shows(unit, "ExecMainStatus"),
    )
    assert 3 + 1 + 2 == len(datadog.suppressed.live())
    said = service.run("journalctl", "-u", unit, "-o", "cat", "--no-pager").stdout
    assert "lack slos_corrections: run `lightkeeper account check`" in said
    assert not any(key in said for key in (datadog.api_key, datadog.app_key))
    service.run("systemctl", "reset-failed", unit)


def test_rolled_back_it_runs_on_the_store_of_before(service, lighthouse):
    """An older version refuses what a newer one migrated; the backup is put back instead.

    The API, which runs beside it, does not stand in the way.
    """
    serve_api(service, lighthouse, "rolled-back")
    service.run("systemctl", "start", "lightkeeper-backup.service")
    before = tracked(service)
    folder = service.root / "var/lib/private/lightkeeper"
    newest = max(each.name for each in folder.joinpath("backups").iterdir())
    track_ids(service, lighthouse, 1)
    with closing(sqlite3.connect(folder / "lightkeeper.db")) as newer, newer:
        newer.execute("UPDATE lightkeeper_schema SET version = version + 1")
    service.run("systemctl", "restart", UNIT, check=False)
    assert "78" == service.shows(UNIT, "ExecMainStatus")

    block, count = re.subn(r"/backups/\S+", f"/backups/{newest}", ROLL_BACK)
    assert 1 == count
    assert "the replaced store is kept as " in inside(service, block)

    assert "active" == service.shows(UNIT, "ActiveState")
    assert before[0] == tracked(service)[0]


def test_an_upgrade_leaves_drop_ins_alone(service, lighthouse):
    """The unit is the newer one; what the host changed beside it, and the store, are as before.

    The API, where it runs, is of the newer version, too.
    """
    serve_api(service, lighthouse, "upgraded")
    older = service.shows(API_UNIT, "MainPID")
    before = tracked(service)
    drop_in = service.root / f"etc/systemd/system/{UNIT}.d/datadog-agent.conf"
    drop_in.unlink()
    unit = service.root / f"etc/systemd/system/{UNIT}"
    unit.write_text("of an older version")
    backup, _pip, *rest = UPGRADE.splitlines()
    inside(service, "\n".join([backup, *rest]))

    assert not drop_in.exists()
    assert (ROOT / "systemd" / UNIT).read_text() == unit.read_text()
    assert ["active"] * 2 == [service.shows(each, "ActiveState") for each in (UNIT, API_UNIT)]
    assert older != service.shows(API_UNIT, "MainPID")
    assert before == tracked(service)


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
        "listen": lambda: socket.socket().bind(("127.0.0.1", 0)),
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


def test_uninstalled_it_leaves_the_data(service, lighthouse):
    """Nothing runs any more, no unit is left; store, settings and key are where they were."""
    track_ids(service, lighthouse, 1)
    documents = tracked(service)[0]
    serve_api(service, lighthouse, "uninstalled")
    inside(service, UNINSTALL)

    for unit in (UNIT, API_UNIT):
        state = service.run("systemctl", "is-active", unit, check=False).stdout.strip()
        assert ("inactive", "not-found") == (state, service.shows(unit, "LoadState"))
    assert not (service.root / "opt/lightkeeper").exists()
    assert 0 != service.run("test", "-e", "/usr/local/bin/lightkeeper", check=False).returncode
    assert (service.root / "etc/lightkeeper/credentials/lighthouse_private_key").exists()
    store = service.root / "var/lib/private/lightkeeper/lightkeeper.db"
    assert documents == len(summary(store)[0])
