"""A small Pyramid site: routes, route_url, a session, a form and an upload."""
import hashlib

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.response import Response
from pyramid.session import SignedCookieSessionFactory
from pyramid.view import view_config


@view_config(route_name="home")
def home(request):
    return Response("shop at %s" % request.route_path("home"))


@view_config(route_name="urls", renderer="json")
def urls(request):
    return {
        "home": request.route_path("home"),
        "item": request.route_path("item", name="Ada"),
        "chinese": request.route_path("item", name="茶叶"),
        "external": request.route_url("item", name="Ada", _query={"page": "2"}),
        "application_url": request.application_url,
        "script_name": request.script_name,
    }


@view_config(route_name="item", renderer="json")
def item(request):
    return {"name": request.matchdict["name"], "path_info": request.path_info, "url": request.path_url}


@view_config(route_name="basket", request_method="POST")
def put_into_basket(request):
    request.session.setdefault("basket", []).append(request.POST["item"])
    request.session.changed()
    return HTTPSeeOther(request.route_url("basket"))


@view_config(route_name="basket", request_method="GET", renderer="json")
def basket(request):
    return request.session.get("basket", [])


@view_config(route_name="upload", request_method="POST", renderer="json")
def upload(request):
    field = request.POST["file"]
    data = field.file.read()
    return {
        "name": field.filename, "size": len(data), "sha1": hashlib.sha1(data).hexdigest(),
        "note": request.POST["note"],
    }


def main():
    """The factory: `app = "shop:main()"`."""
    config = Configurator()
    config.set_session_factory(SignedCookieSessionFactory("for tests only"))
    config.add_route("home", "/")
    config.add_route("urls", "/urls")
    config.add_route("item", "/货/{name}")
    config.add_route("basket", "/basket")
    config.add_route("upload", "/upload")
    config.scan(__name__)
    return config.make_wsgi_app()
