"""Tests of what the module site does ahead of the application: a virtual environment and all that may be installed in it."""
import glob
import os
import subprocess
import sys
import unittest

from wsgi_harness import BridgeTest, in_every_mode


@in_every_mode
class Site(BridgeTest):
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


if __name__ == "__main__":
    unittest.main()
