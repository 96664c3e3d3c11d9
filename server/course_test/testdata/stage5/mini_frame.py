PAGES = dict()


def route(url):
    def register(func):
        PAGES[url] = func

        def inner(*args, **kwargs):
            return func(*args, **kwargs)
        return inner
    return register


@route("/index.py")
def index():
    with open("./templates/index.html", encoding="utf-8") as f:
        return f.read()


@route("/center.py")
def center():
    with open("./templates/center.html", encoding="utf-8") as f:
        return f.read()


def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/html;charset=utf-8')])
    try:
        return PAGES[environ['PATH_INFO']]()
    except Exception as why:
        return "出错了: %s" % str(why)
