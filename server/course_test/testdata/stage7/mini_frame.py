import re

ROUTES = dict()
STOCKS = {"000007": "全新好", "600519": "贵州茅台"}


def route(pattern):
    def register(func):
        ROUTES[pattern] = func
        return func
    return register


@route(r"/index\.html")
def index(ret):
    with open("./templates/index.html") as f:
        content = f.read()
    row = '<li><a href="/update/%s.html">%s</a></li>\n'
    return re.sub(r"\{%content%\}", "".join(row % item for item in sorted(STOCKS.items())), content)


@route(r"/update/(\d+)\.html")
def update(ret):
    code = ret.group(1)
    return "<h1>修改 %s %s</h1>\n" % (code, STOCKS[code])


@route(r"/add/(\d+)\.html")
def add(ret):
    if ret.group(1) not in STOCKS:
        return "没有这支股票"
    return "关注成功"


def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/html;charset=utf-8')])
    for pattern, func in ROUTES.items():
        ret = re.match(pattern, environ['PATH_INFO'])
        if ret:
            return func(ret)
    return "没有 %s 的函数" % environ['PATH_INFO']
