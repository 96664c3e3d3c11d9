"""What the mode "fork" does once, when the application is loaded, so that each fork has less to do.

Most of what a fork costs is pages: each that it writes to is copied for it, and each that it looks at
has to be found for it.
"""
import os
import sys

import __main__ as bridge

__framegate__ = "wsgi"

FILLING = 16 << 20  # bytes that may be spent on holes


class LockHooks:
    """os.register_at_fork() while the application is loaded.

    What threading and logging have done in a fork frees their locks of threads that are not there. Where there was
    never more than one thread, that is a tenth of what a request costs, for nothing. A fork has it done in its own
    forks, since it may have threads.
    """

    def __init__(self):
        self.real, self.mine, self.kept = os.register_at_fork, self.register, []
        self.main_thread, self.within = None, False
        os.register_at_fork = self.mine

    def register(self, **hooks):
        if sys._getframe(1).f_globals.get("__name__") in ("threading", "logging"):
            self.kept.append(hooks)
        else:
            self.real(**hooks)

    def settle(self, alone):
        if os.register_at_fork is self.mine:
            os.register_at_fork = self.real
        if not alone:
            for hooks in self.kept:
                self.real(**hooks)
        elif self.kept:
            self.real(before=self.before, after_in_parent=self.in_parent, after_in_child=self.in_child)
        if "threading" in sys.modules:
            self.main_thread = sys.modules["threading"].main_thread()

    def in_fork(self):
        self.within = True
        if hasattr(self.main_thread, "_native_id"):
            self.main_thread._native_id = os.getpid()

    def before(self):
        if self.within:
            self.call("before", reversed(self.kept))

    def in_parent(self):
        if self.within:
            self.call("after_in_parent", self.kept)

    def in_child(self):
        if self.within:
            self.call("after_in_child", self.kept)

    def call(self, when, kept):
        for hooks in kept:
            if when in hooks:
                hooks[when]()


def fill_holes():
    """Takes what memory is free between objects: what a fork allocates lies together behind it then, on a few new
    pages instead of some of a hundred old ones. Returns what is to be kept."""
    try:
        ctypes = bridge.standard("ctypes")
        libc = ctypes.CDLL(None)
        libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
        libc.sbrk.restype, libc.sbrk.argtypes = ctypes.c_void_p, [ctypes.c_ssize_t]
        filling = fill_arenas()
        fill_heap(libc.malloc, libc.sbrk(0))
        return filling
    except (ImportError, OSError, AttributeError, ValueError):
        return []  # another system, or another C library: there they stay


def fill_arenas():
    """The holes of up to 512 bytes, which are Python's own."""
    with open("/proc/self/maps") as file:
        maps = [[int(end, 16) for end in line.split()[0].split("-")] for line in file]
    filling, left, at = [], FILLING, maps[0]
    for size in range(512, 48, -16):  # Python's classes of sizes
        while left > 0:
            filling.append(bytes(size - sys.getsizeof(b"")))
            left -= size
            address = id(filling[-1])
            if not at[0] <= address < at[1]:
                within = [span for span in maps if span[0] <= address < span[1]]
                if not within:
                    break  # new memory: there are no more holes of this size
                at = within[0]
    return filling


def fill_heap(malloc, end):
    """Those of the C library, in what is its heap now."""
    left = FILLING
    for size in [65536 >> n for n in range(6)] + list(range(1536, 0, -16)):
        while left > 0 and 0 < (malloc(size) or 0) < end:
            left -= size
