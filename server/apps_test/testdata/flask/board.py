"""A small Flask site: what tests hold against Flask itself, mounted and at the root."""
import hashlib
import os

from flask import Flask, Response, abort, jsonify, redirect, request, session, url_for

app = Flask(__name__)
app.secret_key = "for tests only"


@app.route("/")
def index():
    return "board at %s" % url_for("index")


@app.route("/urls")
def urls():
    """Every kind of URL that Flask builds from SCRIPT_NAME and the host."""
    return jsonify(
        index=url_for("index"),
        user=url_for("user", name="Ada"),
        chinese=url_for("stock", code="茅台"),
        query=url_for("count", page=2),
        external=url_for("user", name="Ada", _external=True),
        static=url_for("static", filename="board.css"),
        script_root=request.script_root,
        path=request.path,
    )


@app.route("/user/<name>")
def user(name):
    return "user %s" % name


@app.route("/股票/<code>")
def stock(code):
    return jsonify(code=code, path=request.path, url=request.base_url)


@app.route("/count")
def count():
    session["count"] = session.get("count", 0) + 1
    return str(session["count"])


@app.route("/login", methods=["POST"])
def login():
    session["name"] = request.form["name"]
    return redirect(url_for("me"), code=303)


@app.route("/me")
def me():
    if "name" not in session:
        abort(403)
    return "you are %s" % session["name"]


@app.route("/stream")
def stream():
    """The second line is what comes out of a named pipe, whenever that is."""
    def lines():
        yield "first\n"
        with open(os.environ["STREAM_PIPE"]) as pipe:
            yield pipe.readline()
    return Response(lines(), mimetype="text/plain")


@app.route("/upload", methods=["POST"])
def upload():
    file = request.files["file"]
    data = file.read()
    return jsonify(
        name=file.filename, size=len(data), sha1=hashlib.sha1(data).hexdigest(),
        note=request.form["note"],
    )


@app.route("/boom")
def boom():
    raise RuntimeError("boom, as the test wants")
