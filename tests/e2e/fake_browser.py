"""A browser that `gatepost login` opens: signs ann in and answers the question by itself.

Started as ``BROWSER``.  ``WALK`` says what the person does: allow, deny, or forge, which brings
answers of others to the waiting command first.
"""

import os
import sys
from dataclasses import dataclass
from html import unescape
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests

from tests.e2e.browsing import Browser
from tests.e2e.oauth_client import QUESTION


@dataclass
class Gateway:
    base_url: str


def walk(url, answer):
    parts = urlsplit(url)
    asked = dict(parse_qsl(parts.query))
    person = Browser(Gateway(f"{parts.scheme}://{parts.netloc}"))
    if answer == "forge":
        forge(asked)
        return
    sign_in = person.page(f"{parts.path}?{parts.query}").headers["Location"]
    return_to = dict(parse_qsl(urlsplit(sign_in).query))["return_to"]
    person.sign_in(return_to=return_to)
    page = person.page(return_to)
    assert "your own machine" in page.text
    question = unescape(QUESTION.search(page.text)[1])
    back = person.form("/_gatepost/consent", question=question, answer=answer)
    come_back(back.headers["Location"])


def forge(asked):
    where = asked["redirect_uri"]
    for told in ({"code": "x"}, {"code": "x", "state": "guessed"}):
        assert requests.get(f"{where}?{urlencode(told)}", timeout=30).status_code == 404
    mixed_up = {"code": "x", "state": asked["state"], "iss": "https://evil.test/_gatepost"}
    come_back(f"{where}?{urlencode(mixed_up)}")


def come_back(where):
    answer = requests.get(where, timeout=30)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert "go back to your terminal" in answer.text


if __name__ == "__main__":
    walk(sys.argv[1], os.environ.get("WALK", "allow"))
