"""The WSGI app of the soak test: its token, then the request's body."""


def application(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return [b"wsgi ", environ["QUERY_STRING"].encode("latin-1"), b"\n", body]
