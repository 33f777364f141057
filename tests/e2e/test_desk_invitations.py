"""A colleague is added: by a link that is shown once or mailed, at the desk or by a call."""

import html
import re

import pytest

from tests.e2e.at_desk import CROSS, Person, acts, add_people, by_key, gatepost, settings
from tests.e2e.browsing import Browser
from tests.fixtures.accounts import PASSWORD
from tests.fixtures.gateway import gateways

LINK = re.compile(r"http[^<\s]*/_gatepost/invitation\?token=[A-Za-z0-9_-]+")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    with gateways(tmp_path_factory.mktemp("invitations")) as start:
        started = start(settings())
        add_people(started, "ann", "bob")
        yield started


@pytest.fixture(scope="module")
def ann(gateway):
    return Person(gateway, "ann")


def take_up(gateway, link, user):
    browser = Browser(gateway)
    token = link.rpartition("=")[2]
    done = browser.form("/_gatepost/invitation", token=token, username=user, password=PASSWORD)
    return browser, done.status_code


def invitations(person):
    found, after = [], ""
    while after is not None:
        answer = person.call("GET", "invitations", after=after).json()
        found += answer["items"]
        after = answer["next"]
    return found


def test_a_colleague_is_added_with_a_form_and_a_link(gateway, ann):
    assert 'href="/_gatepost/admin/invitations"' in ann.desk("/accounts").text
    made = ann.act("/invitations", email="mia@a.test", roles="editor", groups="staff, team")
    [link] = LINK.findall(html.unescape(made.text))
    later = ann.desk("/invitations").text
    browser, status = take_up(gateway, link, "mia")

    assert (made.status_code, status) == (201, 303)
    who = browser.whoami()
    assert (who["user"], who["email"]) == ("mia", "mia@a.test")
    assert (who["roles"], who["groups"]) == (["editor"], ["staff", "team"])
    assert "mia@a.test" in later
    assert not LINK.search(html.unescape(later))
    assert "mia@a.test" not in ann.desk("/invitations").text
    assert take_up(gateway, link, "mia2")[1] == 404
    assert acts(ann, "mia@a.test") == [
        ("own.invitation.take-up", "mia", "mia@a.test", "done"),
        ("invitation.create", "ann", "mia@a.test", "done"),
    ]
    assert link.rpartition("=")[2] not in ann.call("GET", "journal").text
    assert link.rpartition("=")[2] not in gateway.log()


def test_a_colleague_is_added_by_a_call(gateway, ann):
    key, _ = ann.make_key("robot", "gatepost:admin")
    body = {"email": "leo@a.test", "roles": ["editor"]}
    made = by_key(gateway, key, "POST", "invitations", body)
    browser, status = take_up(gateway, made.json()["link"], "leo")

    assert (made.status_code, status) == (201, 303)
    assert (made.json()["mailed"], made.json()["unsent"]) == (False, None)
    assert browser.whoami()["roles"] == ["editor"]


def test_an_invitation_is_listed_until_it_is_taken_back(gateway, ann):
    first = ann.call("POST", "invitations", {"email": "eve@a.test"}).json()
    other = {"email": "eve@a.test", "issuer": "https://id.test", "account": "bob"}
    second = ann.call("POST", "invitations", other).json()
    listed = {(it["email"], it["issuer"], it["user"]) for it in invitations(ann)}
    assert {("eve@a.test", "", None), ("eve@a.test", "https://id.test", "bob")} <= listed
    # Only a provider's identity can join an account that is already signed in to.
    assert (first["link"] is not None, second["link"]) == (True, None)

    again = ann.act(
        "/invitations", account=first["account"], email="eve@a.test", issuer="", again="1"
    )
    which = {"account": first["account"], "email": "eve@a.test"}
    gone = ann.call("POST", "invitations/withdraw", which)
    twice = ann.call("POST", "invitations/withdraw", which)
    by_form = ann.act(
        "/invitations", account=second["account"], email="eve@a.test", issuer="https://id.test"
    )

    assert (again.status_code, len(LINK.findall(html.unescape(again.text)))) == (201, 1)
    assert (gone.status_code, by_form.status_code) == (204, 303)
    assert (twice.status_code, twice.json()["reason"]) == (404, "no-such-account")
    assert not [it for it in invitations(ann) if it["email"] == "eve@a.test"]
    assert take_up(gateway, first["link"], "eve")[1] == 404
    # The account that was made for the invitation goes with it.
    assert ann.call("GET", f"accounts/{first['account']}").status_code == 404
    assert [it[0] for it in acts(ann, "eve@a.test")] == [
        "invitation.withdraw",
        "invitation.withdraw",
        *["invitation.create"] * 3,
    ]


def test_what_the_command_invites_is_listed_too(gateway, ann):
    gatepost(gateway, "accounts", "invite", "--email", "tom@a.test")

    assert "tom@a.test" in {it["email"] for it in invitations(ann)}


def test_many_invitations_have_pages(gateway, ann):
    for number in range(60):
        made = ann.call("POST", "invitations", {"email": f"n{number}@many.test"})
        assert made.status_code == 201
    first = ann.call("GET", "invitations").json()

    assert (len(first["items"]), first["next"] is not None) == (50, True)
    assert len([it for it in invitations(ann) if it["email"].endswith("@many.test")]) == 60
    assert "More" in ann.desk("/invitations").text


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "no address"},
        {"email": None},
        {"email": "a@a.test", "roles": ["a,b"]},
        {"email": "a@a.test", "mail": "yes"},
        {"email": "a@a.test", "issuer": "a\nb"},
        {"email": "a@a.test", "nothing": 1},
    ],
)
def test_what_is_no_invitation_is_refused(ann, body):
    answer = ann.call("POST", "invitations", body)
    assert (answer.status_code, answer.json()["reason"]) == (400, "invalid-request")
    assert "a@a.test" not in {it["email"] for it in invitations(ann)}


def test_nobody_else_invites(gateway, ann):
    bob, body = Person(gateway, "bob"), {"email": "mallory@a.test"}
    form = {"email": "mallory@a.test", "roles": "", "groups": ""}
    answers = [
        ann.act("/invitations", CROSS, **form),
        ann.call("POST", "invitations", body, CROSS),
        bob.act("/invitations", **form),
        bob.call("POST", "invitations", body),
        bob.call("GET", "invitations"),
        Person(gateway, None).call("GET", "invitations"),
    ]

    assert [it.status_code for it in answers] == [403, 403, 403, 403, 403, 401]
    assert "mallory@a.test" not in {it["email"] for it in invitations(ann)}


def test_the_link_is_mailed_if_there_is_a_mail_server(gateway_process, mail_server):
    mailbox = mail_server()
    smtp = {"url": f"smtp://{mailbox.address}", "from": "notes@example.com"}
    gateway = gateway_process(settings(smtp=smtp))
    add_people(gateway, "ann")
    ann = Person(gateway)

    made = ann.act("/invitations", email="mia@a.test", roles="", groups="")
    quiet = ann.call("POST", "invitations", {"email": "leo@a.test", "mail": False}).json()

    assert "The link was mailed" in made.text
    [mail] = mailbox.to("mia@a.test")
    link = mail.link
    assert take_up(gateway, link, "mia")[1] == 303
    assert (quiet["mailed"], quiet["link"] is not None) == (False, True)
    mailbox.refusals.append("550 no such user")
    refused = ann.call("POST", "invitations", {"email": "tim@a.test"}).json()
    # The invitation stands, and the link can be passed on by hand.
    assert (refused["mailed"], "550" in refused["unsent"]) == (False, True)
    assert take_up(gateway, refused["link"], "tim")[1] == 303
