"""mini_frame: a small web framework and, on it, the stock board.

From top to bottom: the router, the request, the templates, the pages, and
`application`, which is all that a WSGI server or bridge looks for. The data
is in stock_data.py, every sentence of the site in stock_text.py.
"""

import os
import re
from html import escape
from urllib.parse import parse_qs, urlencode

import stock_data
import stock_text

FORM_LIMIT = 16 * 1024

# ---- the router ----------------------------------------------------------

ROUTES = []


def route(pattern, post=False):
    """Says which path a page answers: @route(r"/update/([0-9]{6})\\.html")"""
    def register(page):
        ROUTES.append((re.compile(pattern, re.DOTALL), post, page))
        return page
    return register


def dispatch(request):
    for pattern, post, answer_with in ROUTES:
        found = pattern.fullmatch(request.path)
        if not found:
            continue
        if request.method not in (("GET", "HEAD", "POST") if post else ("GET", "HEAD")):
            raise Refusal("405 Method Not Allowed", "no_method",
                          headers=[("Allow", "GET, HEAD, POST" if post else "GET, HEAD")])
        if request.method == "POST":
            request.check_form()
        return answer_with(request, *found.groups())
    raise Refusal("404 Not Found", "no_page")


# ---- the request and the answer -------------------------------------------

def utf8(wsgi_text):
    """WSGI hands over bytes dressed as latin-1 characters; this undresses them."""
    try:
        return wsgi_text.encode("latin-1").decode("utf-8", "replace")
    except UnicodeEncodeError:  # a server that had decoded it already
        return wsgi_text


def fields(encoded):
    """The first value of each field of a query string or a form."""
    return {name: values[0] for name, values in parse_qs(encoded, keep_blank_values=True).items()}


class Request:
    def __init__(self, environ):
        self.environ = environ
        self.method = environ["REQUEST_METHOD"]
        path = utf8(environ.get("PATH_INFO", ""))
        if path in ("", "/"):
            path = "/index.html"
        # The course's first stages have their pages end in .py: the same pages.
        self.path = path[:-len(".py")] + ".html" if path.endswith(".py") else path
        self.query = fields(utf8(environ.get("QUERY_STRING", "")))
        self.search = self.query.get("q", "").strip()[:40]
        self.form = {}
        pairs = [pair.partition("=") for pair in environ.get("HTTP_COOKIE", "").split(";")]
        self.cookies = {name.strip(): value.strip() for name, _, value in pairs}
        self.new_cookies = []
        self.lang = self.choose_lang()
        self.token = self.cookies.get("stock_token", "")
        if not re.fullmatch("[0-9a-f]{32}", self.token):
            self.token = os.urandom(16).hex()
            self.set_cookie("stock_token", self.token, "HttpOnly")
        self._store = None

    def choose_lang(self):
        """?lang=en switches, and a cookie remembers it."""
        asked, kept = self.query.get("lang"), self.cookies.get("stock_lang")
        if asked in stock_text.LANGUAGES:
            if asked != kept:
                self.set_cookie("stock_lang", asked, "Max-Age=31536000")
            return asked
        return kept if kept in stock_text.LANGUAGES else stock_text.LANGUAGES[0]

    def other_lang(self):
        return next(lang for lang in stock_text.LANGUAGES if lang != self.lang)

    def same_page(self, **query):
        """A link to this page with another query; the search stays."""
        return "?" + urlencode(dict(q=self.search, **query) if self.search else query)

    def text(self, key, **values):
        return stock_text.text(self.lang, key, **values)

    def set_cookie(self, name, value, attribute):
        parts = [name + "=" + value, "Path=/", "SameSite=Lax", attribute]
        if self.environ.get("wsgi.url_scheme") == "https":
            parts.append("Secure")
        self.new_cookies.append(("Set-Cookie", "; ".join(parts)))

    def check_form(self):
        """Reads the form, and refuses one that this site has not handed out.

        Another site can make a visitor's browser send a form here, cookies
        and all, but can't read the cookie to put its value into the form.
        """
        length = int(self.environ.get("CONTENT_LENGTH") or 0)
        if length > FORM_LIMIT:
            raise Refusal("413 Content Too Large", "too_large")
        body = self.environ["wsgi.input"].read(length)
        self.form = fields(body.decode("utf-8", "replace"))
        # Without a good cookie self.token is new, and no form can have it.
        if self.form.get("token") != self.token:
            raise Refusal("403 Forbidden", "stale_form")

    @property
    def store(self):
        """The stock data, opened by the first page that asks for it."""
        if self._store is None:
            self._store = stock_data.open_store(os.environ.get("STOCK_DB", ""))
        return self._store

    def close(self):
        if self._store is not None:
            self._store.close()


class Refusal(Exception):
    """Ends a request with a page that says why, and where to go on."""

    def __init__(self, status, key, onward="index", headers=(), **values):
        super().__init__(status)
        self.status, self.key, self.onward = status, key, onward
        self.headers, self.values = list(headers), values


def redirect(path, code, **query):
    """After a POST: 303 makes the browser GET the next page, so that a reload sends nothing twice."""
    query = {name: value for name, value in query.items() if value}
    there = path + "?" + urlencode(dict(query, code=code)) + "#s" + code
    return "303 See Other", [("Location", there), ("Content-Type", "text/plain; charset=utf-8")], there + "\n"


# ---- the templates --------------------------------------------------------

class Html(str):
    """Text that is HTML already. Any other text is escaped when it is filled in."""


def template(file):
    with open("./templates/" + file, encoding="utf-8") as opened:
        return opened.read()


def fill(file, request, **values):
    """Replaces each {%name%} in a template by that value, else by the site's own text of that name."""
    def value_of(found):
        value = values[found[1]] if found[1] in values else request.text(found[1])
        return value if isinstance(value, Html) else escape(str(value))
    return Html(re.sub(r"\{%(\w+)%\}", value_of, template(file)))


def answer(request, page, title, status="200 OK", **values):
    """A whole page: templates/PAGE.html inside templates/base.html."""
    here = Html('aria-current="page"')
    other = request.other_lang()
    body = fill("base.html", request, title=title, lang=stock_text.HTML_LANG[request.lang],
                content=fill(page + ".html", request, title=title, token=request.token, **values),
                other_lang=stock_text.HTML_LANG[other], other_href=request.same_page(lang=other),
                made_by=request.text("made_by", pid=os.getpid()),
                at_index=here if page == "index" else "", at_center=here if page == "center" else "")
    return status, [("Content-Type", "text/html; charset=utf-8")], body


def board(request, page, title, stocks, if_empty):
    """A page that lists stocks: each fills one templates/PAGE_row.html."""
    content = [fill(page + "_row.html", request, way=way(stock), token=request.token, q=request.search,
                    sign="+" if way(stock) == "rose" else "", verb="del" if stock.followed else "add",
                    button=request.text("unfollow" if stock.followed else "follow"), **stock._asdict())
               for stock in stocks]
    ways = [way(stock) for stock in stocks]
    hidden = Html("hidden")
    return answer(request, page, title, content=Html("".join(content)), notice=notice(request), q=request.search,
                  count=request.text("count", n=len(stocks)), n_rose=ways.count("rose"), n_fell=ways.count("fell"),
                  n_flat=ways.count("flat"), empty=request.text(if_empty),
                  hide_table="" if stocks else hidden, hide_empty=hidden if stocks else "",
                  hide_clear="" if request.search else hidden)


def way(stock):
    """Which way the price went, as the stylesheet calls it."""
    if not stock.change.strip("-0.%"):
        return "flat"
    return "fell" if stock.change.startswith("-") else "rose"


def notice(request):
    """What the POST before this page has done: ?done=add&code=000007"""
    done = request.query.get("done")
    stock = request.store.stock(request.query.get("code", "")) if done in ("add", "del", "update") else None
    return request.text("done_" + done, name=stock.name) if stock else ""


def location(request, status, title, message, onward, form=""):
    """The page between two others: what happened, or what will, and where to go on."""
    return answer(request, "location", request.text(title), status, message=message, form=form,
                  onward="/" + onward + ".html", onward_text=request.text("to_" + onward))


def ask(request, verb, stock, button, onward, note=""):
    """A GET changes nothing: the answer is a form whose button does."""
    form = fill("confirm.html", request, action="/%s/%s.html" % (verb, stock.code), token=request.token,
                button=request.text(button), note=note)
    return location(request, "200 OK", "ask", request.text("ask_" + verb, name=stock.name, note=note), onward, form)


# ---- the pages ------------------------------------------------------------

@route(r"/index\.html")
def index(request):
    return board(request, "index", request.text("index_title"), request.store.stocks(request.search), "none_found")


@route(r"/center\.html")
def center(request):
    return board(request, "center", request.text("center_title"), request.store.followed(), "none_followed")


@route(r"/add/([0-9]{6})\.html", post=True)
def add(request, code):
    stock = find(request, code)
    if not stock.followed and request.method != "POST":
        return ask(request, "add", stock, "follow", "index")
    if stock.followed or not request.store.follow(code):
        raise Refusal("409 Conflict", "already", "center", name=stock.name)
    return back(request, "add", code)


@route(r"/del/([0-9]{6})\.html", post=True)
def delete(request, code):
    stock = find(request, code, followed=True)
    if request.method != "POST":
        return ask(request, "del", stock, "unfollow", "center")
    request.store.unfollow(code)
    return back(request, "del", code)


@route(r"/update/([0-9]{6})\.html", post=True)
def update(request, code):
    stock = find(request, code, followed=True)
    if request.method != "POST":
        return answer(request, "update", request.text("update_title"), code=code, name=stock.name, note=stock.note,
                      limit=stock_data.NOTE_LENGTH, hint=request.text("note_hint", n=stock_data.NOTE_LENGTH))
    note = request.form.get("note", "").replace("\r\n", "\n")
    note = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", note).strip()
    if len(note) > stock_data.NOTE_LENGTH:
        raise Refusal("400 Bad Request", "too_long", "center", n=stock_data.NOTE_LENGTH)
    request.store.set_note(code, note)
    return redirect("/center.html", done="update", code=code)


@route(r"/update/([0-9]{6})/(.*)\.html")
def update_by_path(request, code, note):
    """The course's own form of the address, with the note in the path."""
    stock = find(request, code, followed=True)
    return ask(request, "update", stock, "save", "center", note)


def find(request, code, followed=False):
    stock = request.store.stock(code)
    if stock is None:
        raise Refusal("404 Not Found", "no_stock", code=code)
    if followed and not stock.followed:
        raise Refusal("409 Conflict", "not_followed", name=stock.name)
    return stock


def back(request, verb, code):
    """To the list whose button was pressed, searched as it was."""
    if request.form.get("back") == "index":
        return redirect("/index.html", q=request.form.get("q"), done=verb, code=code)
    return redirect("/center.html", done=verb, code=code)


# ---- what the server calls --------------------------------------------------

# For every answer: only this site's own files and forms, and no stale copies.
POLICY = [
    ("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self';"
                                " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
]


def application(environ, start_response):
    request = Request(environ)
    try:
        status, headers, body = dispatch(request)
    except Refusal as refusal:
        status, headers, body = location(request, refusal.status, "refused",
                                         request.text(refusal.key, **refusal.values), refusal.onward)
        headers += refusal.headers
    except stock_data.StockError as error:
        print(error, file=environ["wsgi.errors"])
        status, headers, body = location(request, "503 Service Unavailable", "refused", request.text("no_data"), "index")
    finally:
        request.close()
    body = body.encode("utf-8")
    start_response(status, headers + request.new_cookies + POLICY + [("Content-Length", str(len(body)))])
    return [body]
