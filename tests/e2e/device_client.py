"""A device without a browser, and the person who signs in for it elsewhere."""

import html
import re

import requests

from tests.e2e.browsing import SAME
from tests.e2e.oauth_client import QUESTION, OAuthClient

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
SINCE = re.compile(r'name="gatepost_since" value="([^"]+)"')


class Device(OAuthClient):
    """A client that shows a code; `browser` is the person's."""

    def start(self, **changes):
        """The gateway's answer to the device, as it comes."""
        form = {"client_id": self.client_id, **changes}
        given = {name: it for name, it in form.items() if it is not None}
        return requests.post(f"{self.issuer}/device_authorization", data=given, timeout=30)

    def poll(self, begun, **changes):
        """Status and JSON for the device code."""
        code = begun["device_code"]
        return self.post("token", **{"grant_type": DEVICE_CODE, "device_code": code, **changes})

    def error(self, begun, **changes):
        """What the device is told instead of tokens."""
        status, told = self.poll(begun, **changes)
        assert status in (400, 401), told
        return told["error"]

    def type(self, code, browser=None, headers=SAME, **form):
        """The page that comes for a code that the person types."""
        person = browser or self.browser
        return person.form("/_gatepost/device", headers, user_code=code, **form)

    def answer(self, page, answer="allow", browser=None, headers=SAME):
        """The page that comes for the person's answer to the question on `page`."""
        question = html.unescape(QUESTION.search(page.text)[1])
        person = browser or self.browser
        return person.form("/_gatepost/device", headers, question=question, answer=answer)
