"""A real systemd as process 1 of namespaces of its own, with a small root and this host's /usr.

Needs root, util-linux and systemd. The network is the host's: 127.0.0.1 is reached.
"""

import os
import shutil
import subprocess
import textwrap
import time
import uuid
from contextlib import suppress
from pathlib import Path

import patience
import run_folder

SYSTEMD = Path("/lib/systemd/systemd")
FILES = {
    "etc/machine-id": f"{uuid.uuid4().hex}\n",
    "etc/passwd": "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\nsystemd-journal:x:999:\n",
    "etc/nsswitch.conf": "passwd: files systemd\ngroup: files systemd\nhosts: files dns\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/systemd/system/box.target": """
        [Unit]
        Requires=systemd-journald.service sockets.target
        After=systemd-journald.service sockets.target
    """,
    "home/veteran/letter.txt": "private\n",
}
FOLDERS = (
    *("usr", "proc", "sys", "run", "tmp", "dev", "root", "var/lib", "var/log"),
    "old",
    "opt",
)
# Process groups as a container manager would set them up: one of our own in each hierarchy, which
# systemd then takes for the root.
BOOT = """
    set -eu
    root=$1
    shift
    for each in "$@"; do
        echo $$ >"$each"
    done
    exec unshare --mount --pid --fork --kill-child --ipc --uts --cgroup -- sh -c '
    set -eu
    cd "$1"
    mount --make-rprivate /
    mount --bind . .
    cd "$1"
    mount --bind -o ro /usr usr
    mount -o remount,bind,ro usr
    mount -t tmpfs -o mode=755 tmpfs usr/local
    mkdir usr/local/bin
    mount -t proc proc proc
    # Else systemd tunes the whole host, for its own sockets and for cores.
    mount --bind proc/sys proc/sys
    mount -o remount,bind,ro proc/sys
    mount -t sysfs -o ro sysfs sys
    mount -t tmpfs tmpfs run
    mount -t tmpfs tmpfs tmp
    mount -t tmpfs -o mode=755 tmpfs dev
    mkdir dev/pts dev/shm
    mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
    for each in null zero full random urandom tty; do
        touch "dev/$each"
        mount --bind "/dev/$each" "dev/$each"
    done
    ln -s pts/ptmx dev/ptmx
    ln -s /proc/self/fd dev/fd
    mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
    mkdir sys/fs/cgroup/systemd sys/fs/cgroup/unified sys/fs/cgroup/memory
    mount -t cgroup -o none,name=systemd,xattr cgroup sys/fs/cgroup/systemd
    mount -t cgroup2 cgroup2 sys/fs/cgroup/unified
    mount -t cgroup -o memory cgroup sys/fs/cgroup/memory || rmdir sys/fs/cgroup/memory
    pivot_root . old
    umount -l /old
    mount --make-rshared /
    exec env -i container=box PATH=/usr/bin:/usr/sbin \\
        /lib/systemd/systemd --system --unit=box.target
    ' sh "$root"
"""


class SystemdUnavailable(Exception):
    """No such systemd can run here, and why."""


class Box:
    """The running system; `with` boots it and takes everything away again, also after an error."""

    def __init__(self, root):
        self.root = Path(root)
        self._groups = []
        self._unshare = None
        self._pid = 0

    def __enter__(self):
        if os.geteuid() != 0:
            raise SystemdUnavailable("only root may make namespaces")
        for needed in ("unshare", "nsenter", "systemctl"):
            if shutil.which(needed) is None or not SYSTEMD.exists():
                raise SystemdUnavailable(
                    f"{needed} or systemd is missing: apt-get install systemd"
                )
        try:
            self._furnish()
            self._boot()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *reason):
        if self._unshare is not None:
            self._unshare.kill()  # and by --kill-child systemd, and with it all it started
            self._unshare.wait()
        for group in reversed(self._groups):
            for _ in range(100):
                with suppress(OSError):
                    for below in sorted(group.rglob("*"), reverse=True):
                        if below.is_dir():
                            below.rmdir()
                    group.rmdir()
                if not group.exists():
                    break
                time.sleep(0.05)

    def run(self, *command, check=True, **more):
        """Run a command inside, as root; what it prints is text."""
        enter = ("nsenter", "-t", str(self._pid), "-m", "-p", "-i", "-u", "-C", "--")
        done = subprocess.run(
            [*enter, *map(str, command)],
            **({"capture_output": True, "text": True} | more),
            check=False,
        )
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done

    def shows(self, unit, name):
        """One property of a unit."""
        return self.run("systemctl", "show", "-P", name, unit).stdout.strip()

    def path(self, inside):
        """Where the host finds a path of the box, also one on a file system of the box's own."""
        return Path(f"/proc/{self._pid}/root{inside}")

    def _furnish(self):
        self.root.chmod(0o755)  # it will be everybody's /
        for name in FOLDERS:
            (self.root / name).mkdir(parents=True, exist_ok=True)
        (self.root / "root").chmod(0o700)  # as everywhere
        for name in ("bin", "sbin", "lib", "lib64"):
            (self.root / name).symlink_to(f"usr/{name}")
        (self.root / "var/run").symlink_to("/run")
        for name, text in FILES.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))

    def _boot(self):
        groups = self._enterable()
        with (self.root / "console").open("w") as console:
            self._unshare = subprocess.Popen(
                ["sh", "-c", textwrap.dedent(BOOT), "sh", self.root, *groups],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        give_up_at = time.monotonic() + patience.SECONDS
        while time.monotonic() < give_up_at and self._unshare.poll() is None:
            children = Path(f"/proc/{self._unshare.pid}/task/{self._unshare.pid}/children")
            if (found := children.read_text().split()) and self._is_up(int(found[0])):
                return
            time.sleep(0.05)
        raise SystemdUnavailable(
            f"systemd did not come up: {(self.root / 'console').read_text()[-500:]}"
        )

    def _is_up(self, pid):
        self._pid = pid
        done = self.run("systemctl", "is-active", "box.target", check=False)
        return done.stdout.strip() == "active"

    def _enterable(self):
        """A new group below ours in each hierarchy: the files by which a process enters them."""
        name = f"{run_folder.name()}-box-{uuid.uuid4().hex[:8]}"
        found = []
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            for base in _mounted(controllers):
                above = base / path.lstrip("/")
                if not above.is_dir():
                    continue
                group = above / name
                group.mkdir()
                self._groups.append(group)
                for each in ("cpuset.cpus", "cpuset.mems"):
                    if controllers == "cpuset":
                        (group / each).write_text((above / each).read_text())
                found.append(group / "cgroup.procs")
                break
        return found


def _mounted(controllers):
    top = Path("/sys/fs/cgroup")
    if not controllers:
        return (top / "unified", top) if (top / "unified").is_dir() else (top,)
    return (top / controllers.removeprefix("name="),)
