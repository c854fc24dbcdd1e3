"""What Datadog was recorded to answer about monitors, SLOs, dashboards and downtimes.

The recordings are in the source distribution of datadog-api-client. pip fetches it, once for each
machine: the recordings with such calls are kept in the user's cache.
"""

import fcntl
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import yaml

_NAME = "datadog-api-client"
_ABOUT = re.compile(rb"/api/(?:v1/(?:monitor|slo|dashboard)|v2/downtime)\b")
_WRITE = re.compile(
    r"https://[^/]*/api/v1/(monitor|slo|dashboard)(/\d+|/[0-9a-f]{32}|/\w{3}(-\w{3}){2})?"
)
_LONGEST = 300.0  # seconds


class Unfetched(Exception):
    """The recordings are not to be had."""


class Write(NamedTuple):
    """One write that Datadog took: what it was asked for, and what it answered."""

    kind: str
    asked: dict[str, Any]
    answer: dict[str, Any]
    changes: bool
    """It changed an object that was there."""


def writes() -> list[Write]:
    """Every recorded write of a monitor, SLO or dashboard that was taken. Raises Unfetched."""
    return [one for call in calls() if (one := _write(call))]


def calls(about: bytes = b"") -> list[dict[str, Any]]:
    """Every call of each recording that holds these bytes, with its answer. Raises Unfetched."""
    texts = (path.read_bytes() for path in sorted(_folder().iterdir()))
    read = (yaml.load(text, Loader=yaml.CSafeLoader) for text in texts if about in text)
    return [call for one in read for call in one["interactions"]]


def counted(found: list[Write]) -> Counter[str]:
    """How many there are of each kind."""
    return Counter(one.kind for one in found)


def _write(call: dict[str, Any]) -> Write | None:
    matched = _WRITE.fullmatch(call["request"]["uri"])
    taken = call["response"]["status"]["code"] == 200
    if not taken or not matched or call["request"]["method"] not in ("POST", "PUT"):
        return None
    answer = json.loads(call["response"]["body"]["string"])
    answer = answer["data"][0] if matched[1] == "slo" else answer
    return Write(matched[1], json.loads(call["request"]["body"]), answer, bool(matched[2]))


def _folder() -> Path:
    """The folder of the recordings of the version that is installed; fetched if need be."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lightkeeper-tests"
    folder = cache / f"{_NAME}-{version(_NAME)}-with-downtimes"
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other workers, and other runs, wait for what is fetched
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=cache) as fresh:
                _unpack(_fetch(Path(fresh)), Path(fresh) / "recordings")
                (Path(fresh) / "recordings").rename(folder)
    return folder


def _fetch(into: Path) -> Path:
    line = ("-m", "pip", "download", "--quiet", "--no-deps", "--retries=1", "--no-binary", _NAME)
    wanted = f"{_NAME}=={version(_NAME)}"
    try:
        done = subprocess.run(
            [sys.executable, *line, "--dest", into, wanted],
            capture_output=True,
            text=True,
            timeout=_LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unfetched(f"pip fetched no {wanted} in {_LONGEST:.0f} s") from None
    archive = next(into.glob("*.tar.gz"), None)
    if done.returncode or archive is None:
        said = done.stderr.strip().splitlines()[-1:] or ["nothing"]
        raise Unfetched(f"pip cannot fetch {wanted}: is there a network? It says: {said[0]}")
    return archive


def _unpack(archive: Path, folder: Path) -> None:
    """Keep the recordings with a call that is meant."""
    folder.mkdir()
    with tarfile.open(archive) as files:
        for member in files:
            name = re.search(r"/tests/(v\d)/cassettes/test_scenarios/(.*\.yaml)$", member.name)
            if name and (text := files.extractfile(member)):
                recording = text.read()
                if _ABOUT.search(recording):
                    (folder / f"{name[1]}-{name[2]}").write_bytes(recording)
