"""path-info = "text": the UTF-8 text for its reader, the bytes for a framework that asks by .encode("latin-1")."""
import copy
import json
import pickle
import re
import sqlite3
import unittest
import urllib.parse

import wsgi
from wsgi_harness import BridgeTest, in_every_mode

PATH = "/\u4e2d\u6587/\u7f8e.html"
BYTES = PATH.encode("utf-8")


class Markup(str):
    """An escaping str, such as markupsafe's: it must see what is put together with it."""

    def __radd__(self, other):
        return Markup("escaped(" + str(other) + ")" + str(self))


class PathText(unittest.TestCase):
    def setUp(self):
        self.path = wsgi.path_text(PATH)

    def test_encode(self):
        for name in ("latin-1", "LATIN-1", "latin1", "latin_1", "iso-8859-1", "ISO_8859_1", "iso8859-1", "l1", "latin"):
            with self.subTest(name):
                self.assertEqual(self.path.encode(name), BYTES)
        self.assertEqual(self.path.encode(), BYTES)
        self.assertEqual(self.path.encode("gbk"), PATH.encode("gbk"))
        self.assertEqual(self.path.encode("ascii", "replace"), PATH.encode("ascii", "replace"))
        self.assertEqual(self.path.encode(encoding="latin1", errors="replace"), BYTES)

    def test_ascii_is_plain(self):
        self.assertIs(type(wsgi.path_text("/plain.py")), str)
        self.assertIs(type(self.path[-5:]), str)
        self.assertEqual(self.path[-5:], ".html")

    def test_latin_1_text_too(self):
        self.assertEqual(wsgi.path_text("/caf\u00e9").encode("latin-1"), "/caf\u00e9".encode("utf-8"))

    def test_taken_apart_it_stays_a_path(self):
        p = self.path
        table = [
            ("slice", p[1:], PATH[1:]), ("index", p[1], PATH[1]), ("strip", p.strip("/"), PATH.strip("/")),
            ("lstrip", p.lstrip("/"), PATH.lstrip("/")), ("rstrip", p.rstrip("l"), PATH.rstrip("l")),
            ("replace", p.replace(".html", ".py"), PATH.replace(".html", ".py")), ("lower", p.lower(), PATH.lower()),
            ("split", p.split("/")[1], PATH.split("/")[1]), ("split by name", p.split(sep="/", maxsplit=1)[1], PATH[1:]),
            ("rsplit", p.rsplit("/", 1)[0], "/\u4e2d\u6587"), ("partition", p.partition("/\u7f8e")[0], "/\u4e2d\u6587"),
            ("rpartition", p.rpartition("/")[0], "/\u4e2d\u6587"), ("path + str", p + "/x", PATH + "/x"),
            ("str + path", "/x" + p, "/x" + PATH), ("path + path", p + p, PATH + PATH), ("ascii + path", "" + p, PATH),
        ]
        for name, got, want in table:
            with self.subTest(name):
                self.assertEqual(got, want)
                self.assertIs(type(got), wsgi.PathText)
                self.assertEqual(got.encode("latin-1"), want.encode("utf-8"))
        self.assertIs(type(p.split("/")), list)
        self.assertIs(type(p.partition("/")), tuple)

    def test_for_everything_else_it_is_text(self):
        p = self.path
        table = [
            ("==", p == PATH, True), ("dict key", {PATH: 1}[p], 1), ("in", "\u4e2d" in p, True), ("f-string", "%s|%s" % (p, f"{p}"), PATH + "|" + PATH),
            ("re", re.match(r"/(.+)/", p).group(1), "\u4e2d\u6587"), ("join", "-".join([p, p]), PATH + "-" + PATH),
            ("unquote", urllib.parse.unquote(p), PATH), ("quote", urllib.parse.quote(p), urllib.parse.quote(PATH)),
            ("quote as wsgiref does", urllib.parse.quote(p, encoding="latin-1"), urllib.parse.quote(PATH)),
            ("json", json.dumps(p), json.dumps(PATH)), ("str", type(str(p)), str), ("copy", copy.copy(p), PATH),
            ("startswith", p.startswith("/\u4e2d"), True), ("endswith", p.endswith(".html"), True), ("len", len(p), len(PATH)),
        ]
        for name, got, want in table:
            with self.subTest(name):
                self.assertEqual(got, want)

    def test_pickle_needs_no_bridge(self):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            got = pickle.loads(pickle.dumps(self.path, protocol))
            self.assertIs(type(got), str)
            self.assertEqual(got, PATH)

    def test_sqlite(self):
        db = sqlite3.connect(":memory:")
        self.assertEqual(db.execute("select ?, length(?)", (self.path, self.path)).fetchone(), (PATH, len(PATH)))
        db.close()

    def test_an_escaping_str_has_its_say(self):
        got = self.path + Markup("<b>")
        self.assertEqual((type(got), got), (Markup, "escaped(%s)<b>" % PATH))

    def test_only_strings_are_added(self):
        for other in (1, None, b"x"):
            with self.assertRaises(TypeError):
                self.path + other
            with self.assertRaises(TypeError):
                other + self.path


@in_every_mode
class Modes(BridgeTest):
    def value(self, expression, mode, **environ):
        args = ("--path-info", mode) if mode else ()
        got = self.app("STARTED; return [ascii(%s).encode()]" % expression, *args, environ=environ)
        self.assert_answer(got)
        return got.body.decode()

    def test_modes(self):
        latin = BYTES.decode("latin-1")
        table = [
            ("environ['PATH_INFO']", None, {"PATH_INFO": BYTES}, ascii(latin)),
            ("environ['PATH_INFO']", "pep3333", {"PATH_INFO": BYTES}, ascii(latin)),
            ("environ['PATH_INFO']", "text", {"PATH_INFO": BYTES}, ascii(PATH)),
            ("environ['SCRIPT_NAME']", "text", {"SCRIPT_NAME": BYTES}, ascii(PATH)),
            ("environ['PATH_INFO'].encode('latin-1')", "pep3333", {"PATH_INFO": BYTES}, ascii(BYTES)),
            ("environ['PATH_INFO'].encode('latin-1')", "text", {"PATH_INFO": BYTES}, ascii(BYTES)),
            ("(environ['SCRIPT_NAME'] + environ['PATH_INFO']).encode('latin-1')", "text",
             {"SCRIPT_NAME": "/app", "PATH_INFO": BYTES}, ascii(b"/app" + BYTES)),
            ("environ['PATH_INFO']", "text", {"PATH_INFO": b"/\xff\xfe"}, ascii("/\xff\xfe")),
            ("environ['PATH_INFO'].encode('latin-1')", "text", {"PATH_INFO": b"/\xff\xfe"}, ascii(b"/\xff\xfe")),
            ("type(environ['PATH_INFO']) is str", "text", {"PATH_INFO": "/plain"}, "True"),
            ("environ['PATH_TRANSLATED']", "text", {"PATH_TRANSLATED": BYTES}, ascii(latin)),
            ("environ['HTTP_X']", "text", {"HTTP_X": BYTES}, ascii(latin)),
            ("__import__('wsgiref.util').util.request_uri(environ, False)", "text",
             {"PATH_INFO": BYTES, "HTTP_HOST": "h"}, ascii("http://h" + urllib.parse.quote(PATH))),
        ]
        for expression, mode, environ, want in table:
            with self.subTest(expression, mode=mode):
                self.assertEqual(self.value(expression, mode, **environ), want)

    def test_text_that_lost_its_bytes_gets_a_hint(self):
        lines = "return [('%s' % environ['PATH_INFO']).encode('latin-1')]"
        got = self.app(lines, "--path-info", "text", environ={"PATH_INFO": BYTES})
        self.assert_failed(got, "UnicodeEncodeError", 'hint: path-info = "pep3333"')

    def test_path_in_a_header(self):
        for mode in ("text", "pep3333"):
            with self.subTest(mode):
                got = self.app("start_response('302 Found', [('Location', environ['PATH_INFO'] + '/')]); return []",
                               "--path-info", mode, environ={"PATH_INFO": BYTES})
                self.assert_answer(got, "302 Found")
                self.assertEqual(got.all("Location"), [(BYTES + b"/").decode("latin-1")])


if __name__ == "__main__":
    unittest.main()
