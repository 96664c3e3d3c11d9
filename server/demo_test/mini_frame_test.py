"""Unit tests of frames/mini_frame.py. From the repository's root, with any Python 3.8+:

    python3 server/demo_test/mini_frame_test.py
"""

import io
import os
import re
import sqlite3
import sys
import tempfile
import textwrap
import threading
import unittest
from pathlib import Path
from unittest import mock
from urllib.parse import urlencode
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

ROOT = Path(__file__).resolve().parents[2]
os.chdir(str(ROOT))
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT), str(ROOT / "frames")]

import mini_frame  # noqa: E402
import stock_data  # noqa: E402
import stock_text  # noqa: E402

TOKEN = "0123456789abcdef" * 2


class Answer:
    def __init__(self, status, headers, body, errors):
        self.status = int(status.split()[0])
        self.headers, self.body, self.errors = headers, body.decode("utf-8"), errors

    def header(self, name):
        return "; ".join(value for key, value in self.headers if key.lower() == name.lower())


class SiteTest(unittest.TestCase):
    """Each test has a database of its own."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.file = os.path.join(directory.name, "new", "stock.db")
        self.use("sqlite:///" + self.file)

    def use(self, url):
        patch = mock.patch.dict(os.environ, STOCK_DB=url)
        patch.start()
        self.addCleanup(patch.stop)

    def ask(self, path, method="GET", query="", form=None, cookie="stock_token=" + TOKEN, **environ):
        """One request, with wsgiref's validator between the app and the test."""
        body = urlencode(form).encode() if form is not None else b""
        errors = io.StringIO()
        request = {"REQUEST_METHOD": method, "SCRIPT_NAME": "",
                   "PATH_INFO": path.encode().decode("latin-1"), "QUERY_STRING": query,
                   "CONTENT_LENGTH": str(len(body)), "HTTP_COOKIE": cookie,
                   "wsgi.input": io.BytesIO(body), "wsgi.errors": errors}
        request.update(environ)
        setup_testing_defaults(request)
        started = []

        def start_response(status, headers, exc_info=None):
            started.append((status, headers))
            return lambda data: None

        result = validator(mini_frame.application)(request, start_response)
        try:
            body = b"".join(result)
        finally:
            result.close()
        return Answer(started[0][0], started[0][1], body, errors.getvalue())

    def post(self, path, **form):
        return self.ask(path, "POST", form=dict({"token": TOKEN}, **form))

    def codes(self, search):
        page = self.ask("/index.html", query=urlencode({"q": search})).body
        return re.findall(r'<tr role="row" id="s(\d{6})"', page)


class Router(SiteTest):
    def test_paths(self):
        self.post("/add/000007.html")
        for path, status in [
            ("/", 200), ("/index.html", 200), ("/index.py", 200), ("/center.html", 200), ("/center.py", 200),
            ("/add/000001.html", 200), ("/add/000001.py", 200), ("/del/000007.html", 200), ("/update/000007.html", 200),
            ("/update/000007.py", 200), ("/update/000007/note.html", 200), ("/update/000007/备注/二.html", 200),
            ("/add/999999.html", 404), ("/update/999999.html", 404),
            ("/del/000001.html", 409), ("/update/000001.html", 409), ("/add/000007.html", 409),
            ("/add/00000.html", 404), ("/add/0000071.html", 404), ("/add/٠٠٠٠٠٧.html", 404), ("/add/000007.html\n", 404),
            ("/index.htmlx", 404), ("/x/index.html", 404), ("/indexAhtml", 404), ("//index.html", 404),
        ]:
            with self.subTest(path=path):
                self.assertEqual(self.ask(path).status, status)

    def test_methods(self):
        for method, path, status, allow in [
            ("HEAD", "/index.html", 200, ""),
            ("POST", "/index.html", 405, "GET, HEAD"),
            ("DELETE", "/del/000007.html", 405, "GET, HEAD, POST"),
            ("POST", "/update/000007/note.html", 405, "GET, HEAD"),
        ]:
            with self.subTest(method=method, path=path):
                answer = self.ask(path, method, form={"token": TOKEN})
                self.assertEqual((answer.status, answer.header("Allow")), (status, allow))

    def test_a_path_that_the_server_has_decoded(self):
        self.post("/add/000007.html")
        page = self.ask("/", PATH_INFO="/update/000007/备注.html").body
        self.assertIn('name="note" value="备注"', page)


class Forms(SiteTest):
    def test_get_changes_nothing(self):
        page = self.ask("/add/000007.html").body
        self.assertIn('<form method="post" action="/add/000007.html">', page)
        self.assertNotIn("000007", self.ask("/center.html").body)

    def test_post_redirects(self):
        answer = self.post("/add/000007.html", back="index", q="全")
        self.assertEqual(answer.status, 303)
        self.assertEqual(answer.header("Location"), "/index.html?q=%E5%85%A8&done=add&code=000007#s000007")
        self.assertIn("已关注 全新好。", self.ask("/index.html", query="done=add&code=000007").body)
        answer = self.post("/del/000007.html", back="https://example.com/")
        self.assertEqual(answer.header("Location"), "/center.html?done=del&code=000007#s000007")

    def test_forged_forms_are_refused(self):
        other = "f" * 32
        for name, cookie, form in [
            ("no token", "stock_token=" + TOKEN, {}),
            ("another token", "stock_token=" + TOKEN, {"token": other}),
            ("no cookie", "", {"token": TOKEN}),
            ("no cookie, no token", "", {}),
            ("an empty cookie", "stock_token=", {"token": ""}),
            ("a cookie that is no token", "stock_token=none", {"token": "none"}),
        ]:
            with self.subTest(name):
                answer = self.ask("/add/000007.html", "POST", form=form, cookie=cookie)
                self.assertEqual(answer.status, 403)
        self.assertNotIn("000007", self.ask("/center.html").body)

    def test_tokens_differ_and_are_kept(self):
        first, second = (self.ask("/", cookie="").header("Set-Cookie") for _ in range(2))
        self.assertRegex(first, "^stock_token=[0-9a-f]{32}; Path=/; SameSite=Lax; HttpOnly$")
        self.assertNotEqual(first, second)
        self.assertEqual(self.ask("/").header("Set-Cookie"), "")

    def test_sizes(self):
        self.post("/add/000007.html")
        self.assertEqual(self.post("/update/000007.html", note="长" * 200).status, 303)
        self.assertEqual(self.post("/update/000007.html", note="长" * 201).status, 400)
        self.assertEqual(self.post("/update/000007.html", note="x" * 20000).status, 413)
        self.assertIn("长" * 200, self.ask("/center.html").body)


class Escaping(SiteTest):
    NASTY = "<script>alert(1)</script> \"quoted\" 'single' & {%token%} {name} %s ?"
    ESCAPED = ("&lt;script&gt;alert(1)&lt;/script&gt; &quot;quoted&quot; &#x27;single&#x27; &amp; {%token%} {name} %s ?")

    def test_note(self):
        self.post("/add/000007.html")
        self.post("/update/000007.html", note=self.NASTY)
        for path in ("/center.html", "/update/000007.html"):
            with self.subTest(path):
                page = self.ask(path).body
                self.assertIn(self.ESCAPED, page)
                self.assertNotIn("<script>", page)

    def test_search(self):
        self.assertIn('value="&quot;&gt;&lt;b&gt;"', self.ask("/", query=urlencode({"q": '"><b>'})).body)

    def test_path(self):
        self.post("/add/000007.html")
        page = self.ask("/update/000007/<b>'\".html").body
        self.assertNotIn("<b>", page)
        self.assertEqual(page.count("&lt;b&gt;&#x27;&quot;"), 2)  # in the sentence and in the form

    def test_control_characters_go(self):
        self.post("/add/000007.html")
        self.post("/update/000007.html", note=" 一\x00\x1b\r\n二\x7f ")
        self.assertIn(">一\n二</td>", self.ask("/center.html").body)


class Sql(SiteTest):
    def test_search(self):
        for search, want in [
            ("600519", ["600519"]), ("0519", ["600519"]), ("平安", ["000001", "601318"]), (" 茅台 ", ["600519"]),
            ("tcl", ["000100"]), ("没有", []), ("%", []), ("_", []), ("60051_", []), ("6%9", []), ("!", []), ("!%", []),
            ("' OR '1'='1", []), ('" --', []), ("\\", []), ("?", []), ("%s", []), ("'; DROP TABLE info; --", []),
        ]:
            with self.subTest(search):
                self.assertEqual(self.codes(search), want)
        self.assertEqual(len(self.codes("")), 32)

    def test_note(self):
        self.post("/add/000007.html")
        self.post("/add/000001.html")
        self.post("/update/000007.html", note="x' WHERE 1=1; --")
        with sqlite3.connect(self.file) as db:
            self.assertEqual(db.execute("SELECT note_info FROM focus ORDER BY id").fetchall(),
                             [("x' WHERE 1=1; --",), ("",)])
        db.close()

    def test_created_once(self):
        for _ in range(2):
            stock_data.SQLiteStore(self.file).close()
        # A second first request, which had found nothing when it looked.
        store = stock_data.SQLiteStore(self.file)
        store.create()
        self.assertEqual(store.run("SELECT COUNT(*) FROM info"), [(32,)])
        store.close()


class AtOnce(SiteTest):
    """With STOCK_TEST_DB, on that database, which must be empty."""

    def test_only_one_fills(self):
        """Two first requests, held where each has found nothing and is about to act on it."""
        url = os.environ.get("STOCK_TEST_DB") or "sqlite:///" + self.file
        looked, meeting = threading.Barrier(2, timeout=30), threading.Barrier(2, timeout=1)
        look, looks = stock_data.Store.filled, threading.local()

        def filled(store):
            found = look(store)
            looks.count = getattr(looks, "count", 0) + 1
            if looks.count == 1:
                looked.wait()
            elif not found:
                try:
                    meeting.wait()  # only without a lock do both get here
                except threading.BrokenBarrierError:
                    pass
            return found

        results = []

        def first_request():
            try:
                store = stock_data.open_store(url)
                results.append(len(store.stocks()))
                store.close()
            except Exception as error:
                results.append(error)

        with mock.patch.object(stock_data.Store, "filled", filled):
            threads = [threading.Thread(target=first_request) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(results, [32, 32])


class Trouble(SiteTest):
    def test_no_database(self):
        blocked = os.path.join(os.path.dirname(os.path.dirname(self.file)), "file")
        Path(blocked).write_text("not a directory")
        for url, want in [
            ("sqlite:///" + blocked + "/stock.db", "cannot open the stock data in %s/stock.db: " % blocked),
            ("sqlite:///" + blocked, "cannot use the stock data in %s: file is not a database" % blocked),
            ("sqlite:///", "cannot use STOCK_DB: it is neither"),
            ("postgres://x", "cannot use STOCK_DB: it is neither"),
        ]:
            with self.subTest(url):
                self.use(url)
                answer = self.ask("/index.html")
                self.assertEqual(answer.status, 503)
                self.assertTrue(answer.errors.startswith(want), answer.errors)
                self.assertIn("\nhint: ", answer.errors)
                self.assertNotIn(blocked, answer.body)

    def test_readable_only(self):
        stock_data.SQLiteStore(self.file).close()
        with mock.patch.object(stock_data.SQLiteStore, "connect",
                               lambda store: sqlite3.connect("file:%s?mode=ro" % self.file, uri=True)):
            self.assertEqual(self.ask("/index.html").status, 200)
            answer = self.post("/add/000007.html")
        self.assertEqual(answer.status, 503)
        self.assertIn("attempt to write a readonly database", answer.errors)

    def test_no_pymysql(self):
        self.use("mysql://root@localhost/stock_db")
        with mock.patch.dict(sys.modules, pymysql=None):
            answer = self.ask("/index.html")
        self.assertEqual(answer.status, 503)
        self.assertIn("pip install PyMySQL", answer.errors)


class Documentation(SiteTest):
    def test_the_example_page_works(self):
        text = Path("docs/demo.md").read_text(encoding="utf-8")
        example = textwrap.dedent(re.search(r"  ```python\n(.*?)  ```", text, re.DOTALL)[1])
        with mock.patch.object(mini_frame, "ROUTES", list(mini_frame.ROUTES)):
            exec(example, vars(mini_frame))
            answer = self.ask("/top.html")
        self.assertEqual((answer.status, answer.body.count("<tr role")), (200, 6))
        self.assertIn('id="s000007"', answer.body)


class Languages(SiteTest):
    def test_switch(self):
        for name, query, cookie, html_lang, set_cookie in [
            ("Chinese first", "", "", "zh-CN", ""),
            ("asked", "lang=en", "", "en", "stock_lang=en; Path=/; SameSite=Lax; Max-Age=31536000"),
            ("remembered", "", "; stock_lang=en", "en", ""),
            ("asked again", "lang=en", "; stock_lang=en", "en", ""),
            ("back", "lang=zh", "; stock_lang=en", "zh-CN", "stock_lang=zh; Path=/; SameSite=Lax; Max-Age=31536000"),
            ("unknown", "lang=xx", "; stock_lang=yy", "zh-CN", ""),
        ]:
            with self.subTest(name):
                answer = self.ask("/", query=query, cookie="stock_token=" + TOKEN + cookie)
                self.assertIn('<html lang="%s">' % html_lang, answer.body)
                self.assertEqual(answer.header("Set-Cookie"), set_cookie)

    def test_search_survives(self):
        self.assertIn('href="?q=%E5%B9%B3%E5%AE%89&amp;lang=en"', self.ask("/", query=urlencode({"q": "平安"})).body)

    def test_every_sentence_is_there_and_used(self):
        used = set(re.findall(r'"(\w+)"', Path("frames/mini_frame.py").read_text(encoding="utf-8")))
        for file in Path("templates").glob("*.html"):
            used |= set(re.findall(r"\{%(\w+)%\}", file.read_text(encoding="utf-8")))
        for key, sentences in stock_text.TEXT.items():
            with self.subTest(key):
                self.assertEqual(len(sentences), len(stock_text.LANGUAGES))
                self.assertTrue(all(sentences))
                names = [sorted(re.findall(r"\{(\w+)\}", sentence)) for sentence in sentences]
                self.assertEqual(names[0], names[1])
                built = key.startswith(("done_", "ask_", "to_"))  # "done_" + verb
                self.assertTrue(built or key in used, "nobody says this")


if __name__ == "__main__":
    unittest.main()
