def index():
    with open("./templates/index.html") as f:
        return f.read()


def center():
    f = open("./templates/center.html")
    content = f.read()
    f.close()
    return content


def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/html;charset=utf-8')])

    file_name = environ['PATH_INFO']
    if file_name == "/index.py":
        return index()
    elif file_name == "/center.py":
        return center()
    else:
        return '没有 %s 这一页' % file_name
