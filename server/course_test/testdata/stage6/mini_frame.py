import os
import re
import sqlite3

PAGES = dict()


def route(url):
    def register(func):
        PAGES[url] = func
        return func
    return register


def connect():
    new = not os.path.exists("./stock.db")
    conn = sqlite3.connect("./stock.db")
    if new:
        conn.execute("create table info (code text, short text, price real)")
        conn.execute("insert into info values ('000007', '全新好', 16.05), ('600519', '贵州茅台', 1688.5)")
        conn.commit()
    return conn


@route("/index.py")
def index():
    with open("./templates/index.html") as f:
        content = f.read()
    conn = connect()
    cursor = conn.cursor()
    cursor.execute("select * from info order by code;")
    stocks = cursor.fetchall()
    cursor.close()
    conn.close()

    html = ""
    for line in stocks:
        html += "<tr><td>%s</td><td>%s</td><td>%s</td></tr>\n" % line
    return re.sub(r"\{%content%\}", html, content)


def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/html;charset=utf-8')])
    return PAGES[environ['PATH_INFO']]()
