"""A FUSE file system with nothing in it but its root, mounted on the folder that is named, until it is killed."""

import ctypes
import errno
import os
import struct
import sys

INIT, LOOKUP, GETATTR, STATFS = 26, 1, 3, 17
NOBODY_WAITS = {2, 42, 36}  # FORGET, BATCH_FORGET, INTERRUPT


def attributes():
    """What `stat` tells of the root: a folder."""
    return struct.pack("<QQQQQQIIIIIIIIII", 1, 0, 0, 0, 0, 0, 0, 0, 0, 0o40755, 2, 0, 0, 0, 4096, 0)


def answer(code):
    """The error number and the body of an answer."""
    if code == INIT:
        return 0, struct.pack("<IIIIHHIIHHI28x", 7, 31, 0, 0, 0, 0, 4096, 1, 0, 0, 0)
    if code == GETATTR:
        return 0, struct.pack("<QII", 60, 0, 0) + attributes()
    if code == STATFS:
        return 0, bytes(80)
    return (errno.ENOENT if code == LOOKUP else errno.ENOSYS), b""


def main():
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40755,user_id={os.getuid()},group_id={os.getgid()}".encode()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"user@far:/data", sys.argv[1].encode(), b"fuse.sshfs", 0, options):
        sys.exit(os.strerror(ctypes.get_errno()))
    sys.stdout.write("on\n")
    sys.stdout.flush()
    while True:
        request = os.read(device, 1 << 18)
        _, code, unique = struct.unpack_from("<IIQ", request)
        if code not in NOBODY_WAITS:
            number, body = answer(code)
            os.write(device, struct.pack("<IiQ", 16 + len(body), -number, unique) + body)


main()
