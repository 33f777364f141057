"""Browsers at the gateway's own pages, which show each redirect."""

import requests

from tests.fixtures.accounts import PASSWORD

PAGE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
SAME = {**PAGE, "Sec-Fetch-Site": "same-origin"}
CROSS = {**PAGE, "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"}


class Browser(requests.Session):
    """A browser, perhaps at an address of its own."""

    def __init__(self, gateway, address=""):
        super().__init__()
        self.url = gateway.base_url
        self.trust_env = False
        if address:
            self.mount("http://", FromAddress(address))

    def page(self, path, **fields):
        return self.get(self.url + path, headers={**PAGE, **fields}, allow_redirects=False)

    def form(self, path, headers=SAME, **form):
        return self.post(self.url + path, data=form, headers=headers, allow_redirects=False)

    def sign_in(self, user="ann", password=PASSWORD, **form):
        return self.form("/_gatepost/sign-in", username=user, password=password, **form)

    def whoami(self):
        answer = self.get(f"{self.url}/_gatepost/whoami")
        return answer.json() if answer.status_code == 200 else None

    def set_up(self, token, user="ann", password=PASSWORD, headers=SAME):
        whole = {"token": token, "username": user, "password": password, "email": f"{user}@a.test"}
        return self.form("/_gatepost/setup", headers, **whole)


class FromAddress(requests.adapters.HTTPAdapter):
    """Connects from an address of its own."""

    def __init__(self, address):
        self._address = address
        super().__init__()

    def init_poolmanager(self, *args, **kwargs):
        super().init_poolmanager(*args, source_address=(self._address, 0), **kwargs)
