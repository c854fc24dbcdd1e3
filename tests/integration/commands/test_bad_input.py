"""Every mistake of a user: one line that says what to do, an exit status, and no traceback."""

import os
import re
import shutil
import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import click
import command_line
import pytest

from lightkeeper.commands.main import main
from lightkeeper.simulation.lighthouse.server import SimulatedLighthouse

ROOT = Path(__file__).parents[3]
OPERATING = (ROOT / "systemd" / "README.md").read_text()
STATUSES = {int(n) for n in re.findall(r"^\| (\d+) \|", OPERATING, re.MULTILINE)}
USAGE, DATA, MISSING, OVERWRITE, IO, DAMAGED, CONFIG, NO = 2, 65, 66, 73, 74, 76, 78, 1
INCOMPLETE_NOTE = EX_USAGE = 64
# Root without the power to read and write what is another's: as any user is.
AS_USER = 'exec setpriv --bounding-set=-dac_override,-dac_read_search "$@"'
OF_ANOTHER = ("others", "closed", "secret")


class Case(NamedTuple):
    """A command line ({} is the test's folder), its exit status, and a part of the message."""

    line: str
    status: int
    says: str
    store: str = "store.db"


MUTE = "mute x --for 2h --reason x"
TRACK = "track --request-id 9 --submission-id 1 --document-type form_0781"
OF_THE_STORE = (
    *(TRACK, "run", "poll", "status", "show 1", "ack 1 --reason x", "close 1 --reason x"),
    *("recheck 1", "list", "audit", "correct 1 --submission-id 2 --reason x", "maintenance list"),
    *("maintenance add --until 8h --why x", "maintenance end 1", "expected list"),
    *("expected settle 1 --why x", "backup {}/new.db"),
)
CASES = [
    Case("nosuch", USAGE, "No such command 'nosuch'"),
    Case("track", USAGE, "missing: --request-id, --submission-id, --document-type"),
    Case(TRACK.replace("9", "x"), DATA, "must be the whole number that Lighthouse returned"),
    Case("track --document-type letter", USAGE, "is not one of 'veteran_upload'"),
    Case("track {}/folder", MISSING, "folder: Is a directory"),
    Case("track {}/none.csv", MISSING, "none.csv: No such file or directory"),
    Case("track {}/others", MISSING, "others: Permission denied"),
    Case("track {}/rubbish", DATA, "line 1: neither a JSON object nor"),
    Case(f"{TRACK} --tracked-at nan", DATA, "tracked_at must be a time such as"),
    Case("run extra", USAGE, "unexpected extra argument (extra)"),
    Case("show", USAGE, "give either REQUEST_ID or --submission ID"),
    Case("show x", USAGE, "'x' is not a valid integer range"),
    Case("show 99", NO, "request id 99 is not tracked here"),
    Case("status extra", USAGE, "unexpected extra argument (extra)"),
    Case("check extra", USAGE, "unexpected extra argument (extra)"),
    Case("ack 1", USAGE, "Missing option '--reason'"),
    Case("ack --reason x", USAGE, "give either REQUEST_IDs, --file, or a filter"),
    Case("ack x --reason x", DATA, "argument 1: not a request id"),
    Case("ack 77 --reason x", DATA, "argument 1: request id 77 is not tracked here"),
    Case("ack --file {}/none --reason x", MISSING, "none: No such file or directory"),
    Case("ack --file {}/others --reason x", MISSING, "others: Permission denied"),
    Case("ack --older-than soon --reason x", USAGE, "a number with a unit, such as 12h or 30d"),
    Case("close --condition odd --reason x", USAGE, "'odd' is not one of 'waiting'"),
    Case("correct", USAGE, "Missing argument 'REQUEST_ID...'"),
    Case("correct 1 --submission-id 2", USAGE, "Missing option '--reason'"),
    Case("correct 1 --reason x", USAGE, "give --submission-id, --attachment-id or"),
    Case("correct 77 --type form_0781a --reason x", DATA, "request id 77 is not tracked here"),
    Case("correct 1 --type veteran_upload --reason x", DATA, "form_attachment_id is missing"),
    Case("audit extra", USAGE, "unexpected extra argument (extra)"),
    Case("audit --since soon", USAGE, "--since: give a date such as 2026-11-23"),
    Case("audit --since 1d --until 2d", USAGE, "--since is later than --until: exchange the two"),
    Case("audit --format xml", USAGE, "'xml' is not one of 'table'"),
    Case("list extra", USAGE, "unexpected extra argument (extra)"),
    Case("list --step claims", USAGE, "Did you mean 'CLAIMS_EVIDENCE'?"),
    Case("list --condition stukc", USAGE, "Did you mean 'stuck'?"),
    Case("list --failed-since soon", USAGE, "--failed-since: give a date such as 2026-11-23"),
    Case("recheck --file {}/folder", MISSING, "folder: Is a directory"),
    Case("recheck --status odd", USAGE, "'odd' is not one of 'pending'"),
    Case("maintenance add --why x", USAGE, "Missing option '--until'"),
    Case("maintenance add --until 8h", USAGE, "Missing option '--why'"),
    Case("maintenance add --until soon --why x", USAGE, "--until: give a date such as 2026-11-23"),
    Case("maintenance add --until 2020-02-30 --why x", USAGE, "--until: give a date such as"),
    Case("maintenance add --from 2d --until 1d --why x", USAGE, "the window is over already"),
    Case(
        "maintenance add --until 5000h --why x", USAGE, "longer than 30 days: announce a shorter"
    ),
    Case("maintenance add --until 8h --why x --step claims", USAGE, "mean 'CLAIMS_EVIDENCE'?"),
    Case("maintenance list extra", USAGE, "unexpected extra argument (extra)"),
    Case("maintenance end", USAGE, "Missing argument 'ID...'"),
    Case("maintenance end x", USAGE, "'x' is not a valid integer range"),
    Case("maintenance end 9999999999999999999", USAGE, "is not in the range 0<=x<="),
    Case("maintenance end 99", DATA, "maintenance window 99 is not known here"),
    Case("monitors check --folder {}/none", NO, "no such folder: name it with --folder"),
    Case("monitors check --folder {}/folder", NO, "variables.json: [file] cannot be read"),
    Case(
        "monitors check --folder {}/closed/x", NO, "Permission denied: name another with --folder"
    ),
    Case("monitors check --folder {}/latin", NO, "README.md: [file] byte 0 is not UTF-8"),
    Case("monitors test --folder {}/secret", NO, "README.md: [file] cannot be read: Permission"),
    Case("monitors print nosuch", NO, "no such monitor or SLO: nosuch; did you mean "),
    Case("monitors test {}/none.yaml", NO, "none.yaml: file: [file] cannot be read"),
    Case("monitors test {}/rubbish", NO, "rubbish: file: [file] cannot be read"),
    Case("dashboards check --folder {}/none", NO, "no such folder: name it with --folder"),
    Case("dashboards check --folder {}/folder", NO, "x.json: line 1 column 2: [file] is not JSON"),
    Case("dashboards render nosuch", NO, "no such dashboard: nosuch; choose from documents"),
    Case("dashboards render --drill outag", USAGE, "no such drill: outag; did you mean outage?"),
    Case("dashboards render --to {}/none/x", IO, "/none/x: No such file or directory"),
    Case("dashboards print --monitors {}/none", NO, "no such folder: name it with --monitors"),
    Case(
        "dashboards print nosuch", NO, "no such dashboard: nosuch; choose from documents, overview"
    ),
    Case("drill nosuch", USAGE, "no such drill: nosuch; choose from healthy, "),
    Case("drill failed-bg", USAGE, "no such drill: failed-bg; did you mean failed-bgs"),
    Case("drill healthy --days 0", USAGE, "0 is not in the range 1<=x<=366"),
    Case("drill failed-bgs --env nowhere", USAGE, "no such environment: nowhere: choose from "),
    Case("drill failed-bgs --set pager", USAGE, "--set pager: write it as NAME=VALUE"),
    Case("drill failed-bgs --folder {}/none", NO, "no such folder: name it with --folder"),
    Case("demo --seconds 1", USAGE, "1 is not in the range 8<=x<=3600"),
    Case(f"demo --seconds {'9' * 400}", USAGE, "is not in the range 8<=x<=3600"),
    Case("simulate lighthouse --speed nan", USAGE, "nan is not a finite number"),
    Case("simulate lighthouse --latency inf", USAGE, "inf is not a finite number"),
    Case("simulate lighthouse --first-id=-5", USAGE, "-5 is not in the range 0<=x<="),
    Case("simulate lighthouse --story odd", NO, "no such story: 'odd'; there are success"),
    Case("simulate lighthouse --port 99999", USAGE, "99999 is not in the range 0<=x<=65535"),
    Case("simulate lighthouse --documents -5", USAGE, "-5 is not in the range x>=0"),
    Case("simulate lighthouse --failing 7", USAGE, "7.0 is not in the range 0<=x<=1"),
    Case("simulate lighthouse --speed 0", USAGE, "0.0 is not in the range x>0"),
    Case("simulate lighthouse --port {port}", NO, "cannot listen there: Address already in use"),
    Case(
        "simulate agent --socket {}/none/x", NO, "cannot listen there: No such file or directory"
    ),
    Case("simulate agent --port -1", USAGE, "-1 is not in the range 0<=x<=65535"),
    Case("simulate datadog --port {port}", NO, "cannot listen there: Address already in use"),
    *(
        Case(f"account {line}", CONFIG, "not set: DD_SITE, DD_API_KEY, DD_APP_KEY: DD_SITE is")
        for line in ("check", "plan", "drift", "apply", "import 1", MUTE, "unmute x")
    ),
    Case("account apply {}/rubbish", DATA, "rubbish: is no plan: make one with `account plan"),
    Case("account apply {}/none", MISSING, "none: No such file or directory: make it with"),
    Case("account apply --allow-delete=-1", USAGE, "-1 is not in the range x>=0"),
    Case("account import ../x", DATA, "../x is no id: write that of a monitor (12345)"),
    Case("account mute documents-slow --reason x", USAGE, "Missing option '--for'"),
    Case("account mute documents-slow --for soon --reason x", USAGE, "such as 30m, 2h or 1d"),
    Case("account unmute", USAGE, "Missing argument 'KEY'"),
    Case("account maintenance", CONFIG, "DD_ENV: missing: set it to the env of the monitors"),
    Case("follow vets-api", USAGE, "name vets-api's database: set LIGHTKEEPER_FOLLOW_SOURCE_URL"),
    Case("follow vets-api --since x", USAGE, "name vets-api's database: set"),
    Case(
        "follow vets-api --once --source-url postgresql://me:pw@127.0.0.1:1/x",
        75,
        "vets-api's PostgreSQL database x: ",
    ),
    Case("follow vets-api --source-url sqlite:///x", CONFIG, "is not postgresql://user"),
    Case("compare vets-api", USAGE, "name vets-api's database: set LIGHTKEEPER_FOLLOW_SOURCE_URL"),
    Case("compare vets-api --format xml", USAGE, "'xml' is not one of 'table'"),
    Case("compare vets-api --source-url postgresql:///x?host=/none", 75, "vets-api's PostgreSQL"),
    Case("follow list", MISSING, "no store here", "none.db"),
    Case("follow settle", USAGE, "Missing argument 'ROW_ID...'"),
    Case("follow settle 7", USAGE, "Missing option '--why'"),
    Case("follow settle 7 --why scan.pdf", INCOMPLETE_NOTE, "--why: a part of it is a file name"),
    Case(
        "follow settle 7 --why x",
        DATA,
        "row 7 is none that cannot be tracked: see lightkeeper follow",
    ),
    Case("follow end x", USAGE, "unexpected extra argument (x)"),
    Case("expected list", MISSING, "no store here", "none.db"),
    Case("expected settle 1", USAGE, "Missing option '--why'"),
    Case("expected settle 1 --why x --type letter", USAGE, "is not one of 'veteran_upload'"),
    Case(
        "expected settle 1 --why scan.pdf", INCOMPLETE_NOTE, "--why: a part of it is a file name"
    ),
    Case("expected settle 1 --why x", DATA, "nothing is missing of that submission: see"),
    Case("expected settle 1 --why x --revoke", DATA, "nothing was settled of that submission"),
    Case("web", CONFIG, "LIGHTKEEPER_API_TOKENS_FILE: missing: set it"),
    Case("token new", USAGE, "Missing argument 'NAME'"),
    Case("token new vets-api", USAGE, "Missing option '--scope'"),
    Case("token new vets-api --scope write", USAGE, "'write' is not one of 'track', 'read'"),
    Case("token new vets-api --scope read --days 0", USAGE, "0 is not in the range 1<=x<=730"),
    Case("token new vets-api --scope read", CONFIG, "LIGHTKEEPER_API_TOKENS_FILE: missing: set"),
    Case("token list", CONFIG, "LIGHTKEEPER_API_TOKENS_FILE: missing: set it to the file of"),
    Case("token revoke", USAGE, "Missing argument 'NAME'"),
    Case("token revoke vets-api", CONFIG, "LIGHTKEEPER_API_TOKENS_FILE: missing: set it to"),
    Case("backup", USAGE, "Missing argument 'FILE'"),
    Case("backup {}/rubbish", OVERWRITE, "is there already: name a file that is not"),
    Case("backup {}/none/x", IO, "No such file or directory (check its folder, its rights"),
    Case("backup {}/closed/x", IO, "Permission denied (check its folder, its rights"),
    Case("restore {}/none", MISSING, "there is no such file", "a.db"),
    Case(
        "restore {}/rubbish",
        DAMAGED,
        "rubbish: file is not a database (it is corrupt: restore another",
        "b.db",
    ),
    Case("restore {}/foreign.db", CONFIG, "is no store of lightkeeper's", "c.db"),
    Case("restore {}/others", IO, "Permission denied", "d.db"),
    *(
        Case(line, status, says, store)
        for line in OF_THE_STORE
        for store, status, says in (
            ("closed/store.db", IO, "Permission denied (check"),
            ("rubbish", DAMAGED, "not a database (point LIGHTKEEPER_DATABASE_URL at the store"),
        )
    ),
    *(
        Case(line, CONFIG, "foreign.db belongs to another program", "foreign.db")
        for line in OF_THE_STORE[:-1]
    ),
    *(
        Case(line, status, "LIGHTKEEPER_DATABASE_URL", "folder")
        for line, status in ((TRACK, IO), ("run", IO), ("status", MISSING))
    ),
    Case("backup {}/new.db", CONFIG, "foreign.db is no store of lightkeeper's", "foreign.db"),
]


def leaves(group=main, words=()):
    """Every command by its words, those of groups included."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, (*words, name))
        else:
            yield (*words, name)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder of files that cannot be used."""
    folder = tmp_path_factory.mktemp("bad")
    folder.chmod(0o755)
    (folder / "rubbish").write_bytes(bytes(range(7, 256)) * 40)
    (folder / "folder").mkdir()
    (folder / "folder" / "x.json").write_text("{")
    (folder / "closed").mkdir(mode=0o700)
    for name in ("latin", "secret"):
        shutil.copytree(ROOT / "monitors", folder / name)
    (folder / "latin" / "README.md").write_bytes(b"\xff")
    (folder / "secret" / "README.md").chmod(0)
    (folder / "others").write_text("1\n")
    (folder / "others").chmod(0o600)
    for name in ("closed", "others", "secret/README.md"):
        if os.geteuid() == 0:
            os.chown(folder / name, 65_534, 65_534)
    with closing(sqlite3.connect(folder / "foreign.db")) as database:
        database.execute("CREATE TABLE songs (id)")
    (folder / "wrong.env").write_text("LIGHTKEEPER_BATCH_SIZE='\n")
    track = TRACK.replace("9", "1").split()
    assert (
        0 == command_line.run(*track, env=command_line.environment(folder / "store.db")).returncode
    )
    return folder


@pytest.fixture(scope="module")
def lighthouse():
    """A Lighthouse that is well."""
    with SimulatedLighthouse() as running:
        yield running


@pytest.fixture(scope="module")
def taken():
    """A port that is in use."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.line} on {case.store}")
def test_a_mistake_is_answered_in_a_line(place, lighthouse, taken, case):
    """A status that systemd/README.md lists, the reason and what to do, and nothing stored."""
    line = case.line.replace("{}", str(place)).replace("{port}", str(taken))
    needs_rights = any(name in case.line + case.store for name in OF_ANOTHER)
    done = command_line.run(
        *line.split(),
        env=command_line.environment(place / case.store, lighthouse),
        cwd=ROOT,
        within=AS_USER if needs_rights and os.geteuid() == 0 else None,
    )
    *usage, last = [line for line in done.stderr.splitlines() if line]

    assert case.status == done.returncode, done.stderr
    assert done.returncode in STATUSES
    assert case.says in last
    assert not usage or usage[0].startswith("Usage: ") == (case.status == USAGE)


def test_every_command_is_among_them():
    """A new command has a row."""
    tried = {tuple(case.line.split()) for case in CASES}

    assert [] == [
        words for words in leaves() if not any(line[: len(words)] == words for line in tried)
    ]


@pytest.mark.parametrize("words", list(leaves()), ids=" ".join)
def test_an_unknown_option_and_a_wrong_settings_file_end_every_command(words, place):
    """They end before anything is done, also for commands that need no settings."""
    env = command_line.environment(place / "store.db")
    odd = command_line.run(*words, "--odd", env=env)
    wrong = command_line.run(*words, env=env | {"LIGHTKEEPER_SETTINGS_FILE": f"{place}/wrong.env"})

    # With 2 they say that something differs.
    usage = EX_USAGE if words in {("account", "plan"), ("account", "drift")} else USAGE
    assert (usage, "") == (odd.returncode, odd.stdout)
    assert "No such option '--odd'" in odd.stderr
    is_check = words == ("check",)  # tries every other part all the same
    assert (NO if is_check else CONFIG, is_check) == (wrong.returncode, bool(wrong.stdout))
    said = f"{place}/wrong.env:1: LIGHTKEEPER_BATCH_SIZE: write NAME=value"
    assert said in wrong.stderr + wrong.stdout


KEY = "LIGHTKEEPER_LIGHTHOUSE_PRIVATE_KEY"
DATABASE = "LIGHTKEEPER_DATABASE_URL"
ODD = "a\udcff"  # the byte FF, as Python has it in an argument


@pytest.mark.parametrize(
    "words", [("recheck", "--step", ODD), ("show", ODD), ("monitors", "print", ODD)]
)
def test_an_argument_that_is_not_utf_8_is_a_mistake_of_its_user(place, words):
    """It is answered as any other wrong argument is."""
    done = command_line.run(*words, env=command_line.environment(place / "store.db"), cwd=ROOT)

    assert done.returncode in (NO, USAGE), done.stderr
    assert "internal error" not in done.stderr


def test_a_backup_may_have_any_name(place, tmp_path):
    """A file name is bytes, and need not be UTF-8."""
    env = command_line.environment(place / "store.db")
    file = f"{tmp_path}/{ODD}"

    assert 0 == command_line.run("backup", file, env=env).returncode
    env = command_line.environment(tmp_path / "new.db")
    assert 0 == command_line.run("restore", file, env=env).returncode


def test_a_file_without_an_end_is_not_read(place, lighthouse):
    """A FIFO, a device or a folder in place of a settings file, key, address or test is named."""
    os.mkfifo(place / "fifo")
    env = command_line.environment(place / "store.db", lighthouse)
    secrets = {
        KEY: "",
        DATABASE: "",
        f"{KEY}_FILE": "/dev/zero",
        f"{DATABASE}_FILE": f"{place}/fifo",
    }
    settings = {"LIGHTKEEPER_SETTINGS_FILE": f"{place}/fifo"}

    run = command_line.run("run", env=env | secrets)
    status = command_line.run("status", env=env | settings)
    tests = [
        command_line.run("monitors", "test", file, env=env, cwd=ROOT)
        for file in ("/dev/zero", place / "fifo")
    ]

    assert [CONFIG, CONFIG, NO, NO] == [done.returncode for done in (run, status, *tests)]
    assert f"{KEY}_FILE: cannot read /dev/zero: not a regular file" in run.stderr
    assert f"{DATABASE}_FILE: cannot read {place}/fifo: not a regular file" in run.stderr
    assert f"SETTINGS_FILE: cannot read {place}/fifo: not a regular file" in status.stderr
    for done in tests:
        assert "[file] is not a regular file: name one that is" in done.stderr


@pytest.mark.parametrize("value", ["'soon'", "253402300800000"])
def test_a_store_that_was_tampered_with_is_corrupt(place, tmp_path, value):
    """Text for a time, or the year 10000, is the store's fault and not a defect of lightkeeper."""
    store = tmp_path / "store.db"
    shutil.copy(place / "store.db", store)
    with closing(sqlite3.connect(store)) as database:
        database.execute(f"UPDATE form_526_document_submissions SET tracked_at = {value}")
        database.commit()

    for words in (("show", "1"), ("list",)):
        done = command_line.run(*words, env=command_line.environment(store), prepared=False)

        said = command_line.complaint(done, DAMAGED)
        assert "tracked_at of form_526_document_submissions holds what lightkeeper never" in said
        assert "restore a backup" in said


PRINTING = [
    *("--help", "status", "show 1", "monitors print", "dashboards print", "demo --seconds 8"),
    *("simulate lighthouse", "simulate agent --port 0"),
]


@pytest.mark.parametrize("line", PRINTING)
def test_output_that_cannot_be_written_is_said(place, line):
    """A full disk is an error; a closed pipe is none."""
    env = command_line.environment(place / "store.db")
    full = command_line.run(*line.split(), env=env, within='"$@" >/dev/full')
    gone = command_line.run(*line.split(), env=env, within='"$@" | true; exit "${PIPESTATUS[0]}"')

    assert (IO, "lightkeeper: No space left on device\n") == (full.returncode, full.stderr)
    assert (0, "") == (gone.returncode, gone.stderr)


@pytest.mark.parametrize("way", ["2>/dev/full", "2>&-", ">/dev/full 2>&1"])
@pytest.mark.parametrize(
    ("line", "status"), [("show 99", NO), ("nosuch", USAGE), ("poll", CONFIG)]
)
def test_a_message_that_cannot_be_printed_changes_no_status(place, line, status, way):
    """With stderr closed or on a full disk the exit status stays the same."""
    done = command_line.run(
        *line.split(), env=command_line.environment(place / "store.db"), within=f'"$@" {way}'
    )

    assert (status, "", "") == (done.returncode, done.stdout, done.stderr)


def test_a_rejection_that_cannot_be_printed_ends_no_intake(tmp_path):
    """The wrong line is counted, and the good line after it is stored."""
    header = "lighthouse_request_id,form_526_submission_id,document_type\n"
    env = command_line.environment(tmp_path / "store.db")
    said = command_line.run(
        *("track", "-"),
        env=env,
        input=f"{header}x,1,form_0781\n2,1,form_0781\n",
        within='"$@" 2>/dev/full',
    )

    assert (DATA, "1 tracked, 0 known already, 1 rejected\n") == (said.returncode, said.stdout)
