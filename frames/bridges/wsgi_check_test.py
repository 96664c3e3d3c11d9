"""Finding MODULE:OBJECT: --check for the gateway's start, and the same words when a request comes first."""
import os
import subprocess
import unittest

from wsgi_harness import BRIDGE, BridgeTest, cgi_environ

APP = "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'found']\n"


class Check(BridgeTest):
    def check(self, spec, *args, dirs=None):
        done = subprocess.run(self.command("--check", *args, app=spec, dirs=dirs), stdin=subprocess.DEVNULL, timeout=60,
                              env=cgi_environ(), cwd=self.dir, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def test_found(self):
        self.file("shop/__init__.py", "")
        table = [
            ("plain", "app.py", APP, "app:application"),
            ("dotted module", "shop/wsgi.py", APP, "shop.wsgi:application"),
            ("package", "pack/__init__.py", APP, "pack:application"),
            ("dotted object", "obj.py", "class site:\n    class sub:\n        @staticmethod\n" +
             "".join("        " + line + "\n" for line in APP.splitlines()), "obj:site.sub.application"),
            ("factory", "fac.py", "def make():\n" + "".join("    " + line + "\n" for line in APP.splitlines()) +
             "    return application\n", "fac:make()"),
            ("dotted factory", "fac2.py", "import fac\n", "fac2:fac.make()"),
            ("prints while imported", "loud.py", "print('loud')\n" + APP, "loud:application"),
        ]
        for name, file, source, spec in table:
            with self.subTest(name):
                path = self.file(file, source)
                code, out, err = self.check(spec)
                self.assertEqual((code, out), (0, path + "\n"), err)
                self.assertEqual(err, "loud\n" if "prints" in name else "")
                self.assert_answer(self.bridge(app=spec), body=b"found")

    def test_relative_module_path(self):
        self.file("frames/app.py", APP)
        self.assertEqual(self.check("app:application", dirs=["frames"]),
                         (0, os.path.join(self.dir, "frames", "app.py") + "\n", ""))

    def test_not_found(self):
        """One line and perhaps a hint, and nothing else; a request gets the same words and a 500."""
        self.file("mini_frame.py", APP + "helper = 3\ndef other():\n    raise LookupError('no database')\n")
        self.file("shop/__init__.py", "")
        self.file("shop/wsgi.py", APP)
        self.file("bad.py", "x = 1\ndef application(:\n    pass\n")
        self.file("raises.py", "import helper_of_raises\n" + APP)
        self.file("helper_of_raises.py", "def go():\n    raise KeyError('DB_URL')\ngo()\n")
        self.file("needs.py", "import module_that_is_missing\n" + APP)
        self.file("exits.py", "import sys\nsys.exit(3)\n")
        self.file("vars.py", "application = 'not me'\n")
        self.file("deep.py", "import json\njson.loads('{')\n")
        d = self.dir
        table = [
            ("mini_frme:application", "no module named 'mini_frme' in %s" % d, "did you mean mini_frame?"),
            ("zzzzzz:application", "no module named 'zzzzzz' in %s" % d, None),
            ("shop.wsig:application", "no module named 'shop.wsig' in %s/shop" % d, "did you mean shop.wsgi?"),
            ("shup.wsgi:application", "no module named 'shup' in %s" % d, "did you mean shop?"),
            ("mini_frame.py:application", "no module named 'mini_frame.py'",
             "a module is named with dots and without .py: mini_frame"),
            ("shop/wsgi.py:application", "no module named 'shop/wsgi.py'",
             "a module is named with dots and without .py: shop.wsgi"),
            ("bad:application", "%s/bad.py:2: SyntaxError: invalid syntax: def application(:" % d, None),
            ("raises:application", "KeyError: 'DB_URL' at %s/helper_of_raises.py:2 while it was imported" % d, None),
            ("needs:application", "ModuleNotFoundError: No module named 'module_that_is_missing' at %s/needs.py:1 "
             "while it was imported" % d, None),
            ("exits:application", "SystemExit: 3 at %s/exits.py:2 while it was imported" % d, None),
            ("deep:application", "JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 "
             "(char 1) at %s/deep.py:2 while it was imported" % d, None),
            ("mini_frame:aplication", "module mini_frame has no 'aplication'", "did you mean application?"),
            ("mini_frame:app", "module mini_frame has no 'app'", "it has application, other"),
            ("mini_frame:application.x", "function has no 'x'", None),
            ("mini_frame:helpe", "module mini_frame has no 'helpe'", "it has application, other"),
            ("vars:application", "application is str, which cannot be called", "name the function "
             "application(environ, start_response), or write factory() for one that makes it"),
            ("vars:application()", "application is str, which cannot be called", None),
            ("mini_frame:other()", "other() raised LookupError: no database at %s/mini_frame.py:6" % d, None),
        ]
        for spec, cause, hint in table:
            with self.subTest(spec):
                want = "framegate: cannot load %s: %s\n" % (spec, cause) + ("hint: %s\n" % hint if hint else "")
                code, out, err = self.check(spec)
                self.assertEqual((code, out), (1, ""))
                if spec == "bad:application":
                    # The wording of a SyntaxError is Python's, and differs by version.
                    self.assertRegex(err, r"^framegate: cannot load bad:application: \S+/bad\.py:2: SyntaxError: .*: "
                                          r"def application\(:\n$")
                    want = err
                elif spec == "deep:application":
                    # And so does this one's, since 3.13.
                    self.assertIn(" at %s/deep.py:2 while it was imported\n" % d, err)
                    want = err
                self.assertEqual(err, want)
                got = self.bridge(app=spec)
                self.assert_failed(got)
                self.assertTrue(got.log.endswith(want), got.log)

    def test_a_request_shows_the_whole_traceback(self):
        self.file("app.py", "def connect():\n    return {}['DB_URL']\nconnect()\n")
        got = self.bridge()
        self.assert_failed(got, "Traceback (most recent call last)", "in connect", "KeyError: 'DB_URL'")
        self.assertNotIn("wsgi.py", got.log)
        self.file("app.py", "def application(:\n")
        self.assert_failed(self.bridge(), "SyntaxError", "    def application(:\n")

    def test_several_directories_are_named(self):
        other = os.path.dirname(self.file("other/mini_frame.py", APP))
        self.assertEqual(self.check("mini_frme:application", dirs=[self.dir, other]), (
            1, "", "framegate: cannot load mini_frme:application: no module named 'mini_frme' in %s, %s\n"
            "hint: did you mean mini_frame?\n" % (self.dir, other)))

    def test_installed_modules_are_found_too(self):
        code, out, err = self.check("wsgiref.simple_server:demo_app", dirs=[])
        self.assertEqual((code, err, os.path.basename(out)), (0, "", "simple_server.py\n"))


class Measure(BridgeTest):
    def measure(self, source):
        self.file("app.py", source + APP)
        done = subprocess.run(self.command("--measure"), stdin=subprocess.DEVNULL, timeout=60, env=cgi_environ(), cwd=self.dir,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(done.stderr, b"")
        return done.returncode, [tuple(fact.split("=", 1)) for fact in done.stdout.decode().split("\0")[:-1]]

    def test_measured(self):
        code, facts = self.measure("import time\ntime.sleep(0.05)\n")
        self.assertEqual((code, [name for name, _ in facts]), (0, ["begun", "import", "own", "memory", "fork"]))
        self.assertGreaterEqual(int(dict(facts)["import"]), 50000)

    def test_what_speaks_against_a_fork(self):
        code, facts = self.measure("import socket, threading\nhere = socket.socket()\n"
                                   "threading.Thread(target=threading.Event().wait, name='flusher', daemon=True).start()\n")
        self.assertEqual(code, 0)
        self.assertEqual(facts[4], ("thread", "flusher"))
        self.assertRegex(facts[5][1], "^socket ")
        self.assertEqual(len(facts), 6)  # and no fork was tried


class Usage(BridgeTest):
    def test_wrong_usage(self):
        table = [
            ([], "one MODULE:OBJECT is wanted, not none"), (["app"], "one MODULE:OBJECT is wanted, not app"),
            (["app:"], "one MODULE:OBJECT is wanted"), ([":application"], "one MODULE:OBJECT is wanted"),
            (["a:b", "c:d"], "one MODULE:OBJECT is wanted, not a:b c:d"), (["--nope", "a:b"], "unknown option --nope"),
            (["--module-path"], "--module-path wants a value"), (["--path-info", "utf8", "a:b"], "--path-info is text or pep3333, not 'utf8'"),
        ]
        for args, why in table:
            with self.subTest(args):
                done = subprocess.run(self.command()[:3] + [BRIDGE] + args, stdin=subprocess.DEVNULL, timeout=60,
                                      env=cgi_environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                lines = done.stderr.decode().splitlines()
                self.assertEqual((done.returncode, done.stdout, len(lines)), (2, b"", 2))
                self.assertIn("framegate: wsgi.py: " + why, lines[0])
                self.assertEqual(lines[1].split()[:2], ["usage:", "wsgi.py"])


if __name__ == "__main__":
    unittest.main()
