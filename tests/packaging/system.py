# SPDX-License-Identifier: BSD-2-Clause
"""A Debian system of its own: made by debootstrap once, and booted by systemd-nspawn on a layer that
is thrown away."""

import os
import shutil
import subprocess
import time
from pathlib import Path

ROOTS = Path(os.environ.get("SPANFLOW_ROOTS", "/var/tmp/spanflow-roots"))
MACHINE = "spanflow-package-test"


def run(*command, check=True, timeout=300, **more):
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=timeout, **more)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}: status {done.returncode}\n"
                             f"{done.stdout}{done.stderr}")
    return done


def missing_tool():
    """Why no system can be made here, or None."""
    if os.geteuid() != 0:
        return "only root can make and boot a system"
    for tool, package in (("debootstrap", "debootstrap"), ("systemd-nspawn", "systemd-container"),
                          ("dpkg-buildpackage", "dpkg-dev"), ("dh", "debhelper"),
                          ("tcpreplay", "tcpreplay")):
        if not shutil.which(tool):
            return f"no program {tool} (apt-get install {package})"
    return None


def suite():
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.split("=")[1].strip('"')
    return "stable"


def chroot(root, command):
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    return run("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c",
               'mount --make-rprivate / && mount -t proc proc "$1/proc" && exec chroot "$1" env -i '
               'PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive sh -c "$2"',
               "sh", root, command)


def base(packages):
    """The system with systemd and all that these packages (.deb) depend on. Raises when there is no
    mirror."""
    root = ROOTS / f"package-{suite()}"
    if not (root / ".complete").exists():
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        run("debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv,iproute2", suite(),
            root, os.environ.get("DEBIAN_MIRROR", ""))
        chroot(root, "apt-get update -qq")
        (root / ".complete").touch()
    place = root / "packages"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for package in packages:
        shutil.copy(package, place)
    # DPDK's driver for an interface of the kernel is called otherwise in each release
    missing = chroot(root, "apt-get -s install --no-install-recommends /packages/*.deb "
                     "$(apt-cache pkgnames librte-net-af-packet)").stdout.splitlines()
    wanted = [line.split()[1] for line in missing if line.startswith("Inst ")]
    own = {Path(package).name.split("_")[0] for package in packages}
    wanted = [name for name in wanted if name not in own]
    if wanted:
        chroot(root, "apt-get update -qq; apt-get install -qq -y --no-install-recommends "
               + " ".join(wanted))
    return root


class System:
    """Booted: call it with a command. What changes in it is gone afterwards."""

    def __init__(self, lower, directory):
        self.log = open(directory / "console", "wb")
        self.root = directory / "root"
        for name in "root", "upper", "work":
            (directory / name).mkdir()
        run("mount", "-t", "overlay", "overlay", "-o",
            f"lowerdir={lower},upperdir={directory}/upper,workdir={directory}/work", self.root)
        self.process = None

    def boot(self):
        # DPDK looks for VFIO there
        devices = [f"--bind={path}" for path in ("/dev/vfio", "/sys/module") if Path(path).exists()]
        self.process = subprocess.Popen(
            ["systemd-nspawn", "--quiet", *devices, "--boot", f"--directory={self.root}", "--register=no",
             "--keep-unit", "--private-network", f"--machine={MACHINE}", "--console=pipe",
             # what AF_XDP and the sandbox need, and a container is not given by default
             "--capability=CAP_BPF,CAP_PERFMON,CAP_IPC_LOCK",
             "--system-call-filter=bpf perf_event_open landlock_create_ruleset landlock_add_rule "
             "landlock_restrict_self"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        end = time.monotonic() + 60
        state = ""
        while state not in ("running", "degraded"):
            if self.process.poll() is not None or time.monotonic() > end:
                text = Path(self.log.name).read_text(errors="replace")
                raise RuntimeError(f"the system does not boot ({state}):\n{text[-2000:]}")
            time.sleep(0.3)
            state = self("systemctl", "is-system-running", check=False).stdout.strip()

    def leader(self):
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return children[0] if children else "0"

    def __call__(self, *command, **more):
        return run("nsenter", f"--target={self.leader()}", "--mount", "--uts", "--ipc", "--net",
                   "--pid", "--cgroup", "--root", "--wdns=/", "env", "-i", "LC_ALL=C.UTF-8",
                   "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *command, **more)

    def network(self, *command):
        """A program of the host, in the system's network."""
        return run("nsenter", f"--target={self.leader()}", "--net", *command)

    def stop(self):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        run("umount", "--lazy", self.root, check=False)
        self.log.close()
