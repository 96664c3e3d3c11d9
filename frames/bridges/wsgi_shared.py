"""What a loaded application has that its forks would share, or would not have, to their authors' surprise."""
import os
import sys

import _socket

__framegate__ = "wsgi"


def threads():
    """The names of the threads that a fork will not have."""
    threading = sys.modules.get("threading")
    names = [t.name for t in threading.enumerate() if t is not threading.main_thread()] if threading else []
    try:
        unknown = len(os.listdir("/proc/self/task")) - 1 - len(names)
    except OSError:
        unknown = 0
    return names + ["(not Python's)"] * max(unknown, 0)


def files(wire):
    """Open sockets and SQLite databases, in words: a fork and the next would both talk on them."""
    try:
        fds = sorted(int(fd) for fd in os.listdir("/proc/self/fd"))
    except OSError:
        return
    for fd in fds:
        try:
            target = os.readlink("/proc/self/fd/%d" % fd)
            if target.startswith("socket:") and fd != wire:
                yield "socket " + peer(fd)
            elif target.startswith("/") and os.pread(fd, 16, 0) == b"SQLite format 3\0":
                yield "SQLite database " + target
        except OSError:
            pass  # closed meanwhile, or not to be read


def peer(fd):
    socket = _socket.socket(fileno=os.dup(fd))
    try:
        for tell, name in (("to ", socket.getpeername), ("at ", socket.getsockname)):
            try:
                address = name()
            except OSError:
                continue
            if isinstance(address, tuple) and len(address) >= 2:
                return tell + "%s:%s" % address[:2]
            if address:
                return tell + (address if isinstance(address, str) else repr(address))
        return "without an address"
    finally:
        socket.close()
