"""The mode "worker": one process, one connection, one request after the other."""
import os
import select
import signal
import socket
import struct
import subprocess
import unittest

from wsgi_harness import CUT, BridgeTest, Worker, cgi_environ, spool

APP = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [%s]
"""


class WorkerTest(BridgeTest):
    def work(self, source, *args, ready=True, **environ):
        """A worker that has this module loaded; it ends with the test."""
        self.file("app.py", source)
        worker = Worker(self.command("--worker", *args), cgi_environ(**environ), self.dir)
        self.addCleanup(worker.stderr.close)
        self.addCleanup(worker.close)
        if ready:
            self.assertTrue(worker.ready(), worker.log())
        return worker

    def body(self, worker, body=b"", stdin=None, **environ):
        answer = worker.answer(cgi_environ(body, **environ), body, stdin)
        self.assert_answer(answer)
        return answer.body


class Requests(WorkerTest):
    def test_globals_stay(self):
        worker = self.work("seen = []\n" + APP % "str(seen).encode(), seen.append(environ['PATH_INFO']) or b''")
        self.assertEqual([self.body(worker, PATH_INFO=p) for p in ("/1", "/2", "/3")], [b"[]", b"['/1']", b"['/1', '/2']"])

    def test_nothing_of_a_request_is_in_the_next(self):
        worker = self.work(APP % "repr(sorted(k for k in environ if k[:5] in ('HTTP_', 'CONTE', 'MARK'))).encode(), "
                           "environ.__setitem__('MARK', 1) or b'', environ['wsgi.input'].read()")
        self.assertEqual(self.body(worker, b"abc", HTTP_X="1"), b"['CONTENT_LENGTH', 'CONTENT_TYPE', 'HTTP_HOST', 'HTTP_X']abc")
        self.assertEqual(self.body(worker), b"['HTTP_HOST']")

    def test_the_workers_own_environment_is_the_constant_part(self):
        worker = self.work(APP % "environ['PYTHONMARK'].encode('latin-1'), environ['PATH_INFO'].encode('latin-1')", PYTHONMARK=b"\xe4\xb8\xad")
        self.assertEqual(self.body(worker, PATH_INFO=b"/\xff"), b"\xe4\xb8\xad/\xff")

    def test_warnings_are_told_for_each_request(self):
        worker = self.work("def application(e, s):\n    s('200', [])\n    return 'x'\n")
        for _ in range(2):
            answer = worker.answer(cgi_environ())
            self.assert_answer(answer, body=b"x", warnings=2)

    def test_a_failure_is_one_requests_own(self):
        worker = self.work("def application(e, s):\n    exec(e['HTTP_DO'])\n    s('200 OK', [])\n    yield b'half'\n    exec(e['HTTP_THEN'])\n")
        table = [("0", "0", 0), ("1/0", "0", 1), ("0", "1/0", CUT), ("import sys; sys.exit()", "0", 1), ("0", "raise SystemExit", CUT),
                 ("raise GeneratorExit", "0", 1), ("0", "0", 0)]
        for do, then, code in table:
            with self.subTest(do, then=then):
                answer = worker.answer(cgi_environ(HTTP_DO=do, HTTP_THEN=then))
                self.assertEqual(answer.code, code, answer.log)
                if code == 1:
                    self.assert_failed(answer)
                else:
                    self.assert_answer(answer, body=b"half", code=code)
                self.assertEqual("Traceback" in answer.log, code != 0)

    def test_what_is_printed_is_out_before_the_answers_end(self):
        worker = self.work("import os, sys\ndef application(e, s):\n    sys.stdout.write('no line feed')\n    os.write(2, b' ')\n"
                           "    sys.stderr.write('either')\n    s('200 OK', [])\n    return Result([b'x'])\n"
                           "class Result(list):\n    def close(self):\n        print(', closed')\n")
        for _ in range(2):
            answer = worker.answer(cgi_environ())
            self.assertEqual(sorted(answer.log), sorted("no line feed either, closed\n"))

    def test_closed_streams(self):
        worker = self.work("import sys\ndef application(e, s):\n    sys.stdout.close()\n    s('200 OK', [])\n    return [b'x']\n")
        for _ in range(2):
            self.assertEqual(self.body(worker), b"x")

    def test_each_chunk_is_out_before_the_next_is_made(self):
        """The application waits for a byte that the test sends only after it has seen the chunk."""
        worker = self.work("def application(e, s):\n    s('200 OK', [])\n    for line in e['wsgi.input']:\n        yield line\n")
        read, write = os.pipe()
        with open(read, "rb") as body, open(write, "wb", buffering=0) as feed:
            feed.write(b"1\n")
            worker.send(cgi_environ(b"1\n2\n"), asked=True)
            records = worker.records(body)
            self.assertEqual(next(records), b"Status: 200 OK\r\n\r\n1\n")
            feed.write(b"2\n")
            self.assertEqual(list(records), [b"2\n", 0])

    def test_a_list_is_one_piece_with_its_end(self):
        """One read for the gateway."""
        worker = self.work(APP % "b'a', b'b'")
        worker.send(cgi_environ())
        self.assertTrue(select.select([worker.wire], [], [], 60)[0])
        data = worker.wire.recv(65536)
        want = b"Status: 200 OK\r\nContent-Length: 2\r\n\r\nab"
        self.assertEqual(data, struct.pack(">I", len(want)) + want + b"\x80\0\0\0")

    def test_long_answers(self):
        worker = self.work("def application(e, s):\n    size = int(e['QUERY_STRING'])\n    s('200 OK', [])\n    return [b'x' * size, b'end']\n")
        for size in (0, 1, 65533, 65534, 300000, 40 << 20):
            with self.subTest(size):
                self.assertEqual(self.body(worker, QUERY_STRING=str(size)), b"x" * size + b"end")


class Bodies(WorkerTest):
    SOURCE = "def application(e, s):\n    i = e['wsgi.input']\n    got = eval(e['HTTP_READ'])\n    s('200 OK', [])\n    return [repr(got).encode()]\n"

    def test_the_same_either_way(self):
        body = b"one\ntwo\n\nlast"
        worker = self.work(self.SOURCE)
        for read in ("i.read()", "i.read(5) + i.readline()", "i.readlines(5)", "list(i)", "i.readline(2)", "i.read(0)", "1"):
            with self.subTest(read):
                self.assertEqual(self.body(worker, body, HTTP_READ=read), self.body(worker, body, stdin=body + b"NOT MINE", HTTP_READ=read))

    def test_a_body_that_nobody_reads_is_not_asked_for(self):
        worker = self.work(self.SOURCE)
        worker.send(cgi_environ(b"x" * 10, HTTP_READ="1"), asked=True)
        *pieces, status = worker.records(None)
        self.assertEqual((b"".join(pieces)[-1:], status), (b"1", 0))

    def test_large(self):
        body = bytes(range(256)) * 4096
        worker = self.work("import hashlib\n" + APP % "hashlib.sha1(environ['wsgi.input'].read()).hexdigest().encode()")
        self.assertEqual(self.body(worker, body), self.body(worker, body, stdin=body))

    def test_descriptors_are_given_back(self):
        worker = self.work(self.SOURCE)
        count = lambda: len(os.listdir("/proc/%d/fd" % worker.process.pid))
        self.body(worker, b"abc", stdin=b"abc", HTTP_READ="i.read()")
        before = count()
        for _ in range(20):
            self.body(worker, b"abc", stdin=b"abc", HTTP_READ="i.read()")
        self.assertEqual(count(), before)

    def test_who_reads_or_writes_later_is_told(self):
        """Such a thread must not get into the next request."""
        worker = self.work("""
            import threading
            go, threads = threading.Event(), []
            def late(start_response, body):
                go.wait()
                for what in (lambda: body.read(), lambda: start_response.__self__.write(b"late")):
                    try:
                        what()
                    except Exception as exc:
                        print(type(exc).__name__)
                print("done")
            def application(environ, start_response):
                if threads:
                    go.set()
                    threads[0].join()
                    start_response("200 OK", [])
                else:
                    threads.append(threading.Thread(target=late, args=(start_response, environ["wsgi.input"])))
                    threads[0].start()
                    start_response("200 OK", [])
                return [b"x"]
        """)
        self.assertEqual(self.body(worker, b"abc", stdin=b"abc"), b"x")
        answer = worker.answer(cgi_environ())
        self.assert_answer(answer, body=b"x")
        self.assertEqual(answer.log.split(), ["ValueError", "RuntimeError", "done"])


class Headers(WorkerTest):
    def test_what_is_known_of_a_header_is_true_of_the_next(self):
        """The shortcuts for headers that were seen before give the very bytes that the first request got."""
        source = "def application(e, s):\n    s(*eval(e['HTTP_HEADERS']))\n    return [b'x']\n"
        table = [
            "'200 OK', [('Content-Type', 'text/plain'), ('X-A', 'b')]", "'200 OK', [('Content-Length', '1')]",
            "'200 OK', [('CONTENT-LENGTH', '1'), ('X', '')]", "'404', [('X', 'y')]", "'204 No Content', []", "'304 Not Modified', [('ETag', '1')]",
            "404, {'X': 'y'}", "'200 OK', [('X', 'caf\\xe9')]", "'200 OK', [('X', '\\u4e2d')]", "'200 OK', [('X', 'a\\tb')]", "'200 OK', [('X', 1)]",
            "'200 OK', [('X', 'a\\nb')]", "'200 OK', [('X y', 'a')]", "'200 OK', [('Connection', 'close'), ('X', 'y')]",
            "'200 OK', [('Status', '404'), ('X', 'y')]", "'200 OK', [['X', 'y']]", "'200 OK\\n', []",
        ]
        worker = self.work(source)
        self.file("app.py", source)
        self.mode = "exec"
        for headers in table:
            with self.subTest(headers):
                want = self.bridge(environ={"HTTP_HEADERS": headers})
                for _ in range(2):
                    got = worker.answer(cgi_environ(HTTP_HEADERS=headers))
                    self.assertEqual((got.raw, got.code, got.warnings), (want.raw, want.code, want.warnings))

    def test_a_refused_second_start_leaves_the_first(self):
        worker = self.work("def application(e, s):\n    s('200 OK', [('X', 'first')])\n    try:\n        s('404 Not Found', [])\n"
                           "    except RuntimeError:\n        pass\n    return [b'x']\n")
        self.assertEqual(worker.answer(cgi_environ()).all("X"), ["first"])


class Ending(WorkerTest):
    def test_the_end_of_the_connection(self):
        worker = self.work("import atexit\natexit.register(print, 'atexit ran')\n" + APP % "b'x'")
        self.body(worker)
        self.assertEqual(worker.close(), 0)
        self.assertEqual(worker.log(), b"atexit ran\n")

    def test_a_signal_lets_the_request_at_hand_end(self):
        for sent in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(sent.name):
                worker = self.work(APP % "environ['wsgi.input'].read()")
                read, write = os.pipe()
                with open(read, "rb") as body, open(write, "wb") as feed:
                    worker.send(cgi_environ(b"abc"), asked=True)
                    records = worker.records(body)
                    self.assertEqual(worker.read(4), b"\xc0\0\0\0")
                    worker.wire.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", body.fileno()))])
                    worker.process.send_signal(sent)
                    feed.write(b"abc")
                    feed.close()
                    self.assertEqual(list(records)[-1], 0)
                self.assertEqual(worker.process.wait(60), 0)
                with self.assertRaises(OSError):
                    worker.send(cgi_environ())

    def test_a_signal_ends_an_idle_worker_and_no_request_is_lost(self):
        """Whatever could be sent is answered; what is not taken fails to be sent."""
        for _ in range(10):
            worker = self.work(APP % "b'x'")
            worker.process.terminate()
            try:
                worker.send(cgi_environ())
            except OSError:
                pass
            else:
                *_, status = worker.records()
                self.assertEqual(status, 0)
            self.assertEqual(worker.process.wait(60), 0)

    def test_a_handler_of_the_applications_stays(self):
        worker = self.work("import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n" + APP % "b'x'")
        worker.process.terminate()
        self.assertEqual(worker.process.wait(60), 7)

    def test_it_may_not_be_loaded(self):
        for source, why in (("def application(:\n", b"SyntaxError"), ("1/0\n", b"ZeroDivisionError"), ("", b"has no 'application'")):
            with self.subTest(why):
                worker = self.work(source, ready=False)
                self.assertFalse(worker.ready())
                self.assertEqual(worker.close(), 1)
                log = worker.log()
                self.assertIn(why, log)
                self.assertIn(b"framegate: cannot load app:application: ", log)

    def test_what_the_application_forks_does_not_speak_for_it(self):
        worker = self.work("import os\ndef application(e, s):\n    s('200 OK', [])\n    if os.fork():\n        os.wait()\n"
                           "        return [b'parent']\n    return [b'child']\n")
        self.assertEqual(self.body(worker), b"parent")
        self.assertEqual(self.body(worker), b"parent")

    def test_warm_up(self):
        worker = self.work("asked = []\n" + APP % "repr(asked).encode(), asked.append(environ['PATH_INFO']) or b''", "--warm-up", "/warm")
        self.assertEqual(self.body(worker, PATH_INFO="/1"), b"['/warm']")

    def test_not_by_hand(self):
        self.file("app.py", APP % "b'x'")
        with spool() as stdin, spool() as stderr:
            code = subprocess.call(self.command("--worker"), stdin=stdin, stderr=stderr, env=cgi_environ(), cwd=self.dir)
            stderr.seek(0)
            self.assertEqual((code, stderr.read().splitlines()[0]),
                             (2, b"framegate: wsgi.py: --worker and --fork are for the gateway: descriptor 0 is no socket"))


if __name__ == "__main__":
    unittest.main()
