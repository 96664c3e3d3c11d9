"""The bridge's mode "worker": one process answers one request after the other.

Descriptor 0 is a connection on which the gateway sends requests and takes answers; docs/wire.md
has its numbers. This file is about microseconds: what is the same for all requests is made
once, and a small request is one recv and one send.
"""
import gc
import os
import sys
from io import BufferedWriter, BytesIO, FileIO, TextIOWrapper

import _signal
import _socket
import _struct
import __main__ as bridge
import wsgi_warm

__framegate__ = "wsgi"

REQUEST = _struct.Struct(">II")
NUMBER = _struct.Struct(">I").pack
END = tuple(NUMBER(0x80000000 + status) for status in (0, 1, 2))
SEND_BODY = NUMBER(0xC0000000)
ASKED_FOR = 0x80000000  # in the place of the body's length: it is asked for
BEHIND = 0x40000000     # likewise: there is none, and the request has waited here for the one before it
LONGEST = 1 << 24       # a piece of the answer: any length below 2**30 would do

RECEIVE = 32768  # the longest message: what is longer comes in several
JOINED = 65536  # up to this length, copying a piece behind its length costs less than a second buffer


class Wire:
    """The connection to the gateway: requests come on a socket, answers go to a pipe that came with it."""

    def __init__(self, socket):
        self.socket = socket
        self.idle = self.ending = False
        try:
            self.out = self.descriptor(_socket.MSG_DONTWAIT)
        except BlockingIOError:
            self.out = os.dup(socket.fileno())  # without one, they go back on the socket

    def close(self):
        self.socket.close()
        os.close(self.out)

    def descriptor(self, flags=0):
        """A descriptor that the gateway sends."""
        _, ancillary, _, _ = self.socket.recvmsg(1, _socket.CMSG_SPACE(4), _socket.MSG_CMSG_CLOEXEC | flags)
        for level, kind, data in ancillary:
            if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS) and len(data) >= 4:
                return int.from_bytes(data[:4], sys.byteorder)
        raise ConnectionResetError("the gateway sent no descriptor")

    def receive(self, count, have):
        """The rest of count bytes; have is their beginning."""
        data = bytearray(count)
        data[:len(have)] = have
        self.fill(memoryview(data)[len(have):])
        return bytes(data)

    def fill(self, rest):
        receive = self.socket.recv_into
        while rest:
            got = receive(rest)
            if not got:
                raise ConnectionResetError("the gateway has ended")
            rest = rest[got:]

    def long_body(self, size, have):
        """A body of which only the beginning has come with its request."""
        body = BytesIO()
        body.seek(size - 1)
        body.write(b"\0")  # makes room, so that what comes is put where it is read from
        with body.getbuffer() as room:
            room[:len(have)] = have
            self.fill(room[len(have):])
        body.seek(0)
        return body

    def put(self, data):
        done = os.write(self.out, data)
        if done < len(data):  # a signal has come
            data = memoryview(data)
            while done < len(data):
                done += os.write(self.out, data[done:])

    def send(self, data):
        """One piece of the answer, or several."""
        if len(data) <= JOINED:
            self.put(NUMBER(len(data)) + data)
            return
        data = memoryview(data)
        while data:
            piece, data = data[:LONGEST], data[LONGEST:]
            head = NUMBER(len(piece))
            done = os.writev(self.out, (head, piece))
            if done < len(head):
                self.put(head[done:])
                done = len(head)
            if done < len(head) + len(piece):
                self.put(piece[done - len(head):])

    def body(self):
        """The descriptor of a body that did not come with its request."""
        self.put(SEND_BODY)
        return self.descriptor()

    def stop(self, *_):
        """A signal: the request at hand is the last. What was sent to an idle worker is still there to be read, and
        the gateway can send no more: it learns for sure that a request was not taken."""
        self.ending = True
        if self.idle:
            self.last()

    def last(self):
        try:
            self.socket.shutdown(_socket.SHUT_RD)
        except OSError:
            pass  # the gateway has closed its end


class Log(FileIO):
    """stdout or stderr. What a request prints first says whose it is, if the request has waited here: the gateway
    cannot tell where the one before it has ended."""

    mark = [b""]  # of the request at hand, until it has printed something

    def write(self, data):
        mark = self.mark[0]
        if mark:
            self.mark[0] = b""
            os.write(self.fileno(), mark)
        return FileIO.write(self, data)

    @classmethod
    def take_over(cls):
        for name, fd in (("stdout", 1), ("stderr", 2)):
            before = getattr(sys, name)
            raw = cls(fd, "w", closefd=False)
            raw.name = before.name
            stream = TextIOWrapper(BufferedWriter(raw), before.encoding, before.errors, line_buffering=True,
                                   write_through=getattr(before, "write_through", False))
            stream.mode = "w"
            setattr(sys, name, stream)
            setattr(sys, "__%s__" % name, stream)


class Body(bridge.Input):
    """wsgi.input of a body that is only fetched when somebody reads it."""

    def __init__(self, wire, length):
        self._wire, self._left = wire, length

    def __getattr__(self, name):
        if name != "_file":
            raise AttributeError(name)
        self._file = open(self._wire.body(), "rb")
        return self._file

    def end(self):
        if "_file" not in self.__dict__:
            self._file = BytesIO()
        self._file.close()  # whoever reads on is told so


class Known:
    """Headers that were found to be well. What is odd about others is for the bridge to say."""

    def __init__(self):
        self.statuses, self.names = {}, {}

    def status(self, status):
        line = self.statuses.get(status) if type(status) is str else None
        if line is None:
            said = len(bridge.WARNED)
            line = bridge.status_line(status)
            if type(status) is str and len(bridge.WARNED) == said and len(self.statuses) < 1000:
                self.statuses[status] = line
        return line

    def lines(self, headers):
        """The headers' lines, and whether one of them is Content-Length; or None."""
        lines, has_length, names = [], False, self.names
        if type(headers) is not list:
            return None
        for pair in headers:
            if type(pair) is not tuple or len(pair) != 2:
                return None
            name, value = pair
            if type(name) is not str or type(value) is not str or not (value.isascii() and value.isprintable()):
                return None
            known = names.get(name)
            if known is None:
                known = self.name(name)
                if known is None:
                    return None
            has_length = has_length or known[1]
            lines.append(known[0] + value.encode())
        return lines, has_length

    def name(self, name):
        lower = name.lower()
        if not name or not bridge.TOKEN.issuperset(name) or lower in bridge.HOP_BY_HOP or lower == "status":
            return None
        known = (name.encode("ascii") + b": ", lower == "content-length")
        if len(self.names) < 1000:
            self.names[name] = known
        return known


class Exchange(bridge.Host):
    """One request: what bridge.Host does, on a connection and with less ado."""

    # Of a Host, as it begins: an instance says only what has changed.
    status = length = None
    sent = complete = gone = over = False
    headers = lines = ()
    has_length = False
    held = None  # the answer, where it waits for its end to go out with it

    def __init__(self, worker, environ):
        self.environ, self.wire = environ, worker.wire
        self.name, self.path_info, self.known, self.one = worker.name, worker.path_info, worker.known, worker.one

    def call(self, app):
        return bridge.Host.call(self, app) if self.one else app(self.environ, self.start_response)

    def start_response(self, status, headers, exc_info=None):
        if exc_info or self.status is not None:
            bridge.Host.start_response(self, status, headers, exc_info)
            self.lines = None
            return self.write
        line = self.known.status(status)
        lines = self.known.lines(headers)
        if lines is None:
            self.lines, self.headers = None, bridge.header_lines(headers)
        else:
            self.lines, self.has_length = lines
        self.status = line
        return self.write

    def header(self):
        if self.lines is None or self.status is None:
            return bridge.Host.header(self)
        lines = [self.status]
        lines += self.lines
        if self.length is not None and not self.has_length:
            code = self.status[8:11]
            if code != b"204" and code != b"304" and code[:1] != b"1":
                lines.append(b"Content-Length: %d" % self.length)
        lines.append(b"\r\n")
        return b"\r\n".join(lines)

    def respond(self, body):
        if type(body) is not list or self.sent:
            return bridge.Host.respond(self, body)
        # It has no close(), so that this is the end of the exchange, but for the record of it.
        for data in body:
            if type(data) is not bytes:
                return bridge.Host.respond(self, body)
        data = b"".join(body)
        if not data or len(data) > JOINED:
            return bridge.Host.respond(self, body)
        self.length = len(data)
        self.held = self.header() + data
        self.sent = self.complete = True

    def output(self, data):
        if self.over:
            raise RuntimeError("the response is over")
        self.sent = True
        try:
            self.wire.send(data)
        except OSError:
            self.gone = True
            raise

    def end(self, status):
        """The last of the exchange: its record, with the answer before it if that has waited."""
        self.over = True
        held = self.held
        if held is None:
            self.wire.put(END[status])
        else:
            self.wire.put(NUMBER(len(held)) + held + END[status])

    def cut(self):
        return 2


class Worker:
    """The application and what is the same for all its requests."""

    def __init__(self, options, wire):
        self.name, self.path_info, self.wire, self.known = options.spec, options.path_info, wire, Known()
        self.constant = bridge.cgi_environ("pep3333")
        self.constant.update({
            "wsgi.version": (1, 0), "wsgi.errors": sys.stderr, "wsgi.multithread": False, "wsgi.multiprocess": True,
            "wsgi.run_once": False, "wsgi.file_wrapper": bridge.FileWrapper,
        })

    def take(self, app):
        self.one = bridge.takes_one_parameter(app)
        self.app = app

    def environ(self, block):
        environ = self.constant.copy()
        texts = iter(block.decode("latin-1").split("\0"))
        environ.update(zip(texts, texts))
        if self.path_info == "text":
            for key in ("SCRIPT_NAME", "PATH_INFO"):
                if not environ[key].isascii():
                    environ[key] = bridge.text_path(environ[key])
        https = environ.get("HTTPS")
        if https and https.lower() in ("on", "1", "yes"):
            environ["wsgi.url_scheme"] = "https"
        else:
            environ["wsgi.url_scheme"] = environ.get("REQUEST_SCHEME") or "http"
        return environ

    def serve(self):
        """Answers requests until the connection or a signal ends it."""
        wire, receive, mark = self.wire, self.wire.socket.recv, Log.mark
        out, err, warned = sys.__stdout__, sys.__stderr__, bridge.WARNED
        while True:
            wire.idle = True
            if wire.ending:
                wire.last()
            data = receive(RECEIVE)
            wire.idle = False
            if len(data) < 8:
                if not data:
                    return
                data = wire.receive(8, data)
            environ_size, body_size = REQUEST.unpack_from(data)
            behind = body_size & BEHIND
            if behind:
                body_size = 0
            begin = 8 + environ_size
            end = begin + (0 if body_size & ASKED_FOR else body_size)
            if len(data) < begin:
                data = wire.receive(end, data)  # a message may end the environ and begin the body
            environ = self.environ(data[8:begin])
            body = None
            if not body_size & ASKED_FOR:
                body_came = data[begin:]
                environ["wsgi.input"] = BytesIO(body_came) if len(data) == end else wire.long_body(body_size, body_came)
            else:
                length = environ.get("CONTENT_LENGTH", "")
                environ["wsgi.input"] = body = Body(wire, int(length) if length.isascii() and length.isdigit() else 0)
            if behind:
                mark[0] = b"\0framegate: request %b\n" % environ.get("REQUEST_ID", "").encode("latin-1")
            exchange = Exchange(self, environ)
            status = exchange.run(self.app)
            if body is not None:
                body.end()
            try:
                out.flush()
                err.flush()
            except ValueError:
                pass  # the application has closed them
            if warned:
                warned.clear()
            if behind:
                mark[0] = b""
            exchange.end(status)
            if exchange.gone:
                return


def main(options):
    wire = Wire(wsgi_warm.connect())
    Log.take_over()
    os.register_at_fork(after_in_child=wire.close)  # what an application forks has no say here
    try:
        return work(options, wire)
    except ConnectionError:
        return 0  # the gateway has ended
    finally:
        wire.close()


def work(options, wire):
    worker = Worker(options, wire)
    try:
        _, app = wsgi_warm.load(options)
    except bridge.Fault as fault:
        bridge.report(fault, None)
        return 1
    worker.take(app)
    if options.warm_up:
        wsgi_warm.warm_up(options, app)
    for sent in (_signal.SIGTERM, _signal.SIGINT):
        if _signal.getsignal(sent) in (_signal.SIG_DFL, _signal.default_int_handler):
            _signal.signal(sent, wire.stop)  # else the application has its own way to end
    gc.collect()
    gc.freeze()  # what is there now stays: no collection need look at it
    wire.put(END[0])
    worker.serve()
    return 0
