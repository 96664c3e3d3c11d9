"""What beginners do in a WSGI application: it works with a warning, or is a clean 500 that says why."""
import signal
import unittest

from wsgi_harness import BridgeTest, in_every_mode

CHINESE = "\u4e2d\u6587"


@in_every_mode
class Works(BridgeTest):
    """Every row is answered in full, with exactly one warning line."""

    TABLE = [
        # name, body of application(environ, start_response), status, body, the warning
        ("str", "STARTED; return 'a\u4e2d'", "200 OK", "a\u4e2d",
         "app:application returned str, sent as UTF-8; PEP 3333 wants an iterable of bytes, such as [text.encode()]"),
        ("bytes", "STARTED; return b'abc'", "200 OK", "abc",
         "app:application returned bytes; PEP 3333 wants an iterable of bytes, such as [text.encode()]"),
        ("bytearray", "STARTED; return bytearray(b'abc')", "200 OK", "abc",
         "app:application returned bytearray; PEP 3333 wants an iterable of bytes, such as [text.encode()]"),
        ("list of str", "STARTED; return ['a', '\u4e2d']", "200 OK", "a\u4e2d",
         "a chunk of the body is str, sent as UTF-8; PEP 3333 wants bytes"),
        ("yields str", "STARTED; yield 'a'; yield '\u4e2d'", "200 OK", "a\u4e2d",
         "a chunk of the body is str, sent as UTF-8; PEP 3333 wants bytes"),
        ("yields bytearray", "STARTED; yield bytearray(b'ab')", "200 OK", "ab",
         "a chunk of the body is bytearray; PEP 3333 wants bytes"),
        ("write(str)", "STARTED('\u4e2d'); return []", "200 OK", "\u4e2d",
         "write() got str, sent as UTF-8; PEP 3333 wants bytes"),
        ("write, then None", "STARTED(b'ab')", "200 OK", "ab",
         "app:application returned None after write(); PEP 3333 wants an iterable, such as []"),
        ("bare status", "start_response('404', []); return [b'x']", "404 Not Found", "x",
         "status '404' has no phrase; PEP 3333 wants one, such as \"200 OK\""),
        ("bare status, blank", "start_response('404 ', []); return [b'x']", "404 Not Found", "x",
         "status '404 ' has no phrase; PEP 3333 wants one, such as \"200 OK\""),
        ("bare unknown status", "start_response('599', []); return [b'x']", "599 Unknown", "x",
         "status '599' has no phrase; PEP 3333 wants one, such as \"200 OK\""),
        ("int status", "start_response(404, []); return [b'x']", "404 Not Found", "x",
         "status '404' is int; PEP 3333 wants a str such as \"200 OK\""),
        ("HTTPStatus", "import http; start_response(http.HTTPStatus.CREATED, []); return [b'x']", "201 Created", "x",
         "status '201' is HTTPStatus; PEP 3333 wants a str such as \"200 OK\""),
        ("bytes status", "start_response(b'202 Fine', []); return [b'x']", "202 Fine", "x",
         "status '202 Fine' is bytes; PEP 3333 wants a str such as \"200 OK\""),
    ]

    HEADERS = [
        ("float", "[('Date', 1.5)]", "Date", ["1.5"], "the value of header 'Date' is a number; PEP 3333 wants a str"),
        ("int", "[('Content-Length', 1)]", "Content-Length", ["1"],
         "the value of header 'Content-Length' is a number; PEP 3333 wants a str"),
        ("bytes", "[('X', b'v')]", "X", ["v"], "the value of header 'X' is bytes; PEP 3333 wants a str"),
        ("bytes name", "[(b'X', 'v')]", "X", ["v"], "header name b'X' is bytes; PEP 3333 wants a str"),
        ("dict", "{'X': 'v', 'Y': 'w'}", "Y", ["w"], "the headers are dict; PEP 3333 wants a list of (name, value) tuples"),
        ("tuple", "(('X', 'v'),)", "X", ["v"], "the headers are tuple; PEP 3333 wants a list of (name, value) tuples"),
        ("iterator", "iter([('X', 'v')])", "X", ["v"],
         "the headers are list_iterator; PEP 3333 wants a list of (name, value) tuples"),
        ("None", "None", "X", [], "the headers are NoneType; PEP 3333 wants a list of (name, value) tuples"),
        ("list of lists", "[['X', 'v']]", "X", ["v"], "header 'X' is list; PEP 3333 wants a (name, value) tuple"),
        ("Chinese", "[('X', '\u4e2d')]", "X", [b"\xe4\xb8\xad".decode("latin-1")],
         "the value of header 'X' is not latin-1, sent as UTF-8; PEP 3333 wants latin-1 text (a URL percent-encoded)"),
        ("hop-by-hop", "[('Transfer-Encoding', 'chunked')]", "Transfer-Encoding", [],
         "header 'Transfer-Encoding' is hop-by-hop, dropped; PEP 3333 wants it left to the server"),
        ("connection", "[('connection', 'close')]", "Connection", [],
         "header 'connection' is hop-by-hop, dropped; PEP 3333 wants it left to the server"),
        ("status", "[('Status', '404 Gone')]", "Status", ["200 OK"],
         "header 'Status' dropped; PEP 3333 wants the status as start_response's first argument"),
    ]

    def test_answers(self):
        for name, lines, status, body, warning in self.TABLE:
            with self.subTest(name):
                got = self.app(lines)
                self.assert_answer(got, status, body.encode("utf-8"), warnings=1)
                self.assertEqual(got.log, "framegate: warning: %s\n" % warning)

    def test_headers(self):
        for name, headers, header, want, warning in self.HEADERS:
            with self.subTest(name):
                got = self.app("start_response('200 OK', %s); return [b'x']" % headers)
                self.assert_answer(got, body=b"x", warnings=1)
                self.assertEqual(got.all(header), want)
                self.assertEqual(got.log, "framegate: warning: %s\n" % warning)

    def test_str_is_encoded_whole_and_counted_in_bytes(self):
        got = self.app("STARTED; return %r * 3" % CHINESE)
        self.assert_answer(got, body=(CHINESE * 3).encode("utf-8"), warnings=1)
        self.assertEqual(got.all("Content-Length"), ["18"])

    def test_template_opened_relative_to_the_project(self):
        self.file("templates/index.html", "<p>%s</p>" % CHINESE)
        got = self.app("STARTED\nwith open('./templates/index.html') as f:\n    return f.read()")
        self.assert_answer(got, body=("<p>%s</p>" % CHINESE).encode("utf-8"), warnings=1)

    def test_the_user_may_replace_sys_stderr(self):
        got = self.app("import io, sys; sys.stderr = io.StringIO(); STARTED; return 'x'")
        self.assert_answer(got, body=b"x", warnings=1)
        self.assert_failed(self.app("import io, sys; sys.stderr = io.StringIO(); return environ['NO_KEY']"),
                           "Traceback (most recent call last)", "KeyError: 'NO_KEY'")

    def test_a_frame_named_like_a_standard_module(self):
        for name in ("http", "difflib", "resource", "atexit", "traceback"):
            self.file(name + ".py", "raise RuntimeError('%s.py of the project')" % name)
        self.assert_answer(self.app("start_response('404', []); return [b'x']"), "404 Not Found", b"x", warnings=1)
        self.assert_answer(self.app("STARTED; yield b'x'; 1 / 0"), body=b"x", code=-signal.SIGABRT)


@in_every_mode
class OneParameter(BridgeTest):
    """application(file_name), the step before WSGI, in all the shapes a callable may have."""

    ONE = [
        ("function", "def application(file_name):\n    return 'one ' + file_name"),
        ("bytes", "def application(file_name):\n    return b'one ' + file_name.encode()"),
        ("list", "def application(file_name):\n    return [b'one ', file_name.encode()]"),
        ("keyword-only extra", "def application(file_name, *, x=1):\n    return 'one ' + file_name"),
        ("lambda", "application = lambda path: 'one ' + path"),
        ("instance", "class App:\n    def __call__(self, path):\n        return 'one ' + path\napplication = App()"),
        ("bound method", "class App:\n    def go(self, path):\n        return 'one ' + path\napplication = App().go"),
        ("class method", "class App:\n    @classmethod\n    def go(cls, path):\n        return 'one ' + path\napplication = App.go"),
        ("static method", "class App:\n    @staticmethod\n    def go(path):\n        return 'one ' + path\napplication = App.go"),
        ("partial", "import functools\ndef go(prefix, path):\n    return prefix + path\napplication = functools.partial(go, 'one ')"),
        ("partial by name", "import functools\ndef go(path, prefix):\n    return prefix + path\napplication = functools.partial(go, prefix='one ')"),
    ]
    TWO = [
        ("function", "def application(e, s):\n    s('200 OK', [])\n    return [b'two']"),
        ("*args", "def application(*args):\n    args[1]('200 OK', [])\n    return [b'two']"),
        ("one and *args", "def application(e, *rest):\n    rest[0]('200 OK', [])\n    return [b'two']"),
        ("default", "def application(e, s=None):\n    s('200 OK', [])\n    return [b'two']"),
        ("instance", "class App:\n    def __call__(self, e, s):\n        s('200 OK', [])\n        return [b'two']\napplication = App()"),
        ("class", "class application:\n    def __init__(self, e, s):\n        s('200 OK', [])\n    def __iter__(self):\n        yield b'two'"),
        ("method", "class App:\n    def go(self, e, s):\n        s('200 OK', [])\n        return [b'two']\napplication = App().go"),
        ("partial", "import functools\ndef go(x, e, s):\n    s('200 OK', [])\n    return [x]\napplication = functools.partial(go, b'two')"),
        ("wrapped with *args", "import functools\ndef one(request):\n    return b'two'\n@functools.wraps(one)\n"
                               "def application(*args):\n    args[-1]('200 OK', [])\n    return [one(args[0])]"),
    ]

    def test_one(self):
        for name, source in self.ONE:
            with self.subTest(name):
                self.file("app.py", source)
                got = self.bridge()
                self.assertEqual(got.log.splitlines()[0], "framegate: warning: app:application takes one parameter, so it got "
                                 "PATH_INFO and its result is sent as HTML; PEP 3333 wants application(environ, start_response)")
                self.assert_answer(got, body=b"one /a", warnings=1 if name == "list" else 2)
                self.assertEqual(got.all("Content-Type"), ["text/html; charset=utf-8"])

    def test_two(self):
        for name, source in self.TWO:
            with self.subTest(name):
                self.file("app.py", source)
                self.assert_answer(self.bridge(), body=b"two")

    def test_text_path(self):
        self.file("app.py", "def application(name):\n    return {'/%s': 'found'}.get(name, 'lost')" % CHINESE)
        got = self.bridge("--path-info", "text", environ={"PATH_INFO": "/" + CHINESE})
        self.assert_answer(got, body=b"found", warnings=2)

    def test_none(self):
        self.file("app.py", "def application(name):\n    pass")
        self.assert_failed(self.bridge(), "app:application returned None", warnings=1)


@in_every_mode
class CleanError(BridgeTest):
    """Every row is a 500 with the cause in the log and nothing of it in the answer."""

    TABLE = [
        ("None", "STARTED", ["app:application returned None, so there is no answer\nhint: every way"]),
        ("None, not started", "pass", ["app:application returned None"]),
        ("not started", "return [b'x']", ["app:application did not call start_response\nhint: call start_response("]),
        ("not started, empty", "return []", ["did not call start_response"]),
        ("not started, yields", "yield b'x'", ["did not call start_response"]),
        ("started, then raises", "STARTED; raise ValueError('why')",
         ["Traceback (most recent call last)", "in application", "ValueError: why",
          "framegate: app:application failed: ValueError: why at "]),
        ("raises at the first yield", "STARTED; 1 / 0; yield b''", ["ZeroDivisionError"]),
        ("KeyError", "STARTED; return [environ['HTTP_MISSING']]",
         ["KeyError: 'HTTP_MISSING' at ", "hint: this request has no such environ key: environ.get('HTTP_MISSING')"]),
        ("chained", "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise ValueError('second') from e",
         ["ZeroDivisionError", "direct cause", "ValueError: second"]),
        ("deep", "import json; json.loads('{')", ["JSONDecodeError", "/app.py:"]),
        ("sys.exit", "STARTED; import sys; sys.exit()", ["SystemExit", "hint: sys.exit() ends the process and not the request"]),
        ("sys.exit(0)", "STARTED; import sys; sys.exit(0)", ["SystemExit: 0"]),
        ("dict", "STARTED; return {'a': 1}", ["returned dict, which is not an iterable of bytes"]),
        ("int", "STARTED; return 7", ["returned int, which is not an iterable of bytes"]),
        ("list of int", "STARTED; return [b'a', 7]", ["a chunk of the body is int, which is not bytes"]),
        ("yields None", "STARTED; yield None", ["a chunk of the body is NoneType"]),
        ("recursion", "application(environ, start_response)", ["RecursionError"]),
        ("several lines", "raise ValueError('one\\ntwo')", ["app:application failed: ValueError: one at "]),
        ("own exception", "class Stop(BaseException): pass\nraise Stop('enough')", ["Stop: enough"]),
    ]

    def test_table(self):
        for name, lines, log in self.TABLE:
            with self.subTest(name):
                got = self.app(lines)
                self.assert_failed(got, *log)
                self.assertNotIn("bridges/wsgi.py", got.log, "the bridge's own frames are no help")

    def test_str_that_is_no_text(self):
        self.assert_failed(self.app("STARTED; return ['\\udc80']"), "UnicodeEncodeError: 'utf-8'", warnings=1)

    def test_not_an_application(self):
        table = [
            ("async", "async def application(e, s):\n    pass", "app:application returned coroutine: it is async"),
            ("async generator", "async def application(e, s):\n    yield b''", "returned async_generator: it is async"),
            ("no parameters", "def application():\n    pass", "takes 0 positional arguments but 2 were given"),
            ("three", "def application(a, b, c):\n    pass", "missing 1 required positional argument: 'c'"),
        ]
        for name, source, cause in table:
            with self.subTest(name):
                self.file("app.py", source)
                self.assert_failed(self.bridge(), cause)

    def test_request_id_in_the_answer(self):
        got = self.app("1 / 0", environ={"REQUEST_ID": "01HZX3"})
        self.assert_failed(got)
        self.assertTrue(got.body.endswith(b"\nRequest id: 01HZX3\n"), got.body)

    def test_after_the_first_byte_the_answer_is_cut(self):
        table = [
            ("exception", "STARTED; yield b'half'; raise ValueError('why')", "ValueError: why"),
            ("None", "STARTED; yield b'half'; yield None", "a chunk of the body is NoneType"),
            ("after write()", "STARTED(b'half'); raise ValueError('why')", "ValueError: why"),
            ("sys.exit(0)", "STARTED; yield b'half'; raise SystemExit(0)", "sys.exit() ends the process"),
        ]
        for name, lines, log in table:
            with self.subTest(name):
                got = self.app(lines)
                self.assert_answer(got, body=b"half", code=-signal.SIGABRT)
                self.assertIn(log, got.log)


if __name__ == "__main__":
    unittest.main()
