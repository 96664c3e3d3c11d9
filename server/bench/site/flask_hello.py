"""The Flask app of its own tutorial."""
from flask import Flask

application = Flask(__name__)


@application.route("/")
def hello():
    return "Hello, world\n"
