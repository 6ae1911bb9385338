"""Where a store may not lie is found out and said, with the ways out (issue: SQLite on networks)."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from perdure.engine import process
from perdure.errors import StoreError, StoreMisplaced
from perdure.store import notices as said
from perdure.store import open_store, places
from perdure.store.notices import notices
from perdure.store.places import Mount, from_mount, from_mountinfo, place_of, synchronised

MOUNTINFO = r"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
28 27 0:40 / /var/lib/docker/overlay rw - overlay overlay rw,lowerdir=/a,upperdir=/b
40 27 0:50 / /home rw,relatime - autofs systemd-1 rw,fd=29
41 27 0:51 /users /home rw,relatime shared:2 master:3 - nfs4 server:/users rw,vers=4.2
42 27 0:52 / /home/me/local\040disk rw - xfs /dev/sdb1 rw
43 27 0:53 / /content/drive rw - fuse.drive drive rw,user_id=0
44 27 0:54 / /mnt/far rw - fuse.sshfs me@far:/data rw,user_id=0
45 27 0:55 / /mnt/bucket rw - fuse s3fs rw,user_id=0
46 27 0:56 / /mnt/pooled rw - fuse.mergerfs a:b rw
47 27 0:57 / /mnt/windows rw - fuseblk /dev/sdc1 rw
48 27 0:58 / /mnt/c rw - 9p C:\134 rw,trans=fd
49 27 0:59 / /mnt/share rw - cifs //server/share rw
50 27 0:60 / /work/shared rw - virtiofs host rw
51 27 0:61 / /tmp rw - tmpfs tmpfs rw
""".strip()

MOUNT = """
/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
/dev/disk3s5 on /System/Volumes/Data (apfs, local, journaled)
//me@server/share on /Volumes/the share (smbfs, nodev, nosuid, mounted by me)
server:/home on /Volumes/home (nfs, nodev)
me@far:/data on /Volumes/far (macfuse, nodev)
""".strip()


@pytest.fixture
def linux(monkeypatch):
    monkeypatch.setattr(places, "mounts", lambda: from_mountinfo(MOUNTINFO))
    monkeypatch.setattr(os.path, "realpath", os.fspath)


@pytest.fixture
def on_nfs(tmp_path, monkeypatch):
    """A folder that seems to lie on a network."""
    monkeypatch.setattr(said, "_SAID", set())
    monkeypatch.delenv("PERDURE_NETWORK", raising=False)
    mounts = [Mount("/", "ext4", "/dev/vda"), Mount(os.path.realpath(tmp_path), "nfs4", "server:/home")]
    monkeypatch.setattr(places, "mounts", lambda: mounts)
    return tmp_path


@pytest.mark.parametrize(
    ("folder", "kind", "name"),
    [
        ("/work/notebooks", "disk", ""),
        ("/tmp/x", "disk", ""),
        ("/var/lib/docker/overlay/work", "disk", ""),
        ("/home/me/project", "network", "NFS"),
        ("/homes/me", "disk", ""),
        ("/home/me/local disk/project", "disk", ""),
        ("/content/drive/MyDrive", "network", "Google Drive (FUSE)"),
        ("/mnt/far", "network", "sshfs (FUSE)"),
        ("/mnt/bucket/a", "network", "S3 (FUSE)"),
        ("/mnt/pooled/a", "disk", ""),
        ("/mnt/windows/a", "disk", ""),
        ("/mnt/c/Users", "host", "9P"),
        ("/mnt/share/a", "network", "SMB"),
        ("/work/shared/a", "host", "virtiofs"),
    ],
)
def test_the_file_system_of_a_folder_is_found_in_mountinfo(linux, folder, kind, name):
    """Longest path first, the newest of two on one point, escapes and all."""
    place = place_of(Path(folder))
    assert (place.kind, place.name) == (kind, name)
    assert place.shared == (kind != "disk") == bool(place.sentence())


def test_the_answer_of_macos_is_read(monkeypatch):
    monkeypatch.setattr(places, "mounts", lambda: from_mount(MOUNT))
    monkeypatch.setattr(os.path, "realpath", os.fspath)
    points = {"/Users/me": "", "/Volumes/the share": "SMB", "/Volumes/home": "NFS", "/Volumes/far": "FUSE"}
    assert {point: place_of(Path(point) / "x").name for point in points} == points


@pytest.mark.parametrize(
    "text", ["", "x", "1 2 3 - ext4", "a b c d e\n - \n", "22 27 0:21 / \\777 rw - proc proc"]
)
def test_a_table_of_garbage_is_no_error(text):
    from_mountinfo(text)
    from_mount(text)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("OneDrive/work", "OneDrive"),
        ("OneDrive - The Company/work", "OneDrive"),
        ("Dropbox (Personal)/a/b", "Dropbox"),
        ("Library/Mobile Documents/com~apple~CloudDocs/a", "iCloud"),
        ("Library/CloudStorage/GoogleDrive-me@mail.org/My Drive", "Google Drive"),
        ("Nextcloud/work", "Nextcloud"),
        ("My Dropboxes/work", None),
        ("drive/work", None),
    ],
)
def test_a_synchronised_folder_is_known_by_its_name(tmp_path, path, name):
    place = synchronised(tmp_path / path)
    assert (None if place is None else place.name) == name


@pytest.mark.parametrize(("mark", "name"), [(".stfolder", "Syncthing"), (".dropbox.cache", "Dropbox")])
def test_a_synchronised_folder_is_known_by_a_mark_in_it(tmp_path, mark, name):
    (tmp_path / mark).mkdir()
    place = place_of(tmp_path / "a" / "b")
    assert (place.kind, place.name, place.at) == ("synchronised", name, str(tmp_path))


def test_a_link_is_followed_to_where_the_store_lies(tmp_path):
    (tmp_path / "Dropbox").mkdir()
    (tmp_path / "work").symlink_to(tmp_path / "Dropbox")
    assert place_of(tmp_path / "work" / ".perdure").name == "Dropbox"


def test_a_new_store_on_a_network_is_refused_and_nothing_is_made(on_nfs, monkeypatch):
    """A store that may be damaged is worse than a sentence; who knows better says so."""
    with pytest.raises(StoreMisplaced, match=r"(?s)NFS.*PERDURE_STORE.*PERDURE_NETWORK=1"):
        open_store(on_nfs / ".perdure")
    monkeypatch.chdir(on_nfs)
    with pytest.raises(StoreMisplaced):
        open_store()
    assert not (on_nfs / ".perdure").exists()
    monkeypatch.setenv("PERDURE_NETWORK", "1")
    with open_store(on_nfs / ".perdure") as store:
        (notice,) = notices(store)
        assert "lies on NFS" in notice


def test_the_settings_of_a_store_allow_a_network_too(on_nfs, monkeypatch):
    (on_nfs / ".perdure").mkdir()
    (on_nfs / ".perdure" / "settings.json").write_text('{"network": true}')
    open_store(on_nfs / ".perdure").close()
    monkeypatch.setenv("PERDURE_NETWORK", "yes")
    with pytest.raises(StoreError, match="PERDURE_NETWORK is 'yes'"):
        open_store(on_nfs / "other")


def test_a_store_that_is_there_is_opened_with_a_sentence_once_in_a_session(on_nfs, monkeypatch):
    """A store that was brought there, by a copy or a mount: it opens, and the ways out are said."""
    monkeypatch.setenv("PERDURE_NETWORK", "1")
    open_store(on_nfs / ".perdure").close()
    monkeypatch.delenv("PERDURE_NETWORK")
    with open_store(on_nfs / ".perdure") as store:
        (notice,) = notices(store)
        assert "two machines" in notice
        assert "PERDURE_STORE" in notice
        assert "perdure export" in notice
        assert notices(store) == []


def test_plain_python_is_warned_once(on_nfs, monkeypatch):
    monkeypatch.setenv("PERDURE_NETWORK", "1")
    monkeypatch.setenv("PERDURE_STORE", str(on_nfs / ".perdure"))
    before = process.use_store(None)
    try:
        with pytest.warns(UserWarning, match="Perdure: this store lies on NFS"):
            process.the_store().close()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            process.the_store().close()
    finally:
        process.use_store(before)


def test_the_command_line_says_it_beside_its_answer(on_nfs, monkeypatch, capsys):
    from perdure.cli import main

    monkeypatch.setenv("PERDURE_NETWORK", "1")
    open_store(on_nfs / ".perdure").close()
    assert main(["--store", str(on_nfs), "runs"]) == 0
    told = capsys.readouterr()
    assert "perdure: this store lies on NFS" in told.err
    assert "NFS" not in told.out


@pytest.mark.skipif(sys.platform != "linux", reason="FUSE of Linux")
def test_a_real_fuse_mount_is_refused(tmp_path, monkeypatch):
    """As the system tells it: mounted, asked, refused, and not written to."""
    point = tmp_path / "far"
    point.mkdir()
    script = Path(__file__).with_name("fuse_alone.py")
    server = subprocess.Popen(
        [sys.executable, script, point], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        if server.stdout.readline() != "on\n":
            pytest.skip(f"this account may not mount: {server.stderr.read().splitlines()[-1:]}")
        with pytest.raises(StoreMisplaced, match=r"far is mounted with sshfs \(FUSE\)"):
            open_store(point / "work" / ".perdure")
        assert place_of(point).at == str(point)
    finally:
        subprocess.run(["umount", "-l", point], check=False, capture_output=True)
        server.kill()
        server.communicate()


def test_this_machines_own_table_is_read():
    if sys.platform == "linux":
        assert any(mount.point == "/" for mount in places.mounts())
