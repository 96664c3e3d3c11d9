import re
from pymysql import connect

PAGES = dict()


def route(url):
    def register(func):
        PAGES[url] = func
        return func
    return register


@route("/index.py")
def index():
    conn = connect(host='localhost', port=3306, user='root', password='mysql', database='stock_db', charset='utf8')
    cs = conn.cursor()
    cs.execute("select * from info;")
    rows = cs.fetchall()
    cs.close()
    conn.close()
    with open("./templates/index.html") as f:
        return re.sub(r"\{%content%\}", str(rows), f.read())


def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/html;charset=utf-8')])
    return PAGES[environ['PATH_INFO']]()
