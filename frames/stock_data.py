"""The stock board's data: two tables, in SQLite or in MySQL.

`info` holds the stocks and `focus` those that are followed, with a note; the
columns are named as in the course, so its own database can be used, too.

STOCK_DB says where the data is; without it, it is in data/stock.db:

    sqlite:///some/file.db          a file, relative to the project
    sqlite:////var/lib/stock.db     a file by its absolute path
    mysql://user:password@host:3306/stock_db
    mysql://user@localhost/stock_db?unix_socket=/run/mysqld/mysqld.sock

Every request is a process of its own, so two of them may be the first at the
same time: each store sees to it that only one creates and fills the tables.
"""

import os
from collections import namedtuple
from urllib.parse import parse_qs, unquote, urlsplit

NOTE_LENGTH = 200
DEFAULT = "sqlite:///data/stock.db"

Stock = namedtuple("Stock", "code name change turnover price high date note followed")

STOCKS = """
    SELECT i.code, i.short, i.chg, i.turnover, i.price, i.highs, i.time, f.note_info, f.id
    FROM info i LEFT JOIN focus f ON f.info_id = i.id """


class StockError(Exception):
    """The data can't be had. The text says what failed, why, and what helps."""


class Store:
    """What the pages ask for, in SQL that both databases speak.

    SQL here is fixed text with `?` where a value goes; the driver sends the
    values on their own, so nothing that a visitor types is ever read as SQL.
    """

    # Each database sets these and connect(), create() and tables().
    where = ""        # how messages name the database
    driver = None     # the driver module, for its exceptions
    hint = ""

    def __init__(self):
        try:
            self.db = self.connect()
        except (self.driver.Error, OSError, ValueError) as error:
            raise StockError(self.complaint("open", error)) from error
        try:
            if not self.filled():
                self.create()
        except BaseException:
            self.close()
            raise

    def stocks(self, search=""):
        """All stocks, or those whose code or name contains `search`."""
        # In LIKE, % and _ stand for "anything": with ! before them they are just themselves.
        for special in "!%_":
            search = search.replace(special, "!" + special)
        pattern = "%" + search + "%"
        return self.read(STOCKS + "WHERE i.code LIKE ? ESCAPE '!' OR i.short LIKE ? ESCAPE '!' ORDER BY i.code",
                         pattern, pattern)

    def followed(self):
        return self.read(STOCKS + "WHERE f.id IS NOT NULL ORDER BY f.id")

    def stock(self, code):
        """The stock with this code, or None."""
        found = self.read(STOCKS + "WHERE i.code = ?", code)
        return found[0] if found else None

    def follow(self, code):
        """Follows a stock. False if another request was quicker."""
        try:
            self.run("INSERT INTO focus (info_id, note_info) SELECT id, '' FROM info WHERE code = ?", code)
        except self.driver.IntegrityError:
            return False
        return True

    def unfollow(self, code):
        self.run("DELETE FROM focus WHERE info_id = (SELECT id FROM info WHERE code = ?)", code)

    def set_note(self, code, note):
        self.run("UPDATE focus SET note_info = ? WHERE info_id = (SELECT id FROM info WHERE code = ?)", note, code)

    def read(self, sql, *values):
        return [Stock(code, name, change, turnover, "%.2f" % price, "%.2f" % high, str(date or ""), note or "",
                      row is not None)
                for code, name, change, turnover, price, high, date, note, row in self.run(sql, *values)]

    def run(self, sql, *values):
        try:
            cursor = self.db.cursor()
            cursor.execute(self.spell(sql), values)
            return cursor.fetchall()
        except self.driver.IntegrityError:
            raise
        except self.driver.Error as error:
            raise StockError(self.complaint("use", error)) from error

    def spell(self, sql):
        return sql

    def filled(self):
        return bool(self.tables()) and bool(self.run("SELECT 1 FROM info LIMIT 1"))

    def fill(self, identity, ending):
        """Creates both tables and writes the sample stocks; the caller holds a lock."""
        self.run("CREATE TABLE IF NOT EXISTS info (id " + identity + ", code VARCHAR(6) NOT NULL UNIQUE,"
                 " short VARCHAR(10) NOT NULL, chg VARCHAR(10) NOT NULL, turnover VARCHAR(10) NOT NULL,"
                 " price DECIMAL(10,2) NOT NULL, highs DECIMAL(10,2) NOT NULL, time DATE NOT NULL)" + ending)
        self.run("CREATE TABLE IF NOT EXISTS focus (id " + identity + ", note_info VARCHAR(200) DEFAULT '',"
                 " info_id INTEGER NOT NULL UNIQUE)" + ending)
        if not self.filled():
            rows = [line.split() for line in SAMPLE.strip().splitlines()]
            one = "(?, ?, ?, ?, ?, ?, ?)"
            self.run("INSERT INTO info (code, short, chg, turnover, price, highs, time) VALUES "
                     + ", ".join([one] * len(rows)), *[value for row in rows for value in row])

    def complaint(self, verb, error):
        return "cannot %s the stock data in %s: %s\nhint: %s" % (verb, self.where, error, self.hint)

    def close(self):
        self.db.close()


class SQLiteStore(Store):
    hint = "the directory and the file must be writable for the user that runs the gateway; STOCK_DB names another file"

    def __init__(self, path):
        import sqlite3
        self.driver = sqlite3
        self.where = os.path.abspath(path)
        super().__init__()

    def connect(self):
        os.makedirs(os.path.dirname(self.where), exist_ok=True)
        # timeout: how long to wait for another process's write. No WAL: the
        # last process to close the file would have to fold the log back in,
        # and here nearly every process is the last.
        return self.driver.connect(self.where, timeout=20, isolation_level=None)

    def tables(self):
        return self.run("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'info'")

    def create(self):
        # IMMEDIATE takes the write lock now. The others wait here, and then
        # find the tables full.
        self.run("BEGIN IMMEDIATE")
        self.fill("INTEGER PRIMARY KEY", "")
        self.run("COMMIT")


class MySQLStore(Store):
    hint = "is the server running, does the database exist (CREATE DATABASE … CHARACTER SET utf8mb4), may this user write to it?"

    def __init__(self, url):
        try:
            import pymysql
        except ImportError as error:
            raise StockError("cannot use STOCK_DB=mysql://…: %s\nhint: pip install PyMySQL, or apt-get install"
                             " python3-pymysql and interpreter = \"/usr/bin/python3\" in gateway.toml" % error) from error
        self.driver = pymysql
        self.url = urlsplit(url)
        # Not the whole URL: there is a password in it.
        self.where = "MySQL database %r at %s" % (self.url.path.strip("/"), self.url.hostname)
        super().__init__()

    def connect(self):
        settings = {
            "host": self.url.hostname or "localhost",
            "port": self.url.port or 3306,
            "user": unquote(self.url.username or "root"),
            "password": unquote(self.url.password or ""),
            "database": unquote(self.url.path.strip("/")),
        }
        socket = parse_qs(self.url.query).get("unix_socket")
        if socket:
            settings["unix_socket"] = socket[0]
        return self.driver.connect(charset="utf8mb4", autocommit=True, connect_timeout=5, **settings)

    def spell(self, sql):
        return sql.replace("?", "%s")

    def tables(self):
        return self.run("SELECT 1 FROM information_schema.tables"
                        " WHERE table_schema = DATABASE() AND table_name = 'info'")

    def create(self):
        # CREATE TABLE ends a transaction in MySQL, so a named lock keeps the
        # other first requests waiting. It goes when the connection goes.
        if self.run("SELECT GET_LOCK(CONCAT('stock.', LEFT(DATABASE(), 50)), 20)") != ((1,),):
            raise StockError(self.complaint("create", "another process has been at it for 20 seconds"))
        self.fill("INTEGER PRIMARY KEY AUTO_INCREMENT", " ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4")
        self.run("SELECT RELEASE_LOCK(CONCAT('stock.', LEFT(DATABASE(), 50)))")


def open_store(url=""):
    """The store that STOCK_DB names. Close it when the request is answered."""
    url = url or DEFAULT
    if url.startswith("mysql://"):
        return MySQLStore(url)
    if url.startswith("sqlite:///") and len(url) > len("sqlite:///"):
        return SQLiteStore(url[len("sqlite:///"):])
    raise StockError("cannot use STOCK_DB: it is neither sqlite:///FILE nor mysql://USER@HOST/DATABASE"
                     "\nhint: leave it unset for data/stock.db")


# Invented figures for real names: code, name, change, turnover, price, earlier high and its date.
SAMPLE = """
000001 平安银行 1.27% 0.61% 11.18 12.06 2024-05-20
000002 万科A -2.35% 1.94% 7.88 9.41 2024-05-17
000007 全新好 10.01% 4.40% 6.05 6.72 2024-03-22
000063 中兴通讯 0.84% 1.52% 27.63 31.25 2024-03-18
000100 TCL科技 -0.46% 1.08% 4.32 5.17 2024-04-09
000333 美的集团 0.55% 0.37% 64.70 71.88 2024-05-14
000651 格力电器 0.00% 0.42% 40.26 43.15 2024-05-21
000725 京东方A 1.73% 1.36% 4.11 4.58 2024-04-11
000858 五粮液 -1.12% 0.58% 132.40 160.96 2024-05-06
002230 科大讯飞 3.48% 2.71% 43.75 52.30 2024-03-21
002415 海康威视 -0.73% 0.49% 31.36 36.08 2024-04-03
002475 立讯精密 2.06% 1.25% 38.59 40.12 2024-06-13
002594 比亚迪 2.91% 0.96% 248.80 266.45 2024-06-12
002714 牧原股份 -1.84% 0.77% 43.22 50.63 2024-05-27
300059 东方财富 -0.29% 2.18% 10.64 15.07 2024-03-12
300122 智飞生物 -4.62% 1.43% 28.06 51.90 2024-03-04
300750 宁德时代 1.58% 0.82% 181.35 210.75 2024-05-13
300760 迈瑞医疗 0.31% 0.29% 290.17 318.00 2024-05-08
600009 上海机场 -0.94% 0.45% 32.71 39.66 2024-05-07
600019 宝钢股份 0.00% 0.33% 6.65 7.29 2024-05-20
600028 中国石化 0.95% 0.21% 6.37 6.84 2024-04-12
600036 招商银行 0.67% 0.28% 34.19 36.27 2024-05-20
600050 中国联通 -0.21% 0.59% 4.71 5.02 2024-03-11
600276 恒瑞医药 -1.37% 0.52% 38.91 48.16 2024-04-29
600519 贵州茅台 -0.68% 0.19% 1468.00 1768.88 2024-05-06
600887 伊利股份 0.43% 0.51% 25.84 29.70 2024-05-09
600900 长江电力 1.16% 0.24% 28.92 29.35 2024-06-20
601012 隆基绿能 -3.27% 1.67% 14.21 21.46 2024-03-07
601318 中国平安 0.88% 0.47% 41.36 45.91 2024-05-20
601398 工商银行 0.36% 0.11% 5.62 5.74 2024-06-24
603259 药明康德 -5.08% 1.88% 39.17 58.40 2024-03-06
688981 中芯国际 4.53% 1.39% 46.10 49.85 2024-06-11
"""
