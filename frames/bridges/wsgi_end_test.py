"""Tests of the end of a process that has answered: at once, but only where nobody can tell."""
import os
import sys
import unittest

from wsgi_harness import BridgeTest

ASKS = "import sys\nstart_response('200 OK', [])\nreturn [repr(sys.modules['__main__'].ends_plainly()).encode()]"


class End(BridgeTest):
    def command(self, *args, **more):
        """Without what else is installed for this Python, which may have an end of its own."""
        python, *rest = super().command(*args, **more)
        return [python, "-S", *rest]

    def plainly(self, setup=""):
        answer = self.app(ASKS, setup=setup)
        self.assertEqual(answer.status, "200 OK", answer.log)
        return answer.body == b"True"

    def test_a_plain_application_ends_at_once(self):
        self.assertTrue(self.plainly())
        self.assertTrue(self.plainly("""
            import datetime, decimal, functools, json, math, random, re, socket, urllib.parse, weakref
            class Node:
                pass
            kept = weakref.WeakValueDictionary(node=Node())
        """))
        self.assertTrue(self.plainly("""
            import sys
            class Meta(type):
                pass
            sys.modules["typing.io"] = Meta("typing.io", (), {})  # as typing itself has it
        """))

    def test_generators_that_are_not_in_the_middle(self):
        """As werkzeug keeps them of an error page; the one in the middle is below."""
        self.assertTrue(self.plainly("""
            def steps():
                try:
                    yield
                finally:
                    print("ended")
            never, through = steps(), (step for step in ())
            list(through)
        """))

    def test_a_destructor_is_found_in_what_was_frozen(self):
        self.assertFalse(self.plainly("""
            import gc
            class A:
                def __del__(self):
                    pass
            kept = A()
            gc.freeze()
        """))

    def test_what_the_end_does_is_done(self):
        """Each writes into the log, or a file, when the interpreter ends."""
        for name, setup in {
            "a destructor": "class A:\n    def __del__(self, say=sys.stderr.write):\n        say('ended\\n')\nkept = A()",
            "in no list of objects": "class A:\n    __slots__ = ()\n    def __del__(self, say=sys.stderr.write):\n        say('ended\\n')\nkept = A()",
            "a generator": "def steps(say=sys.stderr.write):\n    try:\n        yield\n    finally:\n        say('ended\\n')\nkept = steps()\nnext(kept)",
            "atexit": "import atexit\natexit.register(sys.stderr.write, 'ended\\n')",
            "finalize": "import weakref\nclass A:\n    pass\nkept = A()\nweakref.finalize(kept, sys.stderr.write, 'ended\\n')",
            "a class for a module": "import sys\nclass Meta(type):\n    def __del__(self, say=sys.stderr.write):\n        say('ended\\n')\n"
                                    "sys.modules['m'] = Meta('m', (), {})",
            "a thread": "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.1), sys.stderr.write('ended\\n'))).start()",
            "a pool": "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor().submit(sys.stderr.write, 'ended\\n')",
            "a cycle": "class A:\n    def __del__(self, say=sys.stderr.write):\n        say('ended\\n')\na = A()\na.a = a\ndel a\n",
            "a stream": "import io\nclass Log(io.StringIO):\n    def flush(self, say=sys.__stderr__.write):\n        say(self.getvalue())\n        self.truncate(0)\n"
                        "sys.stdout = Log()\nprint('ended')",
        }.items():
            with self.subTest(name):
                answer = self.app("start_response('200 OK', [])\nreturn [b'x']", setup="import sys\n" + setup)
                self.assert_answer(answer, body=b"x")
                self.assertEqual(answer.log.count("ended\n"), 1, answer.log)

    def test_files_are_written(self):
        path = os.path.join(self.dir, "log")
        for setup in ("kept = open(%r, 'w')\nkept.write('whole')", "import logging\nlogging.basicConfig(filename=%r, format='%%(message)s')\n"
                      "logging.warning('whole')", "import os\nkept = os.fdopen(os.open(%r, os.O_WRONLY | os.O_CREAT), 'wb')\nkept.write(b'whole')"):
            with self.subTest(setup):
                self.assert_answer(self.app("start_response('200 OK', [])\nreturn [b'x']", setup=setup % path))
                with open(path) as file:
                    self.assertEqual(file.read().strip(), "whole")
                os.remove(path)

    def test_a_database_is_closed(self):
        try:
            import sqlite3  # noqa: F401
        except ImportError:
            self.skipTest("this Python has no sqlite3")
        self.app("start_response('200 OK', [])\nreturn [b'x']", setup="""
            import sqlite3
            kept = sqlite3.connect("db")
            kept.execute("PRAGMA journal_mode = WAL")
            kept.execute("CREATE TABLE t (x)")
        """)
        self.assertEqual(sorted(name for name in os.listdir(self.dir) if name.startswith("db")), ["db"])

    def test_the_status_and_the_log(self):
        answer = self.app("print('to the log', end='')\nsys.stderr.write('and more')\nraise KeyError('x')", setup="import sys")
        self.assert_failed(answer, "to the log", "and more")

    @unittest.skipIf(sys.version_info < (3, 10), "the usual end")
    def test_atexit_has_run_once_before_the_answer_to_whether(self):
        answer = self.app(ASKS, setup="import atexit, sys\natexit.register(sys.stderr.write, 'ended\\n')")
        self.assertEqual((answer.body, answer.log), (b"True", "ended\n"))


if __name__ == "__main__":
    unittest.main()
