"""What an expression may be, and what is said of one that is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.expressions.expression import Expression
from gateway.expressions.parse import MAX_CHARS, MAX_DEPTH
from gateway.expressions.problem import ExpressionError

GOOD = [
    "claims.level >= 3 && 'ops' in groups",
    'user == "kim" || email_domain == "example.com"',
    "!('contractors' in groups)",
    "size(groups) > 1 ? user == 'a' : has(claims.x.y)",
    "claims.manager",
    "claims['https://example.com/roles'][0] == \"admin\"",
    "'x-tier' in headers && headers['x-tier'] != 'free' && headers.accept.size() < 9",
    "claims.memberships.exists(m, m.org == 'acme' && m.role in ['admin', 'owner'])",
    "scopes.all(s, s.startsWith('gear:'))",
    "['a', 'b'].exists(p, path.contains(p))",
    "claims.a.exists(x, x.exp > now && 'beta' in claims && x.tags.exists_ != null)",
    "auth_age < 300 && now > 1.5e9 && claims.n == -3 && claims.f >= -1.25",
    "method in ['GET', 'HEAD'] && claims.b == true && claims.z != null",
    "user == r'a\\b' || user == '\\u010d\\x41\\n\\'' || user == \"it's\"",
    "\n  user\n== 'a'  ",
]
MANY = "user == 'a'" + " || user == 'a'" * 80
# The expression, where it is wrong, and a part of what is said.
WRONG = [
    ("'ops' in gruops", 9, 'unknown name "gruops" (did you mean "groups"?)'),
    ("zzz == 1", 0, "known are user, email,"),
    ("groups == 1", 0, 'write "admins" in groups'),
    ("groups == ['a']", 0, "is a list"),
    ("groups[0] == 'a'", 0, "has no order"),
    ("groups < 1", 0, "has no order: < compares numbers or texts"),
    ("groups in claims.x", 0, "use exists, or all"),
    ("size(3) > 1", 0, '"3" is a number, which has no size'),
    ("size() > 1", 0, "size takes one argument"),
    ("user.size(1) > 1", 5, "size takes no argument"),
    ("user.startsWith()", 5, "startsWith takes one argument"),
    ("startsWith(user, 'a')", 0, 'write x.startsWith("…")'),
    ("user.startWith('a')", 5, 'unknown function "startWith" (did you mean "startsWith"?)'),
    ("user.matches('a+')", 5, "matches is not supported"),
    ("user.startsWith(1)", 16, "is for text"),
    ("auth_age.contains('a')", 0, "is for text"),
    ("user == 1", 0, "compares text with a number"),
    ("user == null", 0, "compares text with null"),
    ("user < 1", 0, "compares text with a number"),
    ("'a' in user", 0, "is text: use contains"),
    ("'a' in auth_age", 0, "is a number, not a list"),
    ("3 in groups", 0, "looks for a number in a list of text"),
    ("user in [1, 2]", 0, "looks for text in a list of a number"),
    ("claims.x in [1, 'a']", 12, "texts only, or numbers only"),
    ("claims.x in [null]", 12, "texts only, or numbers only"),
    ("claims.x in [user]", 13, "expected a value"),
    ("!user", 1, '"user" is text, not true or false'),
    ("user && true", 0, "is text, not true or false"),
    ("user ? true : false", 0, "is text, not true or false"),
    ("claims.x ? user : 1", 0, "gives text or a number"),
    ("user", 0, "gives text, but an expression is true or false"),
    ("user.x == 'a'", 0, "is text, without members"),
    ("claims == null", 0, "name one of them, as in claims.level"),
    ("size(headers) > 1", 5, "name one of them, as in headers.level"),
    ("claims[0] == 1", 0, "have names, not numbers"),
    ("0 in claims", 0, "have names, not numbers"),
    ("user in claims", 0, "write out the name"),
    ("claims[user] == 1", 7, "a key is written out"),
    ("claims.x[1.5] == 1", 9, "a key is written out"),
    ("headers['X-Tier'] == 'a'", 0, 'in lower case: "x-tier"'),
    ("headers.tier == 1", 0, "compares text with a number"),
    ("has(user)", 4, "has takes a member with a dot"),
    ("has(claims['x'])", 4, "has takes a member with a dot"),
    ("true", 0, "names no fact"),
    ("1 == 1", 0, "names no fact"),
    ("", 0, "is empty"),
    (" \n ", 0, "is empty"),
    ("user = 'a'", 5, 'unexpected "=" (did you mean "=="?)'),
    ("user == 'a' and claims.x", 12, 'unexpected "and" (did you mean "&&"?)'),
    ("not claims.x", 4, 'unexpected "claims"'),
    ("user == 'a' & claims.x", 12, 'did you mean "&&"?'),
    ("user == 'a", 8, "without a closing quote"),
    ("user == 'a\\q'", 10, 'unknown escape "\\q"'),
    ("user == '\\uD800'", 9, "unknown escape"),
    ("user == ", 8, "expected a value, not the end"),
    ("(user == 'a'", 12, 'expected ")", not the end'),
    ("user == 'a')", 11, 'unexpected ")"'),
    ("user == 'a' == true", 12, "two comparisons in a row"),
    ("!!claims.x", 0, 'several "!"'),
    ("-user == 1", 0, '"-" stands only before a number'),
    ("claims.a + 1 == 2", 9, "there is no arithmetic"),
    ("claims.a == {}", 12, "a map cannot be written out"),
    ("claims.a == 0x1F", 12, "is not a number"),
    ("claims.a == 1u", 12, "is not a number"),
    ("now < 1234567890123456789", 6, "is too large"),
    ("now < 1e999", 6, "is too large"),
    ("claims.for == 1", 7, "expected a name"),
    ("user == 'a' # so", 12, "unexpected"),
    ("groups.exists(g, roles.exists(r, r == g))", 17, "takes too long"),
    ("groups.exists(g, g in claims.allowed)", 17, "takes too long"),
    ("groups.exists(g, claims.a == claims.b)", 17, "takes too long"),
    ("groups.exists(g, claims.long.contains(g))", 17, "takes too long"),
    ("groups.exists(g, g in gruops)", 22, "unknown name"),
    ("groups.exists(user, true)", 0, '"user" is a fact'),
    ("groups.exists(g, g)", 17, "is text, not true or false"),
    ("user.exists(c, c == 'a')", 0, "is text, not a list"),
    ("claims.x.exists(1, true)", 16, "expected the name of a variable"),
    ("g == 'a' || groups.exists(g, g == 'a')", 0, 'unknown name "g"'),
    (MANY, 750, "is too long: about 100 terms"),
    ("claims" + ".a" * 150 + " == 1", 205, "is too long: about 100 terms"),
    ("(" * MAX_DEPTH + "claims.x" + ")" * MAX_DEPTH, MAX_DEPTH, "is nested too deeply"),
    ("!(" * 1000, 2 * MAX_DEPTH, "is nested too deeply"),
    ("a" * (MAX_CHARS + 1), 0, "is too long: 2,000 characters"),
]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_what_may_be_written(text):
    assert Expression.of(text).text == text


@pytest.mark.parametrize(("text", "at", "message"), WRONG)
def test_a_mistake_is_named_with_its_place(text, at, message):
    with pytest.raises(ExpressionError) as caught:
        Expression.of(text)

    (place, said), *_ = caught.value.problems
    assert message in said
    assert place == at


def test_all_mistakes_of_type_are_found_at_once():
    with pytest.raises(ExpressionError) as caught:
        Expression.of("gruops == 1 && user < 2 || 3 in groups")

    assert [at for at, _ in caught.value.problems] == [0, 15, 27]


def test_the_limits_themselves_are_allowed():
    deepest = "(" * (MAX_DEPTH - 1) + "claims.x" + ")" * (MAX_DEPTH - 1)
    longest = "claims.x == '" + "a" * (MAX_CHARS - 14) + "'"

    assert Expression.of(deepest).text == deepest
    assert Expression.of(longest).text == longest


def test_what_it_reads_is_known():
    expression = Expression.of("ip == '::1' && headers.x == 'y' || claims.a.exists(x, x == host)")

    assert expression.names == {"ip", "headers", "claims", "host"}
    assert expression.asks_who
    assert not Expression.of("ip == '::1' && [1].exists(x, x == now)").asks_who


_PIECES = st.sampled_from(
    [
        *("user", "groups", "claims", "headers", ".x", "['a']", "[0]", "(", ")", "[", "]", "&&"),
        *("||", "==", "<", " in ", "!", "?", ":", ",", "'a'", "1", "-", "1.5", "null", "true"),
        *("g", "\n", ".exists(g,", ".all(g,", "has(", "size(", ".size()", ".contains(", "'"),
        *('"', "\\", "é"),
    ]
)  # fmt: skip


@given(st.lists(_PIECES, max_size=30).map("".join) | st.text(max_size=40))
def test_whatever_is_written_is_an_expression_or_a_mistake_in_it(text):
    try:
        problems = Expression.of(text).text and ()
    except ExpressionError as error:
        problems = error.problems

    assert all(0 <= at <= len(text) and said for at, said in problems)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("headers['x-token'] == 'secret'", "headers['x-token'] == \"…\""),
        ("headers.token in\n  ['secret', r'two']", 'headers.token in ["…", "…"]'),
        (
            "'x-tier' in headers && claims['a'] == 'b'",
            "'x-tier' in headers && claims['a'] == \"…\"",
        ),
        ("'admins' in groups", "'admins' in groups"),
    ],
)
def test_a_message_leaves_out_what_a_field_is_compared_with(text, shown):
    assert str(Expression.of(text)) == shown
