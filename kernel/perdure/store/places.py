"""Where a store lies: on a disk of this machine, or where SQLite and locks may not be trusted.

SQLite's write-ahead log is shared through memory, which two machines do not have in common; many file
systems that are mounted over a network do not offer it at all. What synchronises a folder copies the journal
while it is written. Names and marks are looked at, nothing is opened; what is not known is a disk.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from perdure.errors import StoreMisplaced

from .settings import allows_network

_NETWORK = {
    "acfs": "ACFS", "afpfs": "AFP", "afs": "AFS", "auristorfs": "AFS", "beegfs": "BeeGFS",
    "ceph": "CephFS", "cifs": "SMB", "coda": "Coda", "davfs": "WebDAV", "fhgfs": "BeeGFS", "gfs2": "GFS2",
    "glusterfs": "GlusterFS", "gpfs": "GPFS", "lustre": "Lustre", "ncpfs": "NCP", "nfs": "NFS", "nfs4": "NFS",
    "ocfs2": "OCFS2", "orangefs": "OrangeFS", "panfs": "PanFS", "pvfs2": "PVFS", "smb3": "SMB",
    "smbfs": "SMB", "wekafs": "WekaFS", "webdav": "WebDAV",
}  # fmt: skip
"""File systems that several machines write to at once."""

_HOSTS = {
    "9p": "9P", "drvfs": "DrvFs", "fakeowner": "a shared folder", "fuse.grpcfuse": "gRPC FUSE",
    "fuse.osxfs": "osxfs", "fuse.vmhgfs-fuse": "HGFS", "prl_fs": "a shared folder", "vboxsf": "vboxsf",
    "virtiofs": "virtiofs", "vmhgfs": "HGFS",
}  # fmt: skip
"""Folders of a machine that are lent to a virtual machine or a container of it."""

_DISKS = {
    "bindfs", "cryfs", "ecryptfs", "encfs", "fuse-overlayfs", "gocryptfs", "mergerfs", "ntfs", "ntfs-3g",
    "overlayfs", "unionfs", "zfs",
}  # fmt: skip
"""Programs that lay a folder of this machine's own disks out anew; other FUSE programs reach further."""

_PROGRAMS = {"drive": "Google Drive", "gcsfuse": "Google Cloud Storage", "s3fs": "S3", "mount-s3": "S3"}

_SYNCHRONISED = (
    (r"onedrive( - .+)?", "OneDrive"),
    (r"dropbox( \(.+\))?", "Dropbox"),
    (r"google ?drive|googledrive-.+", "Google Drive"),
    (r"icloud ?drive|mobile documents|com~apple~clouddocs", "iCloud"),
    (r"cloudstorage", "a cloud service"),
    (r"nextcloud", "Nextcloud"),
    (r"owncloud", "ownCloud"),
    (r"syncthing", "Syncthing"),
    (r"pcloud ?drive", "pCloud"),
    (r"box sync", "Box"),
    (r"mega(sync)?", "MEGA"),
    (r"seafile", "Seafile"),
    (r"yandex\.disk", "Yandex Disk"),
)
"""What the folders are called that programs keep alike on several machines."""

_MARKS = (
    (".stfolder", "Syncthing"),
    (".dropbox.cache", "Dropbox"),
    (".tmp.drivedownload", "Google Drive"),
    (".owncloudsync.log", "ownCloud"),
    (".nextcloudsync.log", "Nextcloud"),
)
"""What such programs leave in the folder that they look after."""

_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """A file system that is mounted."""

    point: str
    type: str
    source: str


@dataclass(frozen=True, slots=True)
class Place:
    """What a folder lies on."""

    kind: str
    """`disk`; `network`: several machines write there; `host`: lent by the machine around this one;
    `synchronised`: a program keeps it alike on several machines."""
    name: str = ""
    at: str = ""
    """Where that begins."""

    @property
    def shared(self) -> bool:
        """Whether other machines may be at work there, whose locks are not seen here."""
        return self.kind != "disk"

    def sentence(self) -> str:
        """What a user should know about a store there; empty for a disk."""
        ways = (
            "PERDURE_STORE can name a folder on a local disk (in a container: a volume), "
            "and `perdure export` carries a run from one store to another"
        )
        match self.kind:
            case "network":
                return (
                    f"this store lies on {self.name}, mounted at {self.at}: its journal can be damaged when "
                    f"two machines use it at once; {ways}"
                )
            case "host":
                return (
                    f"this store lies on {self.name}, mounted at {self.at}, a folder of the machine around "
                    f"this one: its journal can be damaged when both use it at once; {ways}"
                )
            case "synchronised":
                return (
                    f"this store lies in {self.at}, which {self.name} synchronises: what it copies while a "
                    f"kernel is at work may be half a journal, so use the store on one machine only; {ways}"
                )
            case _:
                return ""


DISK = Place("disk")


def place_of(folder: Path) -> Place:
    """What a folder, which need not be there yet, lies on."""
    path = Path(os.path.realpath(folder))
    mount = _holding(path, mounts())
    place = DISK if mount is None else _on(mount)
    return place if place.kind == "network" else synchronised(path) or place


def check_place(folder: Path) -> None:
    """Do nothing, unless a new store in `folder` could not be kept whole.

    Raises:
        StoreMisplaced: it would lie on a network; PERDURE_NETWORK, or the store's settings, allow it.
    """
    place = place_of(folder)
    if place.kind == "network" and not allows_network(folder):
        raise StoreMisplaced(
            path=str(folder),
            cause=f"{place.at} is mounted with {place.name}, where two machines at once damage a journal.",
            advice="Set PERDURE_STORE to a folder on a local disk (in a container: a volume); or, if only "
            "one machine at a time will use this one, set PERDURE_NETWORK=1.",
        )


def mounts() -> list[Mount]:
    """The file systems that are mounted, as far as the system tells."""
    with contextlib.suppress(OSError):
        if sys.platform == "darwin":
            told = subprocess.run(["/sbin/mount"], capture_output=True, check=False, timeout=5)
            return from_mount(told.stdout.decode(errors="surrogateescape"))
        text = Path("/proc/self/mountinfo").read_bytes().decode(errors="surrogateescape")
        return from_mountinfo(text)
    return []


def from_mountinfo(text: str) -> list[Mount]:
    """The mounts in Linux's `/proc/self/mountinfo`."""
    found = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, rest = before.split(" "), after.split(" ")
        if len(fields) > 4 and len(rest) > 1:  # noqa: PLR2004  up to the mount point; type and source
            found.append(Mount(_unescaped(fields[4]), rest[0], _unescaped(rest[1])))
    return found


def from_mount(text: str) -> list[Mount]:
    """The mounts in the answer of macOS's `mount`: `SOURCE on POINT (TYPE, OPTIONS)`."""
    lines = (re.fullmatch(r"(.*?) on (/.*) \(([^,)]+).*\)", line) for line in text.splitlines())
    return [Mount(line[2], line[3], line[1]) for line in lines if line is not None]


def _unescaped(text: str) -> str:
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), text)


def _holding(path: Path, mounts: Iterable[Mount]) -> Mount | None:
    """The mount that a path lies on: the longest that leads there, the newest of those at one point."""
    best: Mount | None = None
    for mount in mounts:
        leads = mount.point == "/" or path.is_relative_to(mount.point)
        if leads and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best


def _on(mount: Mount) -> Place:
    if mount.type in _HOSTS:
        return Place("host", _HOSTS[mount.type], mount.point)
    if mount.type in _NETWORK:
        return Place("network", _NETWORK[mount.type], mount.point)
    system, _, program = mount.type.partition(".")
    if system not in ("fuse", "macfuse", "osxfuse", "fusefs"):
        return DISK
    if system == "fuse" and not program:
        program = mount.source.partition("#")[0].rsplit("/", 1)[-1]
    if program in _DISKS:
        return DISK
    name = _PROGRAMS.get(program, program)
    return Place("network", f"{name} (FUSE)" if name else "FUSE", mount.point)


def synchronised(path: Path) -> Place | None:
    """What keeps the folder alike on several machines, by names of folders and by marks in them."""
    for folder in (path, *path.parents):
        for pattern, name in _SYNCHRONISED:
            if re.fullmatch(pattern, folder.name, re.IGNORECASE):
                return Place("synchronised", name, str(folder))
        for mark, name in _MARKS:
            with contextlib.suppress(OSError):
                if (folder / mark).exists():
                    return Place("synchronised", name, str(folder))
    return None
