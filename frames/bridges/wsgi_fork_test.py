"""The mode "fork": what a fork shares with the process that has the application loaded, and what it does not."""
import ast
import os
import resource
import signal
import socket
import unittest

from wsgi_harness import BridgeTest, Loaded, cgi_environ, spool

APP = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [%s]
"""


class ForkTest(BridgeTest):
    def load(self, source, *args, ready=True, **environ):
        """A process that has this module loaded; it ends with the test."""
        self.file("app.py", source)
        loaded = Loaded(self.command("--fork", *args), cgi_environ(**environ), self.dir)
        self.addCleanup(loaded.stderr.close)
        self.addCleanup(loaded.close)
        if ready:
            loaded.facts = loaded.ready()
        return loaded

    def body(self, loaded, **environ):
        answer = loaded.answer(cgi_environ(**environ))
        self.assert_answer(answer)
        return answer.body


class Isolation(ForkTest):
    def test_a_global_that_is_changed_is_never_seen_again(self):
        loaded = self.load("seen = []\n" + APP % "str(seen).encode(), seen.append(environ['PATH_INFO']) or b''")
        for path in ("/1", "/2", "/3"):
            self.assertEqual(self.body(loaded, PATH_INFO=path), b"[]")

    def test_the_directory_and_the_environment_are_as_at_the_start(self):
        loaded = self.load("import os\n" + APP % (
            "os.getcwd().encode(), b' ', os.environ.get('MARK', 'none').encode(), os.chdir('/') or b'', "
            "os.environ.__setitem__('MARK', 'set') or b''"))
        for _ in range(2):
            self.assertEqual(self.body(loaded), self.dir.encode() + b" none")

    def test_random_numbers_differ(self):
        loaded = self.load("import random\nrandom.seed(1)\n" + APP % "str(random.random()).encode()")
        self.assertEqual(len({self.body(loaded) for _ in range(3)}), 3)

    def test_forks_run_side_by_side(self):
        """One waits for its body while another is answered."""
        loaded = self.load(APP % "environ['wsgi.input'].read()")
        read, write = os.pipe()
        with open(read, "rb") as body, open(write, "wb") as feed, spool() as out, spool() as err:
            number = loaded.fork(cgi_environ(b"late"), body, out, err)
            loaded.expect(b"F", number, ">II")
            self.assertEqual(self.body(loaded), b"")
            feed.write(b"late")
            feed.close()
            self.assertEqual(loaded.ended(number)[1], 0)
            out.seek(0)
            self.assertTrue(out.read().endswith(b"\r\n\r\nlate"))


class LikeAFreshProcess(ForkTest):
    def test_the_environ_is_the_environment_too(self):
        loaded = self.load("import os, subprocess\n" + APP %
                           "os.environ['PATH_INFO'].encode(), subprocess.check_output('echo $PATH_INFO $HTTP_X', shell=True)")
        self.assertEqual(self.body(loaded, PATH_INFO="/p", HTTP_X="y"), b"/p/p y\n")

    def test_what_the_module_has_set_in_the_environment_stays(self):
        loaded = self.load("import os\nos.environ['PATH'] = '/mine'\n" + APP % "os.environ['PATH'].encode(), environ['PATH'].encode()",
                           PATH="/theirs")
        self.assertEqual(self.body(loaded, PATH="/theirs"), b"/mine/theirs")

    def test_signals(self):
        """A handler of the module's stays; otherwise signals do what they do to any process."""
        table = [
            ("default", "", "import signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM, b""),
            ("SIGINT", "", "import signal; os.kill(os.getpid(), signal.SIGINT)", -signal.SIGINT, b"KeyboardInterrupt"),
            ("handler", "import signal\nsignal.signal(signal.SIGTERM, lambda *_: print('mine'))\n",
             "import signal; os.kill(os.getpid(), signal.SIGTERM)", 0, b"mine\n"),
            ("SIGCHLD", "", "import signal; assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL", 0, b""),
        ]
        for name, setup, lines, code, log in table:
            with self.subTest(name):
                loaded = self.load("import os\n" + setup + "def application(e, s):\n    %s\n    s('200 OK', [])\n    return [b'x']\n" % lines)
                answer = loaded.answer(cgi_environ())
                self.assertEqual(answer.code, code, answer.log)
                self.assertIn(log, answer.log.encode())
                self.assertEqual(loaded.answer(cgi_environ()).code, code, "the next fork")

    def test_atexit_only_what_the_request_has_registered(self):
        loaded = self.load("import atexit\natexit.register(print, 'loaded ends')\n" + APP % "atexit.register(print, 'fork ends') and b''")
        for _ in range(2):
            answer = loaded.answer(cgi_environ())
            self.assertEqual((answer.code, answer.log), (0, "fork ends\n"))
        loaded.close()
        self.assertEqual(loaded.log(), b"loaded ends\n")

    def test_temporary_directories_of_the_request_are_removed_and_those_of_the_module_are_not(self):
        loaded = self.load("import tempfile\nmine = tempfile.TemporaryDirectory()\n" +
                           "def application(e, s):\n    global own\n    own = tempfile.TemporaryDirectory()\n    s('200 OK', [])\n"
                           "    return [(mine.name + ' ' + own.name).encode()]\n", TMPDIR=self.dir)
        for _ in range(2):
            mine, own = self.body(loaded, TMPDIR=self.dir).decode().split()
            self.assertTrue(os.path.isdir(mine))
            self.assertFalse(os.path.exists(own))
        loaded.close()
        self.assertFalse(os.path.exists(mine))

    def test_threads_and_logging(self):
        """Whether the loaded process has threads or not: a fork has one, of its own number, and no lock is held; the
        same is true of the fork's own forks."""
        source = """
            import logging, os, sys, threading, time
            logging.basicConfig(format="%(process)d %(message)s")
            if THREADS:
                lock, held = logging.getLogger().handlers[0].lock, threading.Event()
                def hold():
                    with lock:
                        held.set()
                        while not os.path.exists(END):
                            time.sleep(0.01)
                threading.Thread(target=hold, daemon=True).start()
                held.wait()

            def log():
                logging.warning("logged")
                own = threading.main_thread()
                return threading.enumerate() == [own], own.native_id == os.getpid()

            def fork_with_a_thread():
                lock, held, done = logging.getLogger().handlers[0].lock, threading.Event(), threading.Event()
                def hold():
                    with lock:
                        held.set()
                        done.wait()
                thread = threading.Thread(target=hold)
                thread.start()
                held.wait()
                pid = os.fork()
                if pid == 0:
                    os._exit(0 if log()[0] else 7)
                done.set()
                thread.join()
                return os.waitpid(pid, 0)[1]

            def application(environ, start_response):
                first = log()
                start_response("200 OK", [])
                return [repr((first, fork_with_a_thread(), log())).encode()]
        """
        for threads in ("0", "1"):
            with self.subTest(threads=threads):
                end = os.path.join(self.dir, "end" + threads)
                loaded = self.load(source.replace("THREADS", threads).replace("END", repr(end)))
                for _ in range(2):
                    answer = loaded.answer(cgi_environ())
                    self.assert_answer(answer, body=b"((True, True), 0, (True, True))")
                    self.assertEqual(answer.log.count(" logged\n"), 3, answer.log)
                with open(end, "w"):
                    pass

    def test_threads_are_waited_for(self):
        loaded = self.load("import threading, time\n" + APP %
                           "threading.Thread(target=lambda: (time.sleep(0.05), print('thread ran'))).start() or b''")
        answer = loaded.answer(cgi_environ())
        self.assertEqual((answer.code, answer.log), (0, "thread ran\n"))

    def test_open_files_are_flushed_once(self):
        """Whether the module or the request has opened them; what the module wrote is not written again."""
        log = os.path.join(self.dir, "log.txt")
        loaded = self.load("log = open(%r, 'a')\nlog.write('loaded\\n')\n" % log +
                           "def application(e, s):\n    global other\n    log.write(e['PATH_INFO'] + '\\n')\n    other = open(%r, 'a')\n"
                           "    other.write('other\\n')\n    s('200 OK', [])\n    return []\n" % log)
        for path in ("/1", "/2"):
            self.body(loaded, PATH_INFO=path)
        with open(log, encoding="utf-8") as file:
            self.assertEqual(sorted(file.read().split()), ["/1", "/2", "loaded", "other", "other"])

    def test_descriptors(self):
        loaded = self.load("import os\n" + APP % (
            "repr([(fd, os.readlink('/proc/self/fd/%d' % fd).split(':')[0]) for fd in range(3, 60) "
            "if os.path.lexists('/proc/self/fd/%d' % fd) and not os.readlink('/proc/self/fd/%d' % fd).endswith('/fd')]).encode()"))
        got = self.body(loaded).decode()
        self.assertNotIn("socket", got, "the connection to the gateway is in the fork")
        self.assertNotIn("pipe", got)
        self.assertEqual(len(ast.literal_eval(got)), 2, "more than the body and the answer: " + got)

    def test_descriptors_are_given_back(self):
        loaded = self.load(APP % "b''")
        count = lambda: len(os.listdir("/proc/%d/fd" % loaded.process.pid))
        self.body(loaded)
        before = count()
        for _ in range(20):
            self.body(loaded)
        self.assertEqual(count(), before)

    def test_processor_time_is_bounded_for_each(self):
        loaded = self.load("def application(e, s):\n    while e['PATH_INFO'] == '/loop':\n        pass\n    s('200 OK', [])\n    return []\n",
                           "--cpu-time", "1")
        self.assertEqual(loaded.answer(cgi_environ(PATH_INFO="/loop")).code, -signal.SIGXCPU)
        self.body(loaded)

    def test_a_project_may_have_modules_called_like_pythons(self):
        self.file("resource.py", "NAME = 'mine'\n")
        self.file("select.py", "NAME = 'mine'\n")
        loaded = self.load(APP % "__import__('resource').NAME.encode(), getattr(__import__('select'), 'NAME', 'built in').encode()")
        for _ in range(2):
            self.assertIn(self.body(loaded), (b"minemine", b"minebuilt in"))


class Loading(ForkTest):
    def test_facts(self):
        loaded = self.load(APP % "b''")
        self.assertEqual(loaded.facts, [("file", os.path.join(self.dir, "app.py"))])

    def test_threads_and_connections_are_told(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            loaded = self.load("""
                import socket, sqlite3, threading
                threading.Thread(target=threading.Event().wait, name="ticker", daemon=True).start()
                peer = socket.create_connection(("127.0.0.1", %d))
                left = socket.socketpair()[0]
                db = sqlite3.connect("shop.db")
                db.execute("create table t (x)")
                db.commit()
            """.replace("\n                ", "\n") % port + APP % "b''")
            told = [fact for fact in loaded.facts if fact[0] != "file"]
            self.assertIn(("thread", "ticker"), told)
            self.assertIn(("open", "socket to 127.0.0.1:%d" % port), told)
            self.assertIn(("open", "socket without an address"), told)
            self.assertIn(("open", "SQLite database %s/shop.db" % self.dir), told)
            self.assertEqual(len(told), 4, told)
            self.body(loaded)

    def test_warm_up(self):
        """It is done once, before anything is forked, with a request like any other; its answer is nobody's."""
        source = "asked = []\n" + APP % "repr(asked).encode(), asked.append([environ[k] for k in (" \
            "'REQUEST_METHOD', 'SCRIPT_NAME', 'PATH_INFO', 'QUERY_STRING', 'REQUEST_URI')]) or b''"
        loaded = self.load(source, "--path-info", "text", "--script-name", "/shop", "--warm-up", "/a%20%E4%B8%AD?x=%20")
        want = [["GET", "/shop", "/a \u4e2d", "x=%20", "/shop/a%20%E4%B8%AD?x=%20"]]
        self.assertEqual(self.body(loaded), repr(want).encode())
        self.assertEqual(self.body(loaded), repr(want).encode())

    def test_a_warm_up_that_fails_is_a_warning(self):
        loaded = self.load("done = []\ndef application(e, s):\n    if not done:\n        done.append(1)\n        raise KeyError('cold')\n"
                           "    s('200 OK', [])\n    return [b'warm']\n", "--warm-up", "/")
        log = loaded.log().decode()
        self.assertIn("KeyError: 'cold'", log)
        self.assertTrue(log.endswith("framegate: warning: the warm-up request / failed\n"), log)
        self.assertEqual(self.body(loaded), b"warm")

    def test_post_fork(self):
        self.file("hooks.py", "import os\nseen = []\ndef opened():\n    seen.append(os.getpid())\ndef fails():\n    raise OSError('no database')\n")
        source = "import os, hooks\n" + APP % "str(hooks.seen == [os.getpid()]).encode()"
        loaded = self.load(source, "--post-fork", "hooks:opened")
        self.assertEqual([self.body(loaded), self.body(loaded)], [b"True", b"True"])
        loaded = self.load(source, "--post-fork", "hooks:fails")
        self.assert_failed(loaded.answer(cgi_environ()), "OSError: no database",
                           "framegate: post-fork = hooks:fails failed: OSError: no database")
        loaded = self.load(source, "--post-fork", "hooks:opend")
        self.assertEqual(loaded.facts[0], ("failed", "cannot load hooks:opend: module hooks has no 'opend'"))

    def test_what_cannot_be_loaded_is_tried_anew_by_each_fork(self):
        loaded = self.load("def application(:\n")
        (name, why), = loaded.facts
        self.assertEqual(name, "failed")
        self.assertIn("SyntaxError", why)
        self.assert_failed(loaded.answer(cgi_environ()), "SyntaxError")
        self.file("app.py", APP % "b'mended'")
        self.assertEqual(self.body(loaded), b"mended")

    def test_it_may_end_while_it_loads(self):
        loaded = self.load("import os\nos._exit(7)\n", ready=False)
        with self.assertRaises((EOFError, ConnectionResetError)):
            loaded.ready()
        self.assertEqual(loaded.close(), 7)


class Ending(ForkTest):
    def test_statuses_of_forks(self):
        loaded = self.load("import os\ndef application(e, s):\n    exec(e['HTTP_DO'])\n    s('200 OK', [])\n    yield b'half'\n    exec(e['HTTP_THEN'])\n")
        table = [
            ("well", "0", "0", 0), ("fails", "1/0", "0", 1), ("cut", "0", "1/0", -signal.SIGABRT),
            ("os._exit", "os._exit(9)", "0", 9), ("killed", "os.kill(os.getpid(), 9)", "0", -9),
        ]
        for name, do, then, code in table:
            with self.subTest(name):
                self.assertEqual(loaded.answer(cgi_environ(HTTP_DO=do, HTTP_THEN=then)).code, code)

    def test_usage_is_its_own(self):
        loaded = self.load("x = bytearray(20 << 20)\ndef application(e, s):\n    sum(range(int(e['HTTP_N'])))\n    s('200 OK', [])\n    return []\n")
        with spool() as body, spool() as out, spool() as err:
            used = []
            for n in ("1", "5000000"):
                number = loaded.fork(cgi_environ(HTTP_N=n), body, out, err)
                loaded.expect(b"F", number, ">II")
                used.append(loaded.ended(number))
        self.assertLess(used[0][2], used[1][2])
        self.assertGreater(used[0][3], 20 << 10, "what is shared with the loaded process counts, too")

    def test_the_group_is_killed_with_its_leader(self):
        marker = os.path.join(self.dir, "pid")
        loaded = self.load("import subprocess\ndef application(e, s):\n    p = subprocess.Popen(['sleep', '600'])\n"
                           "    open(%r, 'w').write(str(p.pid))\n    s('200 OK', [])\n    return []\n" % marker)
        self.body(loaded)
        with open(marker, encoding="utf-8") as file:
            self.assertEnds(int(file.read()))

    def assertEnds(self, pid):
        """A process that was killed is gone, or waits for whoever inherits it."""
        for _ in range(10000):
            try:
                with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as file:
                    if file.read().rpartition(")")[2].split()[0] == "Z":
                        return
            except FileNotFoundError:
                return
            os.sched_yield()
        self.fail("process %d lives on" % pid)

    def hanging(self):
        """A process and a fork of it that hangs."""
        loaded = self.load("import time\ndef application(e, s):\n    s('200 OK', [])(b'x')\n    time.sleep(600)\n")
        read, write = os.pipe()
        with spool() as body, open(write, "wb") as out, spool() as err:
            number = loaded.fork(cgi_environ(), body, out, err)
            pid, = loaded.expect(b"F", number, ">II")
        with open(read, "rb") as answer:
            answer.read(1)
        return loaded, number, pid

    def test_the_end_of_the_connection_ends_all(self):
        loaded, _, pid = self.hanging()
        self.assertEqual(loaded.close(), 0)
        self.assertEnds(pid)

    def test_the_end_of_the_process_ends_all(self):
        loaded, _, pid = self.hanging()
        loaded.process.kill()
        loaded.process.wait()
        self.assertEnds(pid)

    def test_sigterm_lets_the_last_fork_end(self):
        loaded, number, pid = self.hanging()
        loaded.process.terminate()
        with spool() as body, spool() as out, spool() as err:
            refused = loaded.fork(cgi_environ(), body, out, err)
            kind, content = loaded.message()
            self.assertEqual((kind, content[:4], content[4:]), (b"E", refused.to_bytes(4, "big"), (125).to_bytes(4, "big")))
        os.killpg(pid, signal.SIGKILL)
        self.assertEqual(loaded.ended(number)[1], -signal.SIGKILL)
        self.assertEqual(loaded.process.wait(60), 0)

    def test_no_room_for_descriptors(self):
        loaded = self.load(APP % "b''")
        most = 1 + max(int(fd) for fd in os.listdir("/proc/%d/fd" % loaded.process.pid))
        resource.prlimit(loaded.process.pid, resource.RLIMIT_NOFILE, (most + 1, most + 1))
        with spool() as body, spool() as out, spool() as err:
            number = loaded.fork(cgi_environ(), body, out, err)
            self.assertEqual(loaded.expect(b"E", number, ">II"), (24,))


if __name__ == "__main__":
    unittest.main()
