import logging
import time


def application(environ, start_response):
    logging.basicConfig(level=logging.INFO, filename='./log.txt', filemode='a',
                        format='%(levelname)s: %(message)s')
    path = environ['PATH_INFO']
    print("收到请求", path)
    if path == "/index.py":
        logging.info("访问的是 %s", path)
        start_response('200', [("Content-Type", "text/plain; charset=utf-8"), ("Date", time.time())])
        return "有日志的首页"
    logging.warning("没有 %s", path)
    start_response('404', [("Content-Type", "text/plain; charset=utf-8")])
    return "没有这一页"
