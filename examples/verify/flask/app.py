import os

from flask import Flask, request

from gateway.verify import Verifier, WsgiMiddleware

verifier = Verifier(
    issuer=os.environ["ASSERTION_ISSUER"],
    audience=os.environ["ASSERTION_AUDIENCE"],
    jwks_url=os.environ.get("ASSERTION_JWKS"),
)

app = Flask(__name__)
app.wsgi_app = WsgiMiddleware(app.wsgi_app, verifier, remote_user=True)


@app.get("/")
def index():
    identity = request.environ["gatepost.identity"]
    return {"user": identity.user, "groups": identity.groups}
