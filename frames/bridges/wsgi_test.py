"""PEP 3333 as the bridge keeps it: environ, input, start_response, the body, the streams."""
import ast
import os
import py_compile
import re
import select
import signal
import subprocess
import sys
import unittest

from wsgi_harness import BRIDGE, BridgeTest, cgi_environ, in_every_mode, installation, modes

VALIDATED = """
from wsgiref.validate import validator
import warnings
warnings.simplefilter("error")

def strict(environ, start_response):
    start = lambda length: start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(length))])
    %s

application = validator(strict)
"""


@in_every_mode
class Validator(BridgeTest):
    def test_strict_application_passes(self):
        table = [
            ("get", "start(2); return [b'ok']", {}, b"ok"),
            ("no body", "start(0); return []", {}, b""),
            ("head", "start(2); return []", {"environ": {"REQUEST_METHOD": "HEAD"}}, b""),
            ("post", "body = environ['wsgi.input'].read(9); start(len(body)); return [body]", {"body": b"a\nb=\xff"}, b"a\nb=\xff"),
            ("lines", "body = list(environ['wsgi.input']); start(3); return body", {"body": b"a\nb"}, b"a\nb"),
            ("generator", "start(4); return (c for c in [b'ab', b'', b'cd'])", {}, b"abcd"),
            ("write", "start(4)(b'ab'); return [b'cd']", {}, b"abcd"),
            ("file_wrapper", "import io; start(3); return environ['wsgi.file_wrapper'](io.BytesIO(b'abc'))", {}, b"abc"),
            ("errors", "environ['wsgi.errors'].write('x\\n'); environ['wsgi.errors'].flush(); start(0); return []", {}, b""),
            ("text path", "start(0); return []", {"args": ("--path-info", "text")}, b""),
        ]
        for name, lines, more, want in table:
            with self.subTest(name):
                self.file("app.py", VALIDATED % lines)
                got = self.bridge(*more.pop("args", ()), **more)
                self.assert_answer(got, body=want)
                self.assertEqual(got.log.replace("x\n", ""), "", "the validator complained")

    def test_validator_is_awake(self):
        self.file("app.py", VALIDATED % "start(2); return 'ok'")
        self.assert_failed(self.bridge(), "AssertionError")


@in_every_mode
class Environ(BridgeTest):
    def value(self, expression, *args, **more):
        got = self.app("STARTED; return [repr((%s)).encode('utf-8')]" % expression, *args, **more)
        self.assert_answer(got)
        return got.body.decode("utf-8")

    def test_values(self):
        table = [
            ("environ['wsgi.version']", {}, "(1, 0)"),
            ("environ['wsgi.url_scheme']", {}, "'http'"),
            ("environ['wsgi.url_scheme']", {"HTTPS": "on"}, "'https'"),
            ("environ['wsgi.url_scheme']", {"REQUEST_SCHEME": "https"}, "'https'"),
            ("environ['wsgi.url_scheme']", {"REQUEST_SCHEME": None}, "'http'"),
            ("[environ['wsgi.' + k] for k in ('multithread', 'multiprocess', 'run_once')]", {},
             "[False, True, %s]" % (self.mode != "worker")),
            ("type(environ) is dict", {}, "True"),
            ("environ['REQUEST_URI'], environ['REMOTE_PORT']", {}, "('/a?x=1', '40000')"),
            ("environ['SCRIPT_NAME'], environ['QUERY_STRING']", {"SCRIPT_NAME": None, "QUERY_STRING": None}, "('', '')"),
            ("environ['HTTP_X_NAME']", {"HTTP_X_NAME": b"caf\xc3\xa9"}, repr("caf\u00c3\u00a9")),
            ("environ['PATH_INFO']", {"PATH_INFO": b"/\xe4\xb8\xad"}, repr("/\u00e4\u00b8\u00ad")),
            ("environ['PATH_INFO'].encode('latin-1')", {"PATH_INFO": b"/\xe4\xb8\xad"}, repr(b"/\xe4\xb8\xad")),
            ("'CONTENT_LENGTH' in environ", {}, "False"),
            ("__import__('sys').argv", {}, "['app:application']"),
            ("__import__('sys').path[0] == %r", {}, "True"),
        ]
        for expression, environ, want in table:
            with self.subTest(expression, **environ):
                expression = expression % self.dir if "%r" in expression else expression
                self.assertEqual(self.value(expression, environ=environ), want)

    def test_sys_path_is_the_module_path_and_what_python_has_installed(self):
        home = installation() if self.mode == "without_site" else None
        for safe in (None, "1"):  # PYTHONSAFEPATH: since 3.11, Python then puts no directory of its own first
            with self.subTest(safe=safe):
                environ = {"PYTHONSAFEPATH": safe, "PYTHONHOME": home}
                code = "import sys; print([d for d in sys.path if d], end='')"
                bare = subprocess.run([sys.executable, "-X", "utf8", "-c", code], env=cgi_environ(**environ),
                                      stdout=subprocess.PIPE, check=True).stdout.decode()
                got = self.app("import sys; STARTED; return [repr(sys.path).encode()]", environ=environ)
                self.assert_answer(got, body=repr([self.dir] + ast.literal_eval(bare)).encode())

    def test_module_path_order(self):
        for place in ("one", "two"):
            self.file(place + "/where.py", "PLACE = %r" % place)
        self.file("one/app.py", "import where\ndef application(e, s):\n    s('200 OK', [])\n    return [where.PLACE.encode()]")
        one, two = os.path.join(self.dir, "one"), os.path.join(self.dir, "two")
        self.assert_answer(self.bridge(dirs=[one, two]), body=b"one")
        self.assert_answer(self.bridge(dirs=[two, one]), body=b"two")

    def test_input(self):
        body = b"one\ntwo\n\nlast"
        table = [
            ("read()", body), ("read(-1)", body), ("read(None)", body), ("read(0)", b""), ("read(5)", body[:5]),
            ("read(99999)", body), ("read(5) + i.read()", body), ("read() + i.read(1) + i.readline()", body),
            ("readline()", b"one\n"), ("readline(2)", b"on"), ("readline(-1) + i.readline(None)", b"one\ntwo\n"),
            ("readlines()", [b"one\n", b"two\n", b"\n", b"last"]), ("readlines(4)", [b"one\n"]),
            ("readlines(5)", [b"one\n", b"two\n"]), ("readlines(None)[-1]", b"last"),
            ("__iter__(); r = list(i)", [b"one\n", b"two\n", b"\n", b"last"]),
        ]
        for call, want in table:
            with self.subTest(call):
                lines = "i = environ['wsgi.input']; r = i.%s; STARTED; return [repr(r).encode()]" % call
                # More on stdin than CONTENT_LENGTH says: it is not part of this request.
                got = self.app(lines, body=body, stdin=body + b"NOT MINE\n")
                self.assert_answer(got, body=repr(want).encode())

    def test_input_lengths(self):
        table = [
            ("short stdin", "10", b"abc", b"abc"), ("no length", None, b"abc", b""), ("empty length", "", b"abc", b""),
            ("not a number", "abc", b"abc", b""), ("negative", "-1", b"abc", b""), ("zero", "0", b"abc", b""),
        ]
        for name, length, stdin, want in table:
            with self.subTest(name):
                lines = "i = environ['wsgi.input']; r = i.read() + i.readline(); STARTED; return [r]"
                got = self.app(lines, stdin=stdin, environ={"CONTENT_LENGTH": length})
                self.assert_answer(got, body=want)

    def test_big_body_round_trip(self):
        body = bytes(range(256)) * 4096
        got = self.app("STARTED; i = environ['wsgi.input']; return iter(lambda: i.read(70000), b'')", body=body)
        self.assert_answer(got, body=body)
        got = self.app("STARTED; return [environ['wsgi.input'].read()]", body=body)
        self.assert_answer(got, body=body)
        self.assertEqual(got.all("Content-Length"), [str(len(body))])


@in_every_mode
class StartResponse(BridgeTest):
    EXC_INFO = """
        import sys
        try:
            raise ValueError("the first")
        except ValueError:
            start_response("500 Oops", [("X-New", "1")], sys.exc_info())
    """

    def test_header_as_given(self):
        got = self.app("start_response('404 Not Found', [('Set-Cookie', 'a=1'), ('Set-Cookie', 'b=2'), ('X-Tab', 'a\\tb'),"
                       "('X-Bytes', 'caf\\xc3\\xa9')]); return []")
        self.assertEqual(got.raw, b"Status: 404 Not Found\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Tab: a\tb\r\n"
                                  b"X-Bytes: caf\xc3\xa9\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(got.log, "")

    def test_content_length(self):
        table = [
            ("one element", "STARTED; return [b'abc']", ["3"]), ("tuple", "STARTED; return (b'abc',)", ["3"]),
            ("several", "STARTED; return [b'abc', b'', b'de']", ["5"]), ("empty", "STARTED; return []", ["0"]),
            ("empty generator", "STARTED; return iter(())", ["0"]), ("one empty", "STARTED; return [b'']", ["0"]),
            ("generator", "STARTED; return iter([b'abc'])", []), ("write first", "STARTED(b'ab'); return [b'c']", []),
            ("own, not doubled", "start_response('200 OK', [('content-LENGTH', '3')]); return [b'abc']", ["3"]),
            ("204", "start_response('204 No Content', []); return []", []),
            ("304", "start_response('304 Not Modified', []); return [b'']", []),
        ]
        for name, lines, want in table:
            with self.subTest(name):
                got = self.app(lines)
                self.assertEqual(got.code, 0, got.log)
                self.assertEqual(got.all("Content-Length"), want)

    def test_head_without_body_claims_no_length(self):
        got = self.app("STARTED; return []", environ={"REQUEST_METHOD": "HEAD"})
        self.assert_answer(got, body=b"")
        self.assertEqual(got.all("Content-Length"), [])

    def test_exc_info_replaces_what_is_not_sent(self):
        got = self.app("STARTED" + self.EXC_INFO.replace("\n        ", "\n") + "return [b'sorry']")
        self.assert_answer(got, "500 Oops", b"sorry")
        self.assertEqual((got.all("X-New"), got.all("Content-Type")), (["1"], []))

    def test_exc_info_reraises_after_the_header(self):
        got = self.app("STARTED(b'first')" + self.EXC_INFO.replace("\n        ", "\n") + "return [b'never']")
        self.assert_answer(got, body=b"first", code=-signal.SIGABRT)
        self.assertIn("ValueError: the first", got.log)

    def test_twice_without_exc_info(self):
        self.assert_failed(self.app("STARTED; STARTED; return []"), "called twice")

    def test_called_at_the_first_yield(self):
        got = self.app("yield b''; STARTED; yield b'late'")
        self.assert_answer(got, body=b"late")

    def test_refused_headers(self):
        table = [
            ("LF in value", "[('X-A', 'a\\nSet-Cookie: b')]", "control character"),
            ("CR in value", "[('X-A', 'a\\rb')]", "control character"), ("NUL in value", "[('X-A', 'a\\0')]", "control character"),
            ("DEL in value", "[('X-A', 'a\\x7f')]", "control character"), ("LF in name", "[('X-A\\nB', 'a')]", "not a token"),
            ("colon in name", "[('X-A:', 'a')]", "not a token"), ("empty name", "[('', 'a')]", "not a token"),
            ("Chinese name", "[('\u540d', 'a')]", "not a token"), ("None as value", "[('X-A', None)]", "NoneType: it must be a str"),
            ("no pair", "['X-A: 1']", "not a (name, value) tuple"), ("three", "[('a', 'b', 'c')]", "not a (name, value) tuple"),
        ]
        for name, headers, cause in table:
            with self.subTest(name):
                got = self.app("start_response('200 OK', %s); return [b'x']" % headers)
                self.assert_failed(got, cause, "in application")

    def test_refused_status(self):
        table = [("''", "three-digit"), ("'OK'", "three-digit"), ("'20 OK'", "three-digit"), ("'2000 OK'", "three-digit"),
                 ("'099 Low'", "three-digit"), ("None", "must be a str"), ("'200 OK\\r\\nX: y'", "control character"),
                 ("'\\u0662\\u0660\\u0660 OK'", "three-digit")]
        for status, cause in table:
            with self.subTest(status):
                self.assert_failed(self.app("start_response(%s, []); return [b'x']" % status), cause)

    def test_a_refused_header_can_be_mended(self):
        got = self.app("""
            try:
                start_response("404 Not Found", [("a b", "c")])
            except ValueError:
                STARTED
            return [b"mended"]
        """)
        self.assert_answer(got, body=b"mended")


@in_every_mode
class Body(BridgeTest):
    CLOSING = """
        import sys
        class Result:
            def __iter__(self):
                yield b"first"
                self.after()
            def after(self):
                pass
            def close(self):
                print("closed", file=sys.stderr)
    """

    def test_close(self):
        table = [
            ("after the end", "pass", 0, b"first"),
            ("after an error", "1 / 0", -signal.SIGABRT, b"first"),
            ("after sys.exit", "sys.exit(0)", -signal.SIGABRT, b"first"),
        ]
        for name, then, code, body in table:
            with self.subTest(name):
                setup = self.CLOSING.replace("        import", "import").replace("\n        ", "\n")
                got = self.app("STARTED; return Result()", setup=setup.replace("pass", then))
                self.assert_answer(got, body=body, code=code)
                self.assertEqual(got.log.count("closed\n"), 1, got.log)

    def test_close_before_the_first_byte_fails(self):
        setup = "class Result(list):\n    def close(self):\n        print('closed')\n"
        got = self.app("return Result([b'x'])", setup=setup)
        self.assert_failed(got, "did not call start_response", "closed\n")

    def test_failing_close_leaves_the_answer_whole(self):
        setup = "class Result(list):\n    def close(self):\n        raise OSError('no close')\n"
        got = self.app("STARTED; return Result([b'all of it'])", setup=setup)
        self.assert_answer(got, body=b"all of it", code=1)
        self.assertIn("OSError: no close", got.log)

    @modes("exec")
    def test_error_after_the_first_chunk_is_a_signal_without_core(self):
        self.file("app.py", """
            import atexit, resource
            atexit.register(print, "atexit ran")
            def application(environ, start_response):
                start_response("200 OK", [])
                yield b"half"
                raise KeyError("HTTP_NOTHING")
        """)
        out, answer = os.pipe()
        log, stderr = os.pipe()
        argv, environ = self.command(), cgi_environ()
        pid = os.fork()
        if pid == 0:
            try:
                import resource
                hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
                resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
                os.chdir(self.dir)
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.dup2(answer, 1)
                os.dup2(stderr, 2)
                os.execve(argv[0], argv, environ)
            finally:
                os._exit(97)
        os.close(answer)
        os.close(stderr)
        with open(out, "rb") as file:
            body = file.read()
        with open(log, encoding="utf-8") as file:
            text = file.read()
        status = os.waitpid(pid, 0)[1]
        self.assertTrue(os.WIFSIGNALED(status), text)
        self.assertEqual((os.WTERMSIG(status), os.WCOREDUMP(status)), (signal.SIGABRT, False))
        self.assertTrue(body.endswith(b"\r\n\r\nhalf"), body)
        self.assertIn("KeyError: 'HTTP_NOTHING'", text)
        self.assertIn("atexit ran", text)

    @modes("exec")
    def test_the_answer_goes_into_a_file_and_the_log_into_a_pipe(self):
        """As somebody does by hand: wsgi.py app:application >answer."""
        self.file("app.py", """
            def application(environ, start_response):
                print("to the log")
                start_response("200 OK", [])
                return [b"x"]
        """)
        path = os.path.join(self.dir, "answer")
        with open(path, "w") as file:
            done = subprocess.run(self.command(), stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.PIPE,
                                  env=cgi_environ(b""), timeout=60)
        with open(path, "rb") as file:
            self.assertTrue(file.read().endswith(b"\r\n\r\nx"), done.stderr)
        self.assertEqual((done.returncode, done.stderr), (0, b"to the log\n"))

    @modes("exec")
    def test_each_chunk_is_out_before_the_next_is_made(self):
        """The application waits for a byte that the test sends only after it has seen the chunk."""
        self.file("app.py", """
            def application(environ, start_response):
                start_response("200 OK", [])
                for line in environ["wsgi.input"]:
                    yield line
        """)
        child = subprocess.Popen(self.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 env=cgi_environ(b"1\n2\n"))
        try:
            seen = b""
            for line in (b"1\n", b"2\n"):
                child.stdin.write(line)
                child.stdin.flush()
                while not seen.endswith(line):
                    self.assertTrue(select.select([child.stdout], [], [], 30)[0], "no chunk after %r" % seen)
                    data = os.read(child.stdout.fileno(), 1000)
                    self.assertNotEqual(data, b"", "the answer ended after %r" % seen)
                    seen += data
            child.stdin.close()
            self.assertEqual(child.wait(30), 0)
        finally:
            child.kill()
            child.wait()
            child.stdout.close()

    @modes("exec")
    def test_gone_client(self):
        """Nobody reads stdout: close() runs, nothing is called an error."""
        source = """
            class Endless:
                def __iter__(self):
                    while True:
                        yield b"x" * 65536
                def close(self):
                    print("closed")
            def application(environ, start_response):
                write = start_response("200 OK", [])
                if environ["QUERY_STRING"] == "write":
                    while True:
                        write(b"x" * 65536)
                return Endless()
        """
        self.file("app.py", source)
        for how, log in (("iterate", "closed\n"), ("write", "")):
            with self.subTest(how):
                child = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE, env=cgi_environ(QUERY_STRING=how))
                child.stdout.read(10)
                child.stdout.close()
                with child.stderr:
                    self.assertEqual(child.stderr.read().decode(), log)
                self.assertEqual(child.wait(30), 0)

    def test_own_broken_pipe_is_a_failure(self):
        got = self.app("raise BrokenPipeError('the database went')")
        self.assert_failed(got, "BrokenPipeError: the database went")

    def test_file_wrapper(self):
        setup = """
            class File:
                def __init__(self):
                    self.left, self.sizes = 3, []
                def read(self, size):
                    self.left -= 1
                    self.sizes.append(size)
                    return b"block;" if self.left >= 0 else b""
                def close(self):
                    print("sizes", self.sizes)
        """
        for call, size in (("File()", 65536), ("File(), 100", 8192), ("File(), 100000", 100000)):
            with self.subTest(call):
                got = self.app("STARTED; return environ['wsgi.file_wrapper'](%s)" % call, setup=setup)
                self.assert_answer(got, body=b"block;block;block;")
                self.assertEqual(got.log, "sizes %r\n" % ([size] * 4))


@in_every_mode
class Streams(BridgeTest):
    def test_prints_go_to_the_log(self):
        got = self.app("""
            import os, subprocess, sys
            print("from print \u4e2d")
            sys.stdout.buffer.write(b"from the buffer\\n"); sys.stdout.flush()
            os.write(1, b"from C\\n")
            subprocess.call(["echo", "from a child"])
            sys.stderr.write("bad \\udc80\\n")
            print("from wsgi.errors", file=environ["wsgi.errors"])
            STARTED; return [b"clean"]
        """)
        self.assert_answer(got, body=b"clean")
        self.assertEqual(got.log, "from print \u4e2d\nfrom the buffer\nfrom C\nfrom a child\nbad \\udc80\nfrom wsgi.errors\n")

    def test_stdin_is_not_the_body(self):
        got = self.app("""
            import os, subprocess, sys
            lost = sys.stdin.read() + str(os.read(0, 9)) + str(subprocess.check_output(["cat"]))
            STARTED; return [lost.encode(), environ["wsgi.input"].read()]
        """, body=b"the body")
        self.assert_answer(got, body=b"b''b''the body")

    def test_children_inherit_no_stream_of_the_exchange(self):
        got = self.app("""
            import os, subprocess, sys
            code = "import os; print([fd for fd in range(3, 50) if os.path.exists('/dev/fd/%d' % fd) and not os.path.isdir('/dev/fd/%d' % fd)])"
            STARTED; return [subprocess.check_output([sys.executable, "-c", code], close_fds=False)]
        """)
        self.assert_answer(got, body=b"[]\n")

    @modes("exec")
    def test_normal_end(self):
        got = self.app("STARTED; return [b'x']", setup="""
            import atexit, threading
            atexit.register(print, "atexit ran")
            threading.Thread(target=lambda: print("thread ran")).start()
        """)
        self.assert_answer(got, body=b"x")
        self.assertEqual(sorted(got.log.splitlines()), ["atexit ran", "thread ran"])

    @modes("exec")
    def test_signals_have_their_default_effect(self):
        self.file("app.py", """
            def application(environ, start_response):
                start_response("200 OK", [])(b"ready")
                environ["wsgi.input"].read()
        """)
        for sent in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(sent.name):
                # Whoever runs the tests in the background of a shell has them ignore SIGINT.
                child = subprocess.Popen(self.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE, env=cgi_environ(b"never sent"),
                                         preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
                seen = b""
                while not seen.endswith(b"ready"):
                    data = os.read(child.stdout.fileno(), 1000)
                    self.assertNotEqual(data, b"", "the answer ended after %r" % seen)
                    seen += data
                child.send_signal(sent)
                child.communicate(timeout=30)
                self.assertEqual(child.returncode, -sent)

    @modes("exec")
    def test_compiled(self):
        pyc = py_compile.compile(BRIDGE, os.path.join(self.dir, "bridge", "w.pyc"), doraise=True,
                                 invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
        got = self.app("STARTED; return [repr(__import__('sys').path[0]).encode()]", bridge=pyc)
        self.assert_answer(got, body=repr(self.dir).encode())
        self.assert_failed(self.app("raise KeyError('k')", bridge=pyc), "KeyError: 'k'")

    @modes("exec")
    def test_hot_path_imports(self):
        """Each import costs every request: a hello needs none beyond what Python itself has loaded, or has within it."""
        argv = self.command()
        bare = subprocess.run([sys.executable, "-X", "importtime", "-X", "utf8", "-c", "pass"], env=cgi_environ(),
                              stderr=subprocess.PIPE, check=True).stderr.decode()
        self.file("app.py", "def application(e, s):\n    s('200 OK', [])\n    return [b'hello']\n")
        hello = subprocess.run(argv[:1] + ["-X", "importtime"] + argv[1:], env=cgi_environ(), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True).stderr.decode()
        names = [set(re.findall(r"\| +(\S+)$", text, re.MULTILINE)) for text in (bare, hello)]
        self.assertEqual(names[1] - names[0] - set(sys.builtin_module_names), {"app"})


if __name__ == "__main__":
    unittest.main()
