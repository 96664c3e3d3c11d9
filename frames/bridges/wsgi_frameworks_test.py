"""Real frameworks behind the bridge, with Chinese paths in both path-info modes.

From Debian: python3-flask python3-django python3-pyramid. What is not installed is skipped with
its name, or fails with FRAMEGATE_REQUIRE=all in the environment.
"""
import functools
import importlib.util
import os
import unittest
from urllib.parse import unquote, unquote_to_bytes

from wsgi_harness import BridgeTest, in_every_mode

NAME = "\u8d35\u5dde\u8305\u53f0"
QUOTED = "%E8%B4%B5%E5%B7%9E%E8%8C%85%E5%8F%B0"
MODES = ("pep3333", "text")

FLASK = """
    from flask import Flask, redirect, request, url_for
    from markupsafe import Markup
    app = Flask(__name__)

    @app.route("/stock/<name>", methods=["GET", "POST"])
    def stock(name):
        return "|".join([name, request.path, request.url, url_for("stock", name=name), request.form.get("note", "")])

    @app.route("/slash/<name>/")
    def slash(name):
        return name

    @app.route("/go/<name>")
    def go(name):
        return redirect(url_for("stock", name=name))

    @app.route("/plus/<name>")
    def plus(name):
        return request.environ["PATH_INFO"] + Markup("<b>")
"""

DISPATCHED = """
    from flask_app import app as flask_app
    from werkzeug.middleware.dispatcher import DispatcherMiddleware
    app = DispatcherMiddleware(flask_app, {"/sub": flask_app})
"""

DJANGO = """
    import django
    from django.conf import settings
    settings.configure(DEBUG=False, SECRET_KEY="x", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], MIDDLEWARE=[
        "django.middleware.common.CommonMiddleware"], APPEND_SLASH=True)
    from django.core.wsgi import get_wsgi_application
    from django.http import FileResponse, HttpResponse, HttpResponseRedirect
    from django.urls import path, reverse

    def stock(request, name):
        note = request.POST.get("note", "")
        return HttpResponse("|".join([name, request.path, request.build_absolute_uri(), reverse("stock", args=[name]), note]))

    def go(request, name):
        return HttpResponseRedirect(reverse("stock", args=[name]))

    def file(request):
        return FileResponse(open(__file__, "rb"))

    urlpatterns = [path("stock/<str:name>", stock, name="stock"), path("go/<str:name>", go), path("file", file),
                   path("slash/<str:name>/", stock)]
    app = get_wsgi_application()
"""

PYRAMID = """
    from pyramid.config import Configurator
    from pyramid.httpexceptions import HTTPFound
    from pyramid.response import Response

    def stock(request):
        name = request.matchdict["name"]
        return Response("|".join([name, request.path_info, request.path_url, request.route_path("stock", name=name),
                                  request.params.get("note", "")]))

    def go(request):
        return HTTPFound(request.route_path("stock", name=request.matchdict["name"]))

    def pop(request):
        first = request.path_info_pop()
        return Response("|".join([first, request.script_name, request.path_info]))

    with Configurator() as config:
        config.add_route("stock", "/stock/{name}")
        config.add_route("go", "/go/{name}")
        config.add_route("pop", "/{any}/pop")
        for view in (stock, go, pop):
            config.add_view(view, route_name=view.__name__)
        app = config.make_wsgi_app()
"""


def needs(module):
    """Skips where a framework is not installed, unless the run says that all must be there."""
    def decorate(test):
        @functools.wraps(test)
        def run(self):
            if importlib.util.find_spec(module) is None:
                if os.environ.get("FRAMEGATE_REQUIRE") == "all":
                    self.fail("%s is not installed for this Python, and FRAMEGATE_REQUIRE=all" % module)
                self.skipTest("%s is not installed for this Python" % module)
            test(self)
        return run
    return decorate


@in_every_mode
class Frameworks(BridgeTest):
    def request(self, path, mode, body=b"", script_name="", **more):
        environ = {"PATH_INFO": path, "SCRIPT_NAME": script_name, "QUERY_STRING": "", "HTTP_HOST": "h"}
        if body:
            environ["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
        return self.bridge("--path-info", mode, environ=environ, body=body, **more)

    def both_modes(self, app, mounted_warnings=0):
        """Route, URLs, a form and a redirect, at the root and mounted under a Chinese prefix: the same bytes in
        both modes (what a framework quotes and what it leaves is its own affair), and the right ones."""
        note = ("note=" + QUOTED).encode()
        for script in ("", "/" + NAME):
            whole = script + "/stock/" + NAME
            answers = []
            for mode in MODES:
                with self.subTest(mode=mode, script_name=script):
                    page = self.request("/stock/" + NAME, mode, note, script, app=app)
                    self.assert_answer(page)
                    name, path, url, back, form = page.body.decode().split("|")
                    self.assertEqual((name, form), (NAME, NAME))
                    self.assertIn(path, ("/stock/" + NAME, whole))
                    self.assertEqual((unquote(url), unquote(back)), ("http://h" + whole, whole))
                    there = self.request("/go/" + NAME, mode, script_name=script, app=app)
                    self.assert_answer(there, there.status, warnings=mounted_warnings if script else 0)
                    self.assertEqual(there.status[:3], "302")
                    self.assertEqual(unquote_to_bytes(there.all("Location")[0].encode("latin-1"))[-len(whole.encode()):],
                                     whole.encode())
                    answers.append((page.raw, there.raw))
            self.assertEqual(answers[0], answers[1])

    @needs("flask")
    def test_flask(self):
        self.file("flask_app.py", FLASK)
        self.both_modes("flask_app:app")
        for mode in MODES:
            got = self.request("/slash/" + NAME, mode, app="flask_app:app")
            self.assertEqual((got.status[:3], got.all("Location")), ("308", ["http://h/slash/%s/" % QUOTED]))
            got = self.request("/plus/<i>" + NAME, mode, app="flask_app:app")
            self.assertIn(b"&lt;i&gt;", got.body, "the path was joined to a Markup without being escaped")

    @needs("flask")
    def test_dispatcher_middleware(self):
        """It rebuilds the path in an f-string, which leaves plain text: documented, and told in the log."""
        self.file("flask_app.py", FLASK)
        self.file("dispatched.py", DISPATCHED)
        got = self.request("/sub/stock/" + NAME, "pep3333", app="dispatched:app")
        self.assert_answer(got)
        self.assertEqual(got.body.decode().split("|")[3], "/sub/stock/" + QUOTED)
        got = self.request("/sub/stock/x", "text", app="dispatched:app")
        self.assert_answer(got)
        got = self.request("/sub/stock/" + NAME, "text", app="dispatched:app")
        self.assert_failed(got, 'hint: path-info = "pep3333"')

    @needs("django")
    def test_django(self):
        self.file("django_app.py", DJANGO)
        self.both_modes("django_app:app")
        for mode in MODES:
            got = self.request("/slash/" + NAME, mode, app="django_app:app")
            self.assertEqual((got.status[:3], got.all("Location")), ("301", ["/slash/%s/" % QUOTED]))
        got = self.request("/file", "text", app="django_app:app")
        with open(os.path.join(self.dir, "django_app.py"), "rb") as file:
            self.assert_answer(got, body=file.read())

    @needs("pyramid")
    def test_pyramid(self):
        self.file("pyramid_app.py", PYRAMID)
        # Pyramid leaves SCRIPT_NAME unquoted in its Location, which is not latin-1: the bridge sends UTF-8.
        self.both_modes("pyramid_app:app", mounted_warnings=1)
        for mode in MODES:
            got = self.request("/%s/pop" % NAME, mode, app="pyramid_app:app")
            self.assert_answer(got, body=("%s|/%s|/pop" % (NAME, NAME)).encode("utf-8"))


if __name__ == "__main__":
    unittest.main()
