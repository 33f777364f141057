import os

from django.core.wsgi import get_wsgi_application

from gateway.verify import Verifier, WsgiMiddleware

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")

verifier = Verifier(
    issuer=os.environ["ASSERTION_ISSUER"],
    audience=os.environ["ASSERTION_AUDIENCE"],
    jwks_url=os.environ.get("ASSERTION_JWKS"),
)

application = WsgiMiddleware(get_wsgi_application(), verifier, remote_user=True)
