import settings
from helpers import page


def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/html;charset=utf-8')])
    return page("./templates/index.html") % (settings.TITLE, environ['PATH_INFO'])
