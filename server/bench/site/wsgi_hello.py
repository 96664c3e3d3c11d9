"""A minimal WSGI app; /N answers N bytes, /up reads the body."""

HELLO = b"Hello, world\n"
BLOCK = bytes(65536)


def application(environ, start_response):
    path = environ.get("PATH_INFO", "")
    if path == "/up":
        left = int(environ.get("CONTENT_LENGTH") or 0)
        while left > 0:
            left -= len(environ["wsgi.input"].read(min(left, 65536)))
    elif path[1:].isdigit():
        return blocks(int(path[1:]), start_response)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "13")])
    return [HELLO]


def blocks(size, start_response):
    start_response("200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", str(size))])
    while size > 0:
        yield BLOCK[:size]
        size -= len(BLOCK)
