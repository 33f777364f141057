"""Rules that cannot do what they seem to are warned about, and no others."""

import random

import pytest

from gateway.authz.access import compile_items
from gateway.authz.facts import Facts, Met
from gateway.settings.access import ConditionSettings
from gateway.settings.contradictions import covers
from gateway.settings.load import load
from tests.builders import make_identity, make_request
from tests.fixtures.clock import NOW

FILE = """\
public_url: https://a.example.com
upstreams: {{app: "http://app:1"}}
providers: {{idp: {{issuer: "https://id.example.com", client_id: x, client_auth: none}}}}
api_keys: {{}}
routes:
  {route}
  - {{name: everything, prefix: /, access: denied}}
"""


def warned(tmp_path, route):
    path = tmp_path / "gatepost.yaml"
    path.write_text(FILE.format(route=route), encoding="utf-8")
    loaded = load(path, {})
    return [(it.rule, it.message) for it in loaded.findings]


def rules(allow="", deny="", more=""):
    said = [f"{word}: [{it}]" for word, it in (("allow", allow), ("deny", deny)) if it]
    return f"- {{name: r, prefix: /r, {more}access: {{{', '.join(said)}}}}}"


@pytest.mark.parametrize(
    ("route", "rule", "message"),
    [
        (
            rules("{credential: api_key}", more="credentials: session, "),
            "impossible-condition",
            "allow[0]: can never match: credential is api_key, and the route accepts session",
        ),
        (
            rules("{credential: [bearer, token]}"),
            "impossible-condition",
            "allow[0]: can never match: credential is bearer or token, and the route accepts "
            "api_key or session",
        ),
        (
            rules(deny="{method: POST}", more="methods: [GET, PUT], "),
            "impossible-condition",
            "deny[0]: can never match: method is POST, and the route is for GET or PUT",
        ),
        (
            rules("{email: [a@x.example, b@y.example], email_domain: z.example}"),
            "impossible-condition",
            "allow[0]: can never match: no address in email is at z.example",
        ),
        (
            rules("{group: a, max_age: 1h}", more="credentials: api_key, "),
            "impossible-condition",
            "allow[0]: can never match: max_age is about a sign-in, and api_key comes without one",
        ),
        (
            rules("{credential: api_key, acr: mfa}"),
            "impossible-condition",
            "allow[0]: can never match: acr is about a sign-in, and api_key comes without one",
        ),
        (
            rules(deny="{ip: ['10.0.0.0/8', '::ffff:192.0.2.0/120']}"),
            "impossible-condition",
            "deny[0].ip[1]: can never match: ::ffff:c000:200/120 is IPv4, so write 192.0.2.0/24",
        ),
        (
            rules("{group: a}, {user: bob, group: a}", "{user: [eve, bob]}"),
            "overruled-allow",
            "allow[1]: lets no one in: deny[0] refuses every request that it matches",
        ),
        (
            rules("{email: a@X.example}", "{email_domain: x.example}"),
            "overruled-allow",
            "allow[0]: lets no one in: deny[0] refuses every request that it matches",
        ),
        (
            rules("{group: a, max_age: 5m}, {group: [b, a]}"),
            "redundant-condition",
            "allow[0]: changes nothing: allow[1] matches every request that it matches: "
            "remove one of them",
        ),
        (
            rules(deny="{ip: 10.0.0.0/8}, {ip: 10.1.0.0/16}"),
            "redundant-condition",
            "deny[1]: changes nothing: deny[0] matches every request that it matches: "
            "remove one of them",
        ),
        (
            rules("{user: a}, {user: a}"),
            "redundant-condition",
            "allow[1]: changes nothing: allow[0] matches every request that it matches: "
            "remove one of them",
        ),
    ],
)
def test_a_rule_that_cannot_do_what_it_says_is_warned_about(tmp_path, route, rule, message):
    # A single item is at the place of its list.
    shown = [(it, text.replace("[0]", "")) for it, text in warned(tmp_path, route)]

    wanted = f"routes[0].access.{message}".replace("[0]", "")
    assert (rule, wanted) in shown


@pytest.mark.parametrize(
    "route",
    [
        rules("{credential: api_key}"),
        rules("{credential: [api_key, session]}", more="credentials: session, "),
        rules("{credential: api_key, group: a}, {acr: mfa}"),
        rules("{method: HEAD}", more="methods: GET, "),
        rules("{method: GET}", more="methods: HEAD, "),
        rules("{email: [a@x.example, b@y.example], email_domain: y.example}"),
        rules("{ip: '::/0'}"),
        rules("{group: a}", "{group: a, ip: 10.0.0.0/8}"),
        rules("{group: [a, b]}", "{group: a}"),
        rules("{email: [a@x.example, b@y.example]}", "{email_domain: x.example}"),
        rules("{group: a, max_age: 5m}, {group: a, ip: 10.0.0.0/8}"),
        rules("{max_age: 5m}, {acr: mfa, max_age: 10m}"),
        rules("{claim: {a: x}}, {claim: {b: x}}"),
        rules("{claim: {a: x}}, {claim: {a: y, b: z}}"),
        # Rules of a route with foreign credentials are for those too.
        rules("{credential: api_key, ip: 10.0.0.0/8}", more="credentials: session, ")[:-1]
        + ", foreign_credentials: pass}",
    ],
)
def test_a_rule_that_may_matter_is_not(tmp_path, route):
    found = {rule for rule, _ in warned(tmp_path, route)}

    assert found <= {"foreign-credentials"}


@pytest.mark.parametrize(
    ("routes", "taken"),
    [
        (["prefix: /a, access: public", "prefix: [/a/b, /c], access: signed_in"], "/a/b"),
        (["prefix: /a, access: optional", "path: [/c, /a/b], access: denied"], "/a/b"),
        (["regex: /a/.*, access: public", "path: [/c, /a/b], access: sign_in"], "/a/b"),
        (["regex: '/.*[.]css', access: public", "path: [/c, /b.css], access: gone"], "/b.css"),
        (["prefix: /a, access: public", "prefix: [/a/b, /c], access: public"], None),
        (["prefix: [/a/b, /c], access: signed_in", "prefix: /a, access: public"], None),
        (["prefix: /a/b, access: public", "prefix: /a, access: signed_in"], None),
        (["prefix: /a, methods: GET, access: public", "prefix: /a, access: signed_in"], None),
        (["prefix: /a, host: b.example, access: public", "prefix: /a, access: signed_in"], None),
        (["prefix: /a, access: signed_in", "prefix: [/a/b, /c], access: denied"], None),
    ],
)
def test_a_public_route_above_a_stricter_one_is_warned_about(tmp_path, routes, taken):
    lines = "\n  ".join(f"- {{name: r{i}, {it}}}" for i, it in enumerate(routes))
    found = [text for rule, text in warned(tmp_path, lines) if rule == "public-above-stricter"]

    if taken is None:
        assert found == []
    else:
        word = "optional" if "optional" in routes[0] else "public"
        assert found == [
            f'routes[1]: routes[0] "r0" is {word} and takes {taken} before this route: put this '
            "route above"
        ]


FACTS = {
    "user": ["a", "b", ["a", "b"]],
    "email": ["a@x.example", ["a@x.example", "b@y.example"], "c@sub.x.example"],
    "email_domain": ["x.example", "@y.example", ["x.example", "y.example"]],
    "group": ["a", ["a", "b"]],
    "scope": ["a", ["a", "b"]],
    "claim": [{"a": "1"}, {"a": ["1", "2"]}, {"a": "1", "b": "1"}],
    "credential": ["session", ["session", "api_key"]],
    "max_age": ["1m", "10m"],
    "ip": ["10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32", ["10.1.0.0/16", "2001:db8::/32"]],
    "method": ["GET", "HEAD", ["GET", "POST"]],
    "header": [{"X-A": "1"}, {"X-A": ["1", "2"]}],
}


def test_what_is_covered_is_met_whatever_the_request():
    rng = random.Random(7)
    covered = tried = 0
    while covered < 300 or tried < 3000:
        tried += 1
        wide, narrow = (
            ConditionSettings.model_validate(
                {it: rng.choice(FACTS[it]) for it in rng.sample(list(FACTS), rng.choice([1, 1, 2]))}
            )
            for _ in range(2)
        )
        if rng.random() < 0.5:
            given = [it.model_dump(exclude_none=True) for it in (wide, narrow)]
            narrow = ConditionSettings(**(given[0] | given[1]))
        if not covers(wide, narrow):
            continue
        covered += 1
        (outer,), (inner,) = compile_items([wide]), compile_items([narrow])
        for _ in range(40):
            facts = made_up(rng)
            if all(isinstance(it, Met) for it in inner.judge(facts)):
                assert all(isinstance(it, Met) for it in outer.judge(facts)), (wide, narrow)


def made_up(rng):
    request = make_request(
        method=rng.choice(["GET", "HEAD", "POST"]),
        client=rng.choice(["10.1.2.3", "10.2.0.1", "2001:db8::1", "::ffff:10.1.0.9"]),
        fields=[(b"X-A", rng.choice([b"1", b"2"]))] if rng.random() < 0.8 else [],
    )
    identity = make_identity(
        rng.choice("ab"),
        email=rng.choice(["a@x.example", "b@y.example", "c@sub.x.example", None]),
        groups=tuple(rng.sample("ab", rng.randint(0, 2))),
        scopes=frozenset(rng.sample("ab", rng.randint(0, 2))),
        claims={it: rng.choice("12") for it in rng.sample("ab", rng.randint(0, 2))},
        credential=rng.choice(["session", "api_key"]),
        authenticated_at=NOW - rng.choice([0, 60, 61, 600, 601]),
    )
    return Facts(request, identity, NOW)


NAMED = "conditions: {staff: [{group: staff}, {credential: api_key, method: POST}]}\n"


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        (
            rules("staff, {group: staff, ip: 10.0.0.0/8}"),
            "allow[1]: changes nothing: allow[0] staff[0] matches every request that it matches: "
            "remove one of them",
        ),
        (
            rules("{group: staff}, staff"),
            "allow[0]: changes nothing: allow[1] staff[0] matches every request that it matches: "
            "remove one of them",
        ),
        (
            rules("{group: staff, user: kim}, {user: eve}", "staff"),
            "allow[0]: lets no one in: deny[0] staff[0] refuses every request that it matches",
        ),
        # What is pointless here may have a point in another route.
        (rules("staff", more="credentials: session, "), None),
        (rules("staff", more="methods: GET, "), None),
        (rules("staff, {ip: 10.0.0.0/8}", "staff"), None),
    ],
)
def test_named_conditions_are_compared_where_they_are_used(tmp_path, route, expected):
    path = tmp_path / "gatepost.yaml"
    path.write_text(NAMED + FILE.format(route=route), encoding="utf-8")
    found = [it.message for it in load(path, {}).findings]

    assert found == ([] if expected is None else [f"routes[0].access.{expected}"])


def test_a_definition_that_can_never_match_is_warned_about_once(tmp_path):
    named = "conditions: {a: {email: k@x.example, email_domain: y.example}}\n"
    path = tmp_path / "gatepost.yaml"
    path.write_text(named + FILE.format(route=rules("a, {user: u}", "a")), encoding="utf-8")

    assert [str(it) for it in load(path, {}).findings] == [
        f"{path}:1:14: conditions.a: can never match: no address in email is at y.example"
    ]
