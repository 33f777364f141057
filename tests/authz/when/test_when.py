"""What an expression makes of the facts: met, unmet, or a fact that cannot be read."""

import pytest

from gateway.authz.facts import Met, Unmet, Unreadable
from gateway.authz.when import build
from gateway.authz.when.condition import When
from gateway.expressions.expression import Expression
from gateway.expressions.kinds import FACTS, Kind
from gateway.model import ANONYMOUS

NOW = 1_800_000_000
CLAIMS = {
    "level": 3,
    "big": 2**70,
    "share": 0.5,
    "name": "Kim",
    "yes": True,
    "none": None,
    "list": ["a", "b"],
    "numbers": [1, 2.5],
    "mixed": ["a", 1, None],
    "empty": [],
    "map": {"org": "acme", "deep": {"x": 1}, "none": None},
    "maps": [{"org": "acme", "role": "admin"}, {"org": "evil"}],
    "https://example.com/roles": ["editor"],
}
MET, UNREADABLE = "met", "fact-unreadable"
UNMET, CLAIM, HEADER = "when-unmet", "claim-missing", "header-missing"

TABLE = [
    ("claims.level == 3", MET),
    ("claims.level == 3.0", MET),
    ("claims.level != 3", UNMET),
    ("claims.level >= 3 && claims.level <= 3 && !(claims.level < 3) && !(claims.level > 3)", MET),
    ("claims.big > 1", MET),
    ("claims.share < 1", MET),
    ("claims.name < 'L' && 'J' < claims.name", MET),
    ("claims.name == 'kim'", UNMET),
    ("claims.yes", MET),
    ("claims.yes == true", MET),
    ("claims.yes != false", MET),
    ("claims.level", UNREADABLE),
    ("!claims.level", UNREADABLE),
    ("claims.none", CLAIM),
    ("claims.nope", CLAIM),
    # A claim of another type says nothing: neither that it is equal, nor that it is not.
    ("claims.level == '3'", UNREADABLE),
    ("claims.level != '3'", UNREADABLE),
    ("claims.yes == 1", UNREADABLE),
    ("claims.level == true", UNREADABLE),
    ("claims.yes < 2", UNREADABLE),
    ("claims.name < 1", UNREADABLE),
    ("claims.map == 'acme'", UNREADABLE),
    ("claims.map == claims.map", UNREADABLE),
    ("claims.maps == claims.maps", UNREADABLE),
    ("claims.level in ['3']", UNREADABLE),
    ("claims.yes in [1]", UNREADABLE),
    ("claims.map in ['3']", UNREADABLE),
    ("claims.name in [3]", UNREADABLE),
    ("claims.level in [1, 3]", MET),
    ("claims.yes in [true]", MET),
    ("claims.name in ['Kim']", MET),
    ("claims.name in []", UNMET),
    ("claims.list == ['a', 'b']", MET),
    ("claims.list == ['b', 'a']", UNMET),
    ("claims.list == ['a']", UNMET),
    ("claims.list == [1, 2]", UNREADABLE),
    ("claims.list == ['b', 'b'] || claims.mixed == ['b', 'b', 'b']", UNMET),
    ("claims.mixed == ['a', 'b', 'c']", UNREADABLE),
    # Null counts as missing, except where null is asked for.
    ("claims.none == null", MET),
    ("null != claims.none", UNMET),
    ("claims.name == null", UNMET),
    ("claims.nope == null", CLAIM),
    ("claims.none == 'x'", CLAIM),
    ("claims.none != 'x'", CLAIM),
    ("claims.none < 1", CLAIM),
    ("claims.none in ['x']", CLAIM),
    ("claims.none in claims.list", CLAIM),
    ("claims.none in groups", CLAIM),
    ("'a' in claims.none", CLAIM),
    ("claims.none.x == 1", CLAIM),
    ("size(claims.none) == 0", CLAIM),
    ("claims.none.startsWith('a')", CLAIM),
    ("claims.none.exists(x, x == 1)", CLAIM),
    ("has(claims.none)", MET),
    ("has(claims.nope)", UNMET),
    ("has(claims.map.org) && !has(claims.map.nope)", MET),
    ("has(claims.nope.x)", CLAIM),
    ("has(claims.name.x)", UNREADABLE),
    ("has(claims.maps[0].org)", MET),
    ("has(claims.maps[9].org)", CLAIM),
    ("'level' in claims && !('nope' in claims)", MET),
    ("claims.map.deep.x == 1", MET),
    ("claims['map']['deep']['x'] == 1", MET),
    ("claims.map.x == 1", CLAIM),
    ("claims.name.x == 1", UNREADABLE),
    ("claims.list[1] == 'b'", MET),
    ("claims.list[2] == 'b'", CLAIM),
    ("claims.list.x == 'b'", UNREADABLE),
    ("claims.map[0] == 'b'", UNREADABLE),
    ("'b' in claims.list", MET),
    ("'c' in claims.list", UNMET),
    ("2.5 in claims.numbers && 1.0 in claims.numbers", MET),
    ("'a' in claims.mixed", MET),
    ("'z' in claims.mixed", UNREADABLE),
    ("'z' in claims.empty", UNMET),
    ("'org' in claims.map", MET),
    ("1 in claims.map", UNREADABLE),
    ("'z' in claims.name", UNREADABLE),
    ("'z' in claims.nope", CLAIM),
    ("claims['https://example.com/roles'][0] == 'editor'", MET),
    ("size(claims.list) == 2 && claims.name.size() == 3 && size(claims.map) == 3", MET),
    ("size(claims.level) == 2", UNREADABLE),
    ("claims.name.startsWith('K') && claims.name.endsWith('m') && claims.name.contains('i')", MET),
    ("claims.name.startsWith('k')", UNMET),
    ("claims.level.startsWith('k')", UNREADABLE),
    ("'Kimberley'.startsWith(claims.name)", MET),
    ("claims.maps.exists(m, m.org == 'acme' && m.role == 'admin')", MET),
    ("claims.maps.exists(m, m.org == 'evil' && m.role == 'admin')", CLAIM),
    ("claims.maps.exists(m, has(m.role) && m.org == 'evil')", UNMET),
    ("claims.maps.all(m, m.org.size() == 4)", MET),
    ("claims.map.exists(k, k == 'org')", MET),
    ("claims.empty.exists(x, x == 1)", UNMET),
    ("claims.empty.all(x, x == 1)", MET),
    ("claims.mixed.exists(x, x == 1)", MET),
    ("claims.mixed.all(x, x == 'b')", UNMET),
    ("claims.mixed.all(x, x == 'a')", UNREADABLE),
    ("claims.level.exists(x, x == 1)", UNREADABLE),
    # A fault counts only where nothing else decides, on whichever side it is.
    ("claims.nope == 1 || claims.yes", MET),
    ("claims.yes || claims.nope == 1", MET),
    ("claims.name == 1 || claims.yes", MET),
    ("claims.nope == 1 && claims.level == 4", UNMET),
    ("claims.level == 4 && claims.nope == 1", UNMET),
    ("claims.nope == 1 || claims.level == 4", CLAIM),
    ("claims.nope == 1 || claims.name == 1", UNREADABLE),
    ("claims.name == 1 || claims.nope == 1", UNREADABLE),
    ("claims.level || claims.yes", MET),
    ("claims.level && claims.yes", UNREADABLE),
    ("!(claims.nope == 1)", CLAIM),
    ("claims.yes ? claims.level == 3 : claims.nope == 1", MET),
    ("claims.level == 4 ? claims.nope == 1 : claims.yes", MET),
    ("claims.nope == 1 ? true : true", CLAIM),
    ("claims.yes ? claims.level : claims.yes", UNREADABLE),
]  # fmt: skip

# The expression, what else is known, and what becomes of it.
FACT_TABLE = [
    ("user == 'alice'", {}, MET),
    ("provider == 'idp' && credential == 'session'", {"provider": "idp"}, MET),
    ("email == 'kim@example.com'", {"email": "Kim@EXAMPLE.com"}, MET),
    ("email_domain == 'example.com'", {"email": "Kim@EXAMPLE.com"}, MET),
    ("email != ''", {}, UNMET),
    ("email != ''", {"email": "kim@evil@example.com"}, UNREADABLE),
    ("email_domain == 'a.example'", {"email": "k@a.example", "unreadable": {"*"}}, UNREADABLE),
    ("'a' in groups", {"groups": ("a", "b")}, MET),
    ("'c' in groups", {"groups": ("a", "b")}, UNMET),
    ("'a' in groups", {}, UNMET),
    ("size(groups) == 2", {"groups": ("a", "b")}, MET),
    ("claims.x in groups", {"groups": ("a",), "claims": {"x": "a"}}, MET),
    ("claims.x in groups", {"groups": ("a",), "claims": {"x": 1}}, UNREADABLE),
    ("groups.exists(g, g.startsWith('ops-'))", {"groups": ("a", "ops-1")}, MET),
    ("groups.all(g, g != 'guests')", {"groups": ("a", "guests")}, UNMET),
    # Of a list that the provider cut short, only what is there is sure.
    ("'a' in groups", {"groups": ("a",), "unreadable": {"groups[]"}}, MET),
    ("'b' in groups", {"groups": ("a",), "unreadable": {"groups[]"}}, UNREADABLE),
    ("!('b' in groups)", {"groups": ("a",), "unreadable": {"groups[]"}}, UNREADABLE),
    ("size(groups) == 1", {"groups": ("a",), "unreadable": {"groups[]"}}, UNREADABLE),
    ("groups.exists(g, g == 'a')", {"groups": ("a",), "unreadable": {"groups[]"}}, MET),
    ("groups.exists(g, g == 'b')", {"groups": ("a",), "unreadable": {"groups[]"}}, UNREADABLE),
    ("groups.all(g, g == 'a')", {"groups": ("a",), "unreadable": {"groups[]"}}, UNREADABLE),
    ("groups.all(g, g == 'b')", {"groups": ("a",), "unreadable": {"groups[]"}}, UNMET),
    ("'a' in groups", {"groups": ("a",), "unreadable": {"groups"}}, UNREADABLE),
    ("size(groups) > 0", {"groups": ("a",), "unreadable": {"*"}}, UNREADABLE),
    ("groups.all(g, g == 'a')", {"groups": ("a",), "unreadable": {"groups"}}, UNREADABLE),
    ("'a' in roles", {"roles": ("a",)}, MET),
    ("'a' in roles", {"roles": ("a",), "unreadable": {"roles"}}, UNREADABLE),
    ("'b' in roles", {"roles": ("a",), "unreadable": {"roles[]"}}, UNREADABLE),
    ("'a' in scopes && size(scopes) == 2", {"scopes": frozenset({"a", "b"})}, MET),
    ("scopes.all(s, s < 'c')", {"scopes": frozenset({"a", "b"})}, MET),
    ("'a' in scopes", {"scopes": frozenset({"a"}), "unreadable": {"scopes"}}, UNREADABLE),
    ("'otp' in amr", {"amr": ("pwd", "otp")}, MET),
    ("'otp' in amr", {"amr": ("otp",), "unreadable": {"amr"}}, UNREADABLE),
    ("acr == 'gold'", {"acr": "gold"}, MET),
    ("acr == 'gold'", {}, UNMET),
    ("acr == 'gold'", {"acr": "gold", "unreadable": {"acr"}}, UNREADABLE),
    ("auth_age <= 60", {"authenticated_at": NOW - 60}, MET),
    ("auth_age <= 60", {"authenticated_at": NOW - 61}, UNMET),
    ("auth_age == 0", {"authenticated_at": NOW + 60}, MET),
    ("auth_age <= 60", {"authenticated_at": NOW + 61}, UNREADABLE),
    ("auth_age <= 60", {}, UNMET),
    ("auth_age <= 60", {"authenticated_at": NOW, "unreadable": {"auth_time"}}, UNREADABLE),
    ("claims.x == 1", {"claims": {"x": 1}, "unreadable": {"x"}}, UNREADABLE),
    ("claims.x == 1", {"claims": {"x": 1}, "unreadable": {"*"}}, UNREADABLE),
    ("has(claims.x)", {"claims": {"x": 1}, "unreadable": {"/x"}}, UNREADABLE),
    ("claims.x.y == 1", {"claims": {"x": {"y": 1}}, "unreadable": {"/x/y"}}, UNREADABLE),
    ("claims.x.y == 1", {"claims": {"x": {"y": 1}}, "unreadable": {"/x/z", "z"}}, MET),
    ("claims['a/b'] == 1", {"claims": {"a/b": 1}, "unreadable": {"a/b"}}, UNREADABLE),
    ("ip == '192.0.2.1'", {}, MET),
    ("ip == '192.0.2.9'", {"client": "::ffff:192.0.2.9"}, MET),
    ("ip == ''", {"client": "unknown"}, UNREADABLE),
    ("method == 'GET' && host == 'notes.example.com' && now > 1e9", {}, MET),
    ("path == '/a b'", {"target": b"/a%20b"}, MET),
    ("path.startsWith('/admin')", {"target": b"/x/../admin"}, UNREADABLE),
    ("path.startsWith('/admin')", {"target": b"//admin"}, UNREADABLE),
    ("headers.tier == 'gold'", {"fields": [(b"Tier", b"gold")]}, MET),
    ("headers['x-tier'] == 'gold'", {"fields": [(b"X-Tier", b"gold")]}, MET),
    ("headers['x-tier'] == 'gold'", {}, HEADER),
    ("headers['x-tier'] != 'gold'", {}, HEADER),
    ("headers['x-tier'] == 'gold'", {"fields": [(b"X_Tier", b"gold")]}, UNREADABLE),
    ("headers['x-tier'] == 'gold'", {"fields": [(b"X-Tier", b"gold")] * 2}, UNREADABLE),
    ("headers.tier != 'gold'", {"fields": [(b"Tier", b"\xff")]}, UNREADABLE),
    ("'x-tier' in headers && has(headers.tier)",
     {"fields": [(b"X-Tier", b""), (b"Tier", b"")]}, MET),
    ("'x-tier' in headers", {}, UNMET),
    ("'x-tier' in headers", {"fields": [(b"X_Tier", b"")]}, UNREADABLE),
]  # fmt: skip


def judged(text, facts):
    (condition,) = When.of(Expression.of(text))
    result = condition.check(facts)
    assert isinstance(result, Met | Unmet | Unreadable)
    return MET if isinstance(result, Met) else result.reason


@pytest.mark.parametrize(("text", "outcome"), TABLE)
def test_an_expression_over_claims(make_facts, text, outcome):
    assert judged(text, make_facts(claims=CLAIMS)) == outcome


@pytest.mark.parametrize(("text", "known", "outcome"), FACT_TABLE)
def test_an_expression_over_facts(make_facts, text, known, outcome):
    assert judged(text, make_facts(**known)) == outcome


def test_why_it_is_unmet_is_told_to_the_operator(make_facts):
    (condition,) = When.of(Expression.of("claims.level\n  >= 4"))

    assert condition.check(make_facts(claims=CLAIMS)).detail == "'claims.level >= 4' is false"
    detail = condition.check(make_facts(claims={"level": "4"})).detail
    assert detail == "'claims.level >= 4' compares values of different types"


@pytest.mark.parametrize("name", [name for name, fact in FACTS.items() if fact.of_identity])
def test_of_a_person_whom_only_the_app_knows_every_fact_is_missing(make_facts, name):
    kind = FACTS[name].kind
    asks = {
        Kind.TEXT: f"{name} == '' || {name} != ''",
        Kind.NUMBER: f"{name} >= 0",
        Kind.NAMES: f"{name}.all(x, x == '') && size({name}) == 0 || !('a' in {name})",
        Kind.CLAIMS: "!has(claims.x) || claims.x == claims.x || !('x' in claims)",
    }[kind]

    assert judged(asks, make_facts(identity=ANONYMOUS)) == UNMET
    assert judged(f"{asks} || method == 'GET'", make_facts(identity=ANONYMOUS)) == MET


def test_every_fact_can_be_read():
    single = {name for name, it in FACTS.items() if it.kind not in (Kind.CLAIMS, Kind.HEADERS)}

    assert set(build._SINGLE) == single
