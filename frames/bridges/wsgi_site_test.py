"""Tests of what the module site does ahead of the application: a virtual environment and all that may be installed in it,
and a start that does without it."""
import ast
import glob
import os
import subprocess
import sys
import unittest

from wsgi_harness import BridgeTest, cgi_environ, in_every_mode, installation


@in_every_mode
class Site(BridgeTest):
    """All of these need it, so that there are no facts to do without it; see run_without_site()."""

    def setUp(self):
        super().setUp()
        self.venv = os.path.join(self.dir, "venv")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", self.venv], check=True)
        self.packages, = glob.glob(os.path.join(self.venv, "lib", "python*", "site-packages"))

    def install(self, name, text):
        return self.file(os.path.join(self.packages, name), text)

    def command(self, *args, **more):
        return [os.path.join(self.venv, "bin", "python")] + super().command(*args, **more)[1:]

    def test_a_virtual_environment(self):
        self.install("installed.py", "name = 'installed'\n")
        answer = self.app("import sys, installed\nSTARTED; return [repr((installed.name, sys.prefix, sys.executable)).encode()]")
        self.assert_answer(answer, body=repr(("installed", self.venv, os.path.join(self.venv, "bin", "python"))).encode())

    def test_sitecustomize(self):
        self.file("early/sitecustomize.py", "import builtins\nbuiltins.customized = 'before all'\n")
        environ = {"PYTHONPATH": os.path.join(self.dir, "early")}  # a distribution may have one of its own further back
        self.assert_answer(self.app("STARTED; return [customized.encode()]", environ=environ), body=b"before all")

    def test_a_pth_file_of_paths_and_imports(self):
        self.file("elsewhere/far.py", "name = 'far'\n")
        self.install("hook.py", "import builtins\nbuiltins.hooked = __name__\n")
        self.install("some.pth", "# paths, and a line that is run\n%s\nimport hook\n" % os.path.join(self.dir, "elsewhere"))
        self.assert_answer(self.app("import far\nSTARTED; return [(far.name + hooked).encode()]"), body=b"farhook")

    def test_an_editable_install(self):
        """As setuptools makes them: a finder of the project's, put up by a line of a .pth file."""
        self.file("src/edited/__init__.py", "name = 'edited'\n")
        self.install("__editable___edited_finder.py", """
            import sys
            from importlib.util import spec_from_file_location

            class Finder:
                @classmethod
                def find_spec(cls, name, path=None, target=None):
                    if name == "edited":
                        return spec_from_file_location(name, %r)

            def install():
                sys.meta_path.append(Finder)
            """ % os.path.join(self.dir, "src/edited/__init__.py"))
        self.install("__editable__.edited.pth", "import __editable___edited_finder; __editable___edited_finder.install()\n")
        self.assert_answer(self.app("import edited\nSTARTED; return [edited.name.encode()]"), body=b"edited")

    def run_without_site(self, args, more, environ, *request):
        self.assertEqual(self.site_facts(self.command(), environ), [])
        return self.run_exec(args, more, environ, *request)


SIGHT = """
    import builtins, os, site, sys
    def names(things):
        return [getattr(thing, "__name__", type(thing).__name__) for thing in things]
    seen = {name: sorted(vars(builtins)) if name == "all" else repr(getattr(builtins, name, None))
            for name in ("all", "exit", "quit", "help", "copyright", "credits", "license")}
    # The texts that site has found for these, and where it looks for the rest.
    seen.update({name: sorted((key, repr(value)[:200]) for key, value in vars(getattr(builtins, name)).items())
                 for name in ("copyright", "credits", "license")})
    seen.update({name: repr(getattr(sys, name)) for name in
                 ("path", "prefix", "exec_prefix", "base_prefix", "executable", "argv", "warnoptions", "_xoptions", "excepthook", "dont_write_bytecode")})
    seen["flags"] = {name: getattr(sys.flags, name) for name in dir(sys.flags) if isinstance(getattr(sys.flags, name), int)}
    seen["found by"] = names(sys.meta_path) + names(sys.path_hooks)
    seen["environ"] = dict(os.environ)
    seen["site"] = site.getsitepackages()
    STARTED
    return [repr(seen).encode()]
    """


@unittest.skipIf(sys.version_info < (3, 11), "before 3.11 site always runs")
class WithoutSite(BridgeTest):
    def setUp(self):
        super().setUp()
        self.packages = os.path.join(self.dir, "packages")
        os.mkdir(self.packages)
        self.environ = {"PYTHONHOME": installation(self.packages), "PYTHONNOUSERSITE": "1"}

    def facts(self, **environ):
        return self.site_facts(self.command(), cgi_environ(**dict(self.environ, **environ)))

    def answers(self, lines, **more):
        """The same application with site and without."""
        self.mode = "exec"
        yield self.app(lines, environ=self.environ, **more)
        self.mode = "without_site"
        yield self.app(lines, environ=self.environ, **more)

    def test_what_an_application_sees(self):
        with_site, without = [ast.literal_eval(answer.body.decode()) for answer in self.answers(SIGHT)]
        self.assertEqual((with_site["flags"].pop("no_site"), without["flags"].pop("no_site")), (0, 1))
        self.assertEqual(with_site, without)
        self.assertIn(self.environ["PYTHONHOME"], with_site["path"])

    def test_os_is_left_to_the_application(self):
        with_site, without = self.answers("STARTED; return [repr('os' in sys.modules).encode()]", setup="import sys")
        self.assert_answer(with_site, body=b"True")
        self.assert_answer(without, body=b"False")

    def test_a_pth_file_of_paths(self):
        self.file("elsewhere/far.py", "name = 'far'\n")
        self.file("packages/some.pth", "# a path\n%s\n" % os.path.join(self.dir, "elsewhere"))
        for answer in self.answers("STARTED; return [far.name.encode()]", setup="import far"):
            self.assert_answer(answer, body=b"far")

    def test_a_user_site(self):
        base = os.path.join(self.dir, "user")
        found = subprocess.run([sys.executable, "-c", "import site; print(site.getusersitepackages())"], check=True,
                               env={"PYTHONUSERBASE": base}, stdout=subprocess.PIPE).stdout.decode().strip()
        self.file(os.path.join(found, "mine.py"), "name = 'mine'\n")
        self.environ.update(PYTHONUSERBASE=base, PYTHONNOUSERSITE="")
        for answer in self.answers("STARTED; return [mine.name.encode()]", setup="import mine"):
            self.assert_answer(answer, body=b"mine")
        self.file(os.path.join(found, "some.pth"), "import mine\n")
        self.assertEqual(self.facts(), [])

    def test_the_finder_of_setuptools(self):
        self.file("packages/_distutils_hack/__init__.py", """
            import sys

            class DistutilsMetaFinder:
                def find_spec(self, name, path, target=None):
                    return getattr(self, "spec_for_" + name, lambda: None)() if path is None else None

                def spec_for_distutils(self):
                    import importlib.util
                    return importlib.util.spec_from_file_location("distutils", %r)

            DISTUTILS_FINDER = DistutilsMetaFinder()

            def add_shim():
                sys.meta_path.insert(0, DISTUTILS_FINDER)
            """ % self.file("own_distutils.py", "name = 'of setuptools'\n"))
        self.file("packages/distutils-precedence.pth", "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; "
                  "enabled and __import__('_distutils_hack').add_shim(); \n")
        self.assertIn(("distutils", "distutils"), self.facts())
        setup, lines = "import sys\nbefore = len(sys.meta_path)\nimport json, distutils", """
            STARTED
            return [repr((distutils.name, before, [type(finder).__name__ for finder in sys.meta_path])).encode()]
            """
        with_site, without = self.answers(lines, setup=setup)
        self.assert_answer(with_site, body=b"('of setuptools', 4, ['DistutilsMetaFinder', 'type', 'type', 'type'])")
        self.assertEqual(with_site.body, without.body)
        self.assertNotIn("distutils", dict(self.facts(SETUPTOOLS_USE_DISTUTILS="stdlib")))

    def test_a_sitecustomize_that_does_nothing(self):
        """Debian's, as long as nobody has installed apport."""
        debians = "# looks for apport\ntry:\n    import apport_python_hook\nexcept ImportError:\n    pass\nelse:\n    apport_python_hook.install()\n"
        file = self.file("packages/sitecustomize.py", debians)
        self.assertIn(file, [os.path.realpath(value.split(" ", 3)[3]) for key, value in self.facts() if key == "seen"])
        self.file("packages/apport_python_hook.py", "def install(): pass\n")
        self.assertEqual(self.facts(), [])

    def test_what_needs_site(self):
        self.file("packages/hook.py", "")
        for name, text in (("sitecustomize.py", "import builtins\n"), ("usercustomize.py", ""), ("some.pth", "import hook\n"),
                           ("other.pth", "import\thook\n"), ("long.pth", "import os; os.environ['A'] = 'b'\n"),
                           ("distutils-precedence.pth", "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; "
                                                        "enabled and __import__('hook').add_shim(); \n")):
            with self.subTest(name):
                file = self.file("packages/" + name, text)
                allowed = {"PYTHONNOUSERSITE": "", "PYTHONUSERBASE": self.dir} if name == "usercustomize.py" else {}
                self.assertEqual(self.facts(**allowed), [])
                os.unlink(file)
                self.assertNotEqual(self.facts(**allowed), [])
        self.assertEqual(self.facts(PYTHONPATH="relative"), self.facts(PYTHONPATH=os.path.join(self.dir, "relative")))

    def test_what_is_seen(self):
        """The paths by which a change is noticed, as they are now."""
        self.file("packages/some.pth", "/nowhere\n")
        for value in [value for key, value in self.facts() if key == "seen"]:
            inode, size, modified, path = value.split(" ", 3)
            try:
                stat = os.stat(path)
            except FileNotFoundError:
                self.assertEqual((inode, size, modified), ("0", "0", "0"), path)
            else:
                self.assertEqual((int(inode), int(size), int(modified)), (stat.st_ino, stat.st_size, stat.st_mtime_ns), path)
        paths = [value.split(" ", 3)[3] for key, value in self.facts() if key == "seen"]
        for name in ("", "/some.pth"):
            self.assertEqual([os.path.realpath(path) for path in paths].count(self.packages + name), 1, (name, paths))


if __name__ == "__main__":
    unittest.main()
