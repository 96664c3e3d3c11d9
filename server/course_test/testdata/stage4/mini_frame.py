def index():
    with open("./templates/index.html") as f:
        return f.read()


def center():
    with open("./templates/center.html") as f:
        return f.read()


PAGES = {
    "/index.py": index,
    "/center.py": center,
}


def application(environ, start_response):
    page = PAGES[environ['PATH_INFO']]
    start_response('200 OK', [('Content-Type', 'text/html;charset=utf-8')])
    return page()
