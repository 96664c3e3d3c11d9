import re
import sqlite3
from urllib.parse import unquote

ROUTES = dict()


def route(pattern):
    def register(func):
        ROUTES[pattern] = func
        return func
    return register


def connect():
    conn = sqlite3.connect("./stock.db")
    conn.execute("create table if not exists focus (code text primary key, note text)")
    conn.execute("create table if not exists visits (path text)")
    return conn


@route(r"/update/(\d+)/(.*)\.html")
def save_update(ret):
    code = ret.group(1)
    note = unquote(ret.group(2))
    conn = connect()
    conn.execute("replace into focus values (?, ?)", (code, note))
    conn.commit()
    conn.close()
    return "修改成功"


@route(r"/center\.html")
def center(ret):
    conn = connect()
    rows = conn.execute("select code, note, length(note) from focus order by code").fetchall()
    conn.close()
    html = "".join("<tr><td>%s</td><td>%s</td><td>%d</td></tr>\n" % row for row in rows)
    with open("./templates/center.html") as f:
        return f.read().replace("{%content%}", html)


@route(r"/最近\.html")
def recent(ret):
    conn = connect()
    rows = conn.execute("select path from visits").fetchall()
    conn.close()
    return "\n".join(path for path, in rows)


def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/html;charset=utf-8')])
    conn = connect()
    conn.execute("insert into visits values (?)", (environ['PATH_INFO'],))
    conn.commit()
    conn.close()
    for pattern, func in ROUTES.items():
        ret = re.match(pattern, environ['PATH_INFO'])
        if ret:
            return func(ret)
    return "没有这一页"
