"""What loading an application costs, and what of it a fork would not survive: for `framegate check`.

It answers the gateway on stdout, NAME=VALUE NUL …, each name as often as it takes: "begun", the clock in nanoseconds
when the application's turn came; "import" and "fork" in microseconds; "memory" and "own" in KiB, with the application
and without; and "thread", "open" and "module", which speak against a fork.
"""
import gc
import os
import sys
import time

import __main__ as bridge

__framegate__ = "wsgi"

FORKS = 15

# Libraries whose threads, locks or devices a fork does not inherit in order, as their own documents say.
NOT_FORKED = ("grpc", "tensorflow", "jax", "confluent_kafka", "jpype", "ray", "cupy", "gevent", "eventlet")


def main(options):
    begun, own, start = time.time_ns(), memory(), time.perf_counter()
    body, out = bridge.take_streams()
    os.close(body)
    sys.path[:] = options.dirs + bridge.INSTALLED_PATH
    sys.argv = [options.spec]
    try:
        bridge.load(options.spec, options.dirs)
    except bridge.Fault as fault:
        bridge.report(fault, None)
        return 1
    facts = [("begun", begun), ("import", int((time.perf_counter() - start) * 1e6)), ("own", own), ("memory", memory())]
    shared = beside("wsgi_shared")
    against = [("thread", name) for name in shared.threads()]
    against += [("module", name) for name in NOT_FORKED if name in sys.modules]
    if not against and hasattr(os, "fork"):
        facts.append(("fork", fork_time()))
    against += [("open", name) for name in shared.files(out)]
    os.write(out, b"".join(os.fsencode("%s=%s" % fact) + b"\0" for fact in facts + against))
    os._exit(0)  # its threads, and what it does at its end, are nobody's concern


def beside(name):
    """A module of the bridge, imported when the application has had its turn: what both need counts as the application's."""
    kept, sys.path = sys.path, [os.path.dirname(os.path.abspath(__file__))] + bridge.INSTALLED_PATH
    try:
        return __import__(name)
    finally:
        sys.path = kept


def memory():
    """Resident, in KiB; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 10
    except OSError:
        return 0


def fork_time():
    """Microseconds until a fork runs, the least of several: what else the machine does is not its cost."""
    gc.disable()
    gc.collect()
    gc.freeze()
    took = []
    for _ in range(FORKS):
        reader, writer = os.pipe()
        start = time.perf_counter()
        pid = os.fork()
        if pid == 0:
            try:
                os.write(writer, b"!")
            finally:
                os._exit(0)
        os.read(reader, 1)
        took.append(time.perf_counter() - start)
        os.waitpid(pid, 0)
        os.close(reader)
        os.close(writer)
    return int(min(took) * 1e6)
