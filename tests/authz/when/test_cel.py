"""What an expression means is what CEL says: another implementation gives the same answers."""

import cel
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.authz.facts import Facts, Met, Unreadable
from gateway.authz.when.condition import When
from gateway.expressions.expression import Expression
from gateway.expressions.problem import ExpressionError
from tests.builders import make_identity, make_request

AT = 1_800_000_000.0
ERROR = "error"

_words = st.sampled_from(["", "a", "b", "ab", "ops", "B", "a.b"])
_whole = st.integers(-3, 3) | st.just(2**40)
_numbers = _whole | st.sampled_from([-1.5, 0.0, 1.0, 2.5])
_scalars = _words | _numbers | st.booleans() | st.none()
_lists = st.lists(_scalars, max_size=3)
_maps = st.dictionaries(st.sampled_from("kn"), _scalars | _lists, max_size=2)
_any = _scalars | _lists | _maps | st.lists(_maps, max_size=2)

# Claims of the types that `_typed` expects, and of any.
_as_expected = st.fixed_dictionaries(
    {},
    optional={
        "t": _words,
        "n": _numbers,
        "b": st.booleans(),
        "l": st.lists(_words, max_size=3),
        "m": st.fixed_dictionaries({}, optional={"t": _words, "n": _numbers}),
        "r": st.lists(st.fixed_dictionaries({"t": _words}, optional={"n": _numbers}), max_size=3),
    },
)
_unexpected = st.fixed_dictionaries({}, optional=dict.fromkeys("tnblmr", _any))


def _quoted(value):
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)


_text = _words.map(_quoted) | st.sampled_from(
    [
        *("claims.t", "claims.m.t", "claims['t']", "claims.r[0].t", "claims.l[1]", "user"),
        *("method", "path", "headers.tier"),
    ]
)  # fmt: skip
_number = _numbers.map(_quoted) | st.sampled_from(
    [
        *("claims.n", "claims.m.n", "claims.r[1].n", "auth_age", "now", "size(user)"),
        *("claims.l.size()", "size(groups)", "size(claims.l)", "size(claims.m)"),
    ]
)  # fmt: skip
_list = st.sampled_from(["claims.l", "groups", "['a', 'ops']", "scopes"])
_equality = st.sampled_from(["==", "!="])
_order = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
_test = st.sampled_from(["startsWith", "endsWith", "contains"])
_macro = st.sampled_from(["exists", "all"])


def _join(*parts):
    return st.tuples(*(st.just(it) if isinstance(it, str) else it for it in parts)).map("".join)


_atom = st.one_of(
    _join(_text, " ", _order, " ", _text),
    _join(_number, " ", _order, " ", _number),
    _join(_text, ".", _test, "(", _text, ")"),
    _join(_text, " in ", _list),
    _join(_number, " in [", _numbers.map(_quoted), ", 1]"),
    _join("claims.b ", _equality, " ", st.sampled_from(["true", "claims.b"])),
    _join(_text, " in claims.m"),
    _join(_list, ".", _macro, "(x, x", st.sampled_from([" == 'a'", ".contains('b')"]), ")"),
    _join("claims.r.", _macro, "(x, x.t", _equality, "'a'", " && x.n ", _order, " 1)"),
    st.sampled_from(
        [
            *("has(claims.t)", "has(claims.m.n)", "has(claims.nope)", "'n' in claims", "claims.b"),
            *("has(headers.tier)", "'x-y' in headers", "has(claims.r[0].n)"),
        ]
    ),
)  # fmt: skip


def _larger(inner):
    return st.one_of(
        _join("(", inner, " && ", inner, ")"),
        _join("(", inner, " || ", inner, ")"),
        _join("!(", inner, ")"),
        _join("(", inner, " ? ", inner, " : ", inner, ")"),
        _join("(", inner, ") ", _equality, " (", inner, ")"),
    )


_typed = st.recursive(_atom, _larger, max_leaves=6)
_loose_value = _text | _number | st.sampled_from(["claims.b", "claims.m", "null", "claims.r"])
_loose = st.recursive(
    _atom
    | _join(_loose_value, " ", _order, " ", _loose_value)
    | _join(_loose_value, " in ", _loose_value)
    | _join("claims.l.", _macro, "(x, x ", _order, " ", _loose_value, ")"),
    _larger,
    max_leaves=6,
)


def both(text, claims, groups, headers):
    """What we and the other implementation make of `text`: True, False or ERROR; and why."""
    try:
        (condition,) = When.of(Expression.of(text))
    except ExpressionError:
        assume(False)
    fields = [(name.encode(), value.encode()) for name, value in headers.items()]
    identity = make_identity(
        user="ops",
        claims=claims,
        groups=tuple(groups),
        scopes=frozenset({"a"}),
        authenticated_at=int(AT) - 2,
    )
    facts = Facts(make_request(b"/ab", fields=fields), identity, AT)
    known = {"claims": claims, "groups": groups, "scopes": ["a"], "headers": headers}
    known |= {"user": "ops", "method": "GET", "path": "/ab", "auth_age": 2.0, "now": AT}
    try:
        theirs = cel.evaluate(text, known)
    except Exception:  # noqa: BLE001 - of several kinds, all of which are CEL's one error
        theirs = ERROR
    result = condition.check(facts)
    if isinstance(result, Met):
        ours = True
    else:
        ours = False if result.detail.endswith("is false") else ERROR
    assert ours is not False or not isinstance(result, Unreadable)
    return ours, theirs if isinstance(theirs, bool) else ERROR


_groups = st.lists(_words, max_size=2)
_headers = st.fixed_dictionaries({}, optional={"tier": _words, "x-y": _words})


@given(_typed, _as_expected, _groups, _headers)
def test_claims_of_the_expected_types_mean_what_cel_says(text, claims, groups, headers):
    ours, theirs = both(text, claims, groups, headers)

    # The other one lets an error in one item hide the item that decides; CEL does not.
    assert ours == theirs or (theirs == ERROR and ("exists" in text or "all" in text))


@given(_loose, _as_expected | _unexpected, _groups, _headers)
def test_nothing_is_true_or_false_that_is_not_so_in_cel(text, claims, groups, headers):
    ours, theirs = both(text, claims, groups, headers)

    # Values of different types are unequal in CEL, and unreadable here.
    assert ours in (theirs, ERROR) or (theirs == ERROR and ("exists" in text or "all" in text))
