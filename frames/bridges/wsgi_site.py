"""What the module site has done at this start of the interpreter, and whether a start can do without it.

Site reads the .pth files of what is installed, runs what they say, and imports sitecustomize. Where that comes to no
more than a list of directories, wsgi.py does it itself: see start_without_site() there.
"""
import ast
import builtins
import importlib.machinery
import os
import re
import site
import sys

__framegate__ = "wsgi"

# The interpreters whose site is known; before 3.11 a file of the application's could also take the place of a module that site has imported.
VERSIONS = ((3, 11), (3, 14))

# All that site leaves among the builtins.
BUILTINS = ("quit", "exit", "copyright", "credits", "license", "help")

# The one line of code in .pth files that has a substitute, of setuptools: it puts up a finder for distutils.
DISTUTILS = re.compile(r"import os; *var = 'SETUPTOOLS_USE_DISTUTILS'; *enabled = os\.environ\.get\(var, '(local|stdlib)'\) == 'local'; *"
                       r"enabled and __import__\('_distutils_hack'\)\.add_shim\(\);?\s*")

SPEC_FOR = "spec_for_"  # and the name: a method of that finder

# What Debian's sitecustomize comes to. Without apport that is nothing.
APPORT = "try:\n import apport_python_hook\nexcept ImportError:\n pass\nelse:\n apport_python_hook.install()"


class Needed(Exception):
    """Site does what nobody else knows how to."""


def facts(modules):
    """The facts by which wsgi.py can do without site, of an interpreter that has just started with these modules:
    key=value with a NUL behind each. "installed" is an entry of sys.path; "distutils" the names that the finder is for;
    "seen" a path which has to stay as it is for all this to be true, behind its inode, its size, and its time in
    nanoseconds. No facts where site is needed."""
    try:
        check_interpreter()
        installed = sys.modules["__main__"].INSTALLED_PATH
        said = [("installed", path) for path in installed] + [seen(path) for path in installed]
        said += check_site_directories() + check_modules(modules)
    except Exception:  # Needed, or anything else: what is not understood is left to site
        return b""
    return b"".join(os.fsencode("%s=%s" % fact) + b"\0" for fact in dict.fromkeys(said))


def need(wanted):
    if not wanted:
        raise Needed


def seen(path):
    try:
        stat = os.stat(path)
        return "seen", "%d %d %d %s" % (stat.st_ino, stat.st_size, stat.st_mtime_ns, path)
    except OSError:
        return "seen", "0 0 0 " + path


def check_interpreter():
    need(sys.implementation.name == "cpython" and VERSIONS[0] <= sys.version_info[:2] <= VERSIONS[1])
    need(sys.prefix == sys.base_prefix and sys.exec_prefix == sys.base_exec_prefix)  # a virtual environment is site's work
    need(not sys.flags.no_site and not sys.flags.inspect)
    need(all(os.path.isabs(path) for path in sys.modules["__main__"].INSTALLED_PATH))
    need(all(hasattr(builtins, name) for name in BUILTINS))
    for module in (os, site):
        need(module.__spec__.origin == "frozen")


def check_site_directories():
    """Every line that site has run has to be known."""
    said, directories = [], site.getsitepackages()
    if site.ENABLE_USER_SITE:
        directories.append(site.getusersitepackages())
    for directory in directories:
        said.append(seen(directory))
        for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else ():
            if name.endswith(".pth"):
                file = os.path.join(directory, name)
                said.append(seen(file))
                with open(file, encoding="utf-8-sig") as lines:
                    need(all(DISTUTILS.fullmatch(line) for line in lines if line.startswith(("import ", "import\t"))))
    return said


def check_modules(modules):
    """Nor may anything be there that does not come from those lines."""
    said, finders = [], list(sys.meta_path)
    for name, module in modules.items():
        if name == "sitecustomize":
            said.append(seen(module.__file__))
            check_sitecustomize(module.__file__, modules)
        elif name == "_distutils_hack":
            finder = finders.pop(0)
            need(finder is module.DISTUTILS_FINDER)
            said.append(("distutils", ",".join(method[len(SPEC_FOR):] for method in dir(finder) if method.startswith(SPEC_FOR))))
        elif name != "__main__" and name.partition(".")[0] != "encodings":
            need(module.__spec__.origin in ("frozen", "built-in"))
    need(finders == [importlib.machinery.BuiltinImporter, importlib.machinery.FrozenImporter, importlib.machinery.PathFinder])
    need(len(sys.path_hooks) == 2)
    need(sys.excepthook is sys.__excepthook__ and sys.displayhook is sys.__displayhook__)
    return said


def check_sitecustomize(file, modules):
    with open(file, encoding="utf-8") as source:
        need(ast.dump(ast.parse(source.read())) == ast.dump(ast.parse(APPORT)))
    need("apport_python_hook" not in modules)
