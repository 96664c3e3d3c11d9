"""The bridge's mode "fork": the application is loaded once, and each request is answered by a fork of it.

Descriptor 0 is a connection on which the gateway says what to fork; docs/wire.md has its messages.
The loaded process does nothing but fork and reap: a fork shares its memory, and each page that
one of them writes to is copied, which is most of what a request costs.
"""
import atexit
import gc
import io
import itertools
import os
import sys

import _signal
import _socket
import _struct
import _thread
import _weakref
import __main__ as bridge
import wsgi_settle
import wsgi_shared
import wsgi_warm

__framegate__ = "wsgi"

# A message is its type, the length of the rest, and a number that says which fork it is about.
MESSAGE, FORKED, ENDED = map(_struct.Struct, (">cII", ">cIII", ">cIIIIQQ"))
THREE = _struct.Struct("3i")  # descriptors

ECANCELED, EMFILE = 125, 24
READABLE = 1  # select.POLLIN
ZOMBIES = getattr(os, "WEXITED", 0) | getattr(os, "WNOWAIT", 0) | os.WNOHANG
CLOSE_ON_EXEC = getattr(_socket, "MSG_CMSG_CLOEXEC", 0)
BUFFERING = frozenset((io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom))


class Loaded:
    """The loaded process."""

    def __init__(self, options, wire):
        self.options, self.wire, self.pid = options, wire, os.getpid()
        self.start = dict(os.environb)
        self.running = {}  # the gateway's numbers by pids
        self.received, self.descriptors = b"", []
        self.ending = False
        self.app = self.post_fork = None

    # --- until it is ready ---

    def load(self):
        """Loads the application and answers what the gateway should know. Where that fails, each fork tries anew, as
        in mode "exec": whoever mends it is not held up."""
        options = self.options
        self.hooks = wsgi_settle.LockHooks()
        try:
            module, app = wsgi_warm.load(options)
            if options.post_fork:
                self.post_fork = bridge.load(options.post_fork, options.dirs)[1]
        except bridge.Fault as fault:
            bridge.report(fault, None)
            facts = [("failed", fault.message)]
        else:
            self.app = app
            facts = [("file", bridge.module_file(module, options.spec))]
            if options.warm_up:
                wsgi_warm.warm_up(options, app)
        others = wsgi_shared.threads()
        self.alone = not others
        self.hooks.settle(self.alone)
        facts += [("thread", name) for name in others]
        facts += [("open", name) for name in wsgi_shared.files(self.wire.fileno())]
        return facts

    def settle(self):
        """Makes ready what every fork begins with."""
        self.own_death = death_signal()
        self.stand_in()
        self.catch_signals()
        self.collecting = gc.isenabled()
        gc.disable()
        gc.collect()
        # What is buffered now, each fork would write again; what is buffered later is one fork's own.
        self.files = [_weakref.ref(file) for file in open_files() if not file.closed and file.writable()]
        flush([file() for file in self.files])
        self.filling = wsgi_settle.fill_holes()
        gc.freeze()  # no collection in a fork looks at what is there now: looking is writing

    def stand_in(self):
        """wait4() wants the module resource each time; a project may have one of that name, which forks get back."""
        self.resource, self.projects = private("resource"), sys.modules.get("resource")
        sys.modules["resource"] = self.resource

    def catch_signals(self):
        """SIGCHLD wakes the loop, and SIGTERM ends it. A fork has the application's own handlers again."""
        self.woken, self.waker = os.pipe()
        for fd in (self.woken, self.waker):
            os.set_blocking(fd, False)
        self.handlers = [(sent, _signal.getsignal(sent) or _signal.SIG_DFL) for sent in (_signal.SIGTERM, _signal.SIGCHLD)]
        self.waking = _signal.set_wakeup_fd(self.waker, warn_on_full_buffer=False)
        _signal.signal(_signal.SIGTERM, self.signalled)
        _signal.signal(_signal.SIGCHLD, {}.get)  # the byte in the pipe is all: this does nothing, and is no Python code

    def signalled(self, sent, _):
        if os.getpid() != self.pid:  # a fork that has not come to restore_signals yet
            self.restore_signals()
            os.kill(os.getpid(), sent)
        self.ending = True

    def restore_signals(self):
        _signal.set_wakeup_fd(self.waking)
        for sent, handler in self.handlers:
            _signal.signal(sent, handler)

    # --- the loop: what it writes to is copied for each fork that runs ---

    def serve(self):
        poll = private("select").poll()
        poll.register(self.wire.fileno(), READABLE)
        poll.register(self.woken, READABLE)
        while not self.ending or self.running:
            for fd, _ in poll.poll():
                if fd == self.woken:
                    os.read(fd, 512)
                    self.look()
                elif not self.receive():
                    return

    def receive(self):
        """Does what the gateway has sent. False is its end."""
        data, ancillary, flags, _ = self.wire.recvmsg(65536, 32, CLOSE_ON_EXEC)
        if ancillary:  # a read never goes beyond the message that descriptors came with: they are in the messages' order
            fds = ancillary[0][2]
            self.descriptors.append(THREE.unpack(fds) if len(fds) == THREE.size else close(fds))
        elif flags & _socket.MSG_CTRUNC:
            self.descriptors.append(())  # there was no room for any
        received = self.received + data
        at = 0
        while len(received) - at >= 9:
            kind, length, number = MESSAGE.unpack_from(received, at)
            end = at + 5 + length
            if len(received) < end:
                break
            if kind == b"Q":
                self.fork(number, received[at + 9:end], self.descriptors.pop(0))
            at = end
        self.received = received[at:]
        return bool(data)

    def fork(self, number, block, fds):
        pid, error = 0, ECANCELED if self.ending else 0 if fds else EMFILE
        if not error:
            request = Request(self, block, *fds[:2])
            try:
                pid = os.fork()
            except OSError as exc:
                error = exc.errno
            else:
                if pid == 0:
                    Fork(self).live(request, *fds)
        for fd in fds:
            os.close(fd)
        if error:
            self.wire.sendall(FORKED.pack(b"E", 8, number, error))
            return
        try:
            os.setpgid(pid, pid)  # both do it: whoever comes later finds it done
        except OSError:
            pass
        self.running[pid] = number
        self.wire.sendall(FORKED.pack(b"F", 8, number, pid))

    def look(self):
        """Tells of those that have ended."""
        while self.alone and self.running:
            end = os.waitid(os.P_ALL, 0, ZOMBIES)
            if end is None:
                return
            if end.si_pid not in self.running:
                break  # a child that the application has left: it is in front for ever
            self.reap(end.si_pid)
        for pid in list(self.running):
            try:
                if os.waitid(os.P_PID, pid, ZOMBIES):
                    self.reap(pid)
            except ChildProcessError:  # code of the application's, in a thread, has taken it
                self.tell(pid, _signal.SIGKILL, 0, 0)

    def reap(self, pid):
        try:
            os.killpg(pid, _signal.SIGKILL)  # while it is a zombie, and the number its own
        except OSError:
            pass
        _, status, usage = os.wait4(pid, 0)
        self.tell(pid, status, int((usage.ru_utime + usage.ru_stime) * 1e6), usage.ru_maxrss)

    def tell(self, pid, status, microseconds, kib):
        self.wire.sendall(ENDED.pack(b"X", 28, self.running.pop(pid), pid, status, microseconds, kib))

    def end(self):
        """Nobody is there any more who could want an answer."""
        for pid in self.running:
            try:
                os.killpg(pid, _signal.SIGKILL)
            except OSError:
                pass
        for pid in self.running:
            os.waitpid(pid, 0)


class Request:
    """What a fork is to answer. It is made before there is one: a page that is written to costs less where it is not
    shared yet."""

    def __init__(self, loaded, block, body, out):
        options = loaded.options
        texts, strings = iter(block.split(b"\0")), iter(block.decode("latin-1").split("\0"))
        self.variables, environ = dict(zip(texts, texts)), dict(zip(strings, strings))
        for key, value in loaded.start.items():
            if self.variables.get(key) == value:
                del self.variables[key]  # the application may have set it anew meanwhile
        self.host = bridge.Host(options.spec, bridge.wsgi_strings(environ, options.path_info), body, out, options.path_info)


class Fork:
    """The forked process: a CGI program from here on."""

    def __init__(self, loaded):
        self.loaded = loaded

    def live(self, request, body, out, err):
        status = 1
        try:
            self.part(err)
            status = self.answer(request)
            os.close(out)  # the answer ends here
            self.finish()
        except KeyboardInterrupt as exc:
            bridge.print_traceback(exc)
            _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
            os.kill(os.getpid(), _signal.SIGINT)
        except BaseException as exc:
            bridge.print_traceback(exc)
        finally:
            os._exit(status)  # without the interpreter's own end, which writes to every page there is

    def part(self, err):
        """Leaves the loaded process."""
        loaded = self.loaded
        loaded.hooks.in_fork()
        os.setpgid(0, 0)
        loaded.own_death()
        if os.getppid() != loaded.pid:
            os._exit(1)
        loaded.restore_signals()
        loaded.wire.close()
        os.close(loaded.woken)
        os.close(loaded.waker)
        os.dup2(err, 2)
        os.dup2(err, 1)
        os.close(err)
        if loaded.options.cpu_time != "0":
            seconds = int(loaded.options.cpu_time)
            loaded.resource.setrlimit(loaded.resource.RLIMIT_CPU, (seconds, seconds + 1))
        self.forget_exits()
        if loaded.projects is None:
            del sys.modules["resource"]
        else:
            sys.modules["resource"] = loaded.projects
        if loaded.collecting:
            gc.enable()

    def forget_exits(self):
        """What the loaded process wants done at its end is not this one's to do."""
        atexit._clear()
        finalize = getattr(sys.modules.get("weakref"), "finalize", None)
        if getattr(finalize, "_registry", None):
            finalize._registry.clear()
            finalize._registered_with_atexit = False

    def answer(self, request):
        loaded, host = self.loaded, request.host
        set_variables(request.variables)
        try:
            app = loaded.app or wsgi_warm.load(loaded.options)[1]
            if loaded.post_fork:
                self.hook(loaded.post_fork)
        except bridge.Fault as fault:
            return host.fail(fault)
        return host.run(app)

    def hook(self, post_fork):
        try:
            post_fork()
        except KeyboardInterrupt:
            raise
        except BaseException as exc:
            raise bridge.Fault("post-fork = %s failed: %s" % (self.loaded.options.post_fork, bridge.describe(exc))) from exc

    def finish(self):
        """An ordinary end as far as this process is concerned: its threads, its atexit functions, its files."""
        threading = sys.modules.get("threading")
        if threading and (_thread._count() or getattr(threading, "_threading_atexits", True)):
            threading._shutdown()
        if atexit._ncallbacks():
            atexit._run_exitfuncs()
        flush([file() for file in self.loaded.files] + open_files())


# --- small tools -------------------------------------------------------------------------------

def private(name):
    """A standard module, whatever stands under its name; that stays as it was."""
    kept = sys.modules.pop(name, None)
    try:
        return bridge.standard(name)
    finally:
        sys.modules.pop(name, None)
        if kept is not None:
            sys.modules[name] = kept


def set_variables(variables):
    """What os.environb.update() does, less the calls, of which there are five for each."""
    for key, value in variables.items():
        os.putenv(key, value)
    os.environ._data.update(variables)


def open_files():
    """The files among what the collector knows of: in a fork, those that it has opened itself."""
    things = gc.get_objects()
    return list(itertools.compress(things, map(BUFFERING.__contains__, map(type, things))))


def flush(files):
    for file in files:
        try:
            if file is not None:
                file.flush()
        except (OSError, ValueError):
            pass  # closed, or nowhere to go: an interpreter's end says nothing of it either


def close(fds):
    """Fewer descriptors than were sent: there was no room for more."""
    for i in range(0, len(fds) - 3, 4):
        os.close(int.from_bytes(fds[i:i + 4], sys.byteorder))
    return ()


def death_signal():
    """What has the kernel kill this process when its parent ends; nothing where Python cannot ask for that."""
    try:
        prctl = bridge.standard("ctypes").CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return lambda: None
    return lambda: prctl(1, int(_signal.SIGKILL))  # PR_SET_PDEATHSIG


def main(options):
    if not hasattr(os, "waitid"):
        bridge.usage("--fork needs os.waitid(), which this Python does not have")
    wire = wsgi_warm.connect()
    loaded = Loaded(options, wire)
    try:
        facts = loaded.load()
        loaded.settle()
        content = b"".join(os.fsencode("%s=%s" % fact) + b"\0" for fact in facts)
        wire.sendall(b"R" + len(content).to_bytes(4, "big") + content)
        loaded.serve()
    except ConnectionError:
        pass  # the gateway has ended
    finally:
        loaded.end()
        wire.close()
    return 0
