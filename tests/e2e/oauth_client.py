"""A client of the gateway's authorization server, with a person's browser."""

import base64
import hashlib
import html
import re
import secrets
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests

from tests.e2e.browsing import SAME

CALLBACK = "https://client.test/callback"
QUESTION = re.compile(r'name="question" value="([^"]+)"')


class OAuthClient:
    """What a client does; nothing is fetched at its redirect URI."""

    def __init__(self, gateway, browser, client_id, redirect_uri=CALLBACK, secret=None):
        self.gateway = gateway
        self.browser = browser
        self.client_id = client_id
        self.redirect_uri = redirect_uri
        self.secret = secret
        self.verifier = secrets.token_urlsafe(32)
        self.issuer = f"{gateway.base_url}/_gatepost"

    def asked(self, **changes):
        """The parameters of a request; a change to None leaves one out."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        whole = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "state": "s t&a=te",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            **changes,
        }
        return {name: it for name, it in whole.items() if it is not None}

    def authorize(self, **changes):
        """The gateway's answer to a request, as it comes."""
        query = urlencode(self.asked(**changes), doseq=True)
        return self.browser.page(f"/_gatepost/authorize?{query}")

    def allow(self, page, answer="allow", headers=SAME):
        """The gateway's answer to the form of the consent page."""
        question = html.unescape(QUESTION.search(page.text)[1])
        return self.browser.form("/_gatepost/consent", headers, question=question, answer=answer)

    def told(self, answer):
        """What the redirect URI is told."""
        location = answer.headers["Location"]
        assert location.startswith(self.redirect_uri), location
        return dict(parse_qsl(urlsplit(location).query))

    def code(self, **changes):
        """A code, with the person's consent."""
        answer = self.authorize(**changes)
        if answer.status_code == 200:
            answer = self.allow(answer)
        return self.told(answer)["code"]

    def post(self, endpoint, **form):
        """Status and JSON of an endpoint for clients."""
        auth = None if self.secret is None else (self.client_id, self.secret)
        named = {"client_id": self.client_id} if auth is None else {}
        given = {name: it for name, it in {**named, **form}.items() if it is not None}
        answer = requests.post(f"{self.issuer}/{endpoint}", data=given, auth=auth, timeout=30)
        return answer.status_code, answer.json() if answer.text else None

    def redeem(self, code, /, **changes):
        """Status and JSON for a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
        }
        return self.post("token", **{**form, **changes})

    def refresh(self, token, **changes):
        """Status and JSON for a refresh token."""
        return self.post("token", grant_type="refresh_token", refresh_token=token, **changes)

    def tokens(self, **changes):
        """Tokens, with the person's consent."""
        status, tokens = self.redeem(self.code(**changes))
        assert status == 200, tokens
        return tokens

    def get(self, token, path="/", **fields):
        """The app's or the gateway's answer to a request with `token`."""
        headers = {"Authorization": f"Bearer {token}", **fields}
        return requests.get(self.gateway.base_url + path, headers=headers, timeout=30)
