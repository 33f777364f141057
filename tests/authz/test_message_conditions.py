"""Conditions on messages: patterns, and rules of which a message must be read first."""

import pytest

from gateway.authz.access import compile_access, decide
from gateway.authz.explain import try_items
from gateway.authz.facts import Facts
from gateway.authz.foreign import decide_foreign
from gateway.authz.message_conditions import McpToolIs
from gateway.message.json_rpc import Message
from gateway.message.mcp_request import McpRequest
from gateway.model import Allow, Deny
from gateway.settings.access import AccessRules
from tests.builders import make_identity, make_request


def fits(pattern, text):
    (condition,) = McpToolIs.of((pattern,))
    return condition._fits(text)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("delete_note", "delete_note", True),
        ("delete_note", "delete_notes", False),
        ("delete_note", "Delete_note", False),
        ("delete_*", "delete_note", True),
        ("delete_*", "delete_", True),
        ("delete_*", "undelete_note", False),
        ("*_note", "delete_note", True),
        ("*_note", "_note", True),
        ("*_note", "delete_notes", False),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("a*b*c", "a1b2c", True),
        ("a*b*c", "a1c2b", False),
        ("a*bc*bc", "abc", False),
        ("a*bc*bc", "abcbc", True),
        ("ab*ba", "aba", False),
        ("*", "", True),
        ("*", "anything", True),
        ("**", "", True),
        ("*?*", "", False),
        # Nothing but the star is special.
        ("a?c", "abc", False),
        ("[ab]", "a", False),
        ("a.c", "abc", False),
        ("a\\*", "a*", False),
        ("a*", "a\nb", True),
        ("a", "a\n", False),
    ],
)
def test_a_star_stands_for_any_characters(pattern, text, expected):
    assert fits(pattern, text) is expected


def test_no_pattern_takes_long():
    # A matcher that goes back would never come to an end.
    assert not fits("*a" * 100 + "b", "a" * 256)


RULES = {
    "words": {"allow": [{"group": "admins"}, {"group": "staff", "mcp_method": "tools/list"}]},
    "tools": {"deny": [{"group": "staff", "mcp_tool": "delete_*"}]},
}


def decided(rules, request, groups=("admins",), decider=decide):
    access = compile_access(AccessRules.model_validate(rules))
    return decider(access, Facts(request, make_identity(groups=groups), request.received_at))


def about(*messages):
    return McpRequest(make_request(method="POST"), messages)


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
@pytest.mark.parametrize(
    "request_",
    [make_request(method="POST"), make_request(), about(Message("tools/list")), about()],
    ids=["POST", "GET", "not chosen", "no message, not chosen"],
)
@pytest.mark.parametrize("decider", [decide, decide_foreign])
def test_nobody_passes_before_the_message_is_read(rules, request_, decider):
    decision = decided(rules, request_, decider=decider)

    assert isinstance(decision, Deny)
    assert decision.reason == "mcp-not-read"


@pytest.mark.parametrize(
    ("rules", "groups", "message", "reason"),
    [
        ("words", ["admins"], Message("tools/call", "delete_note"), None),
        ("words", ["staff"], Message("tools/list"), None),
        ("words", ["staff"], Message("tools/call", "delete_note"), "group-missing"),
        ("words", ["staff"], Message(""), "group-missing"),
        ("tools", ["staff"], Message("tools/call", "delete_note"), "denied-by-rule"),
        ("tools", ["staff"], Message("tools/call", "read_note"), None),
        ("tools", ["staff"], Message("tools/list"), None),
        ("tools", ["admins"], Message("tools/call", "delete_note"), None),
    ],
)
def test_rules_decide_on_the_message(rules, groups, message, reason):
    (request,) = about(message).each()

    decision = decided(RULES[rules], request, tuple(groups))

    if reason is None:
        assert isinstance(decision, Allow)
    else:
        assert decision.reason == reason


def test_what_the_gateway_adds_is_not_explained():
    access = compile_access(AccessRules.model_validate(RULES["tools"]))
    (request,) = about(Message("tools/list")).each()

    trials = try_items(access, Facts(request, make_identity(), request.received_at))

    assert [it.where for it in trials] == ["deny[0]"]


def test_a_request_that_changes_stands_for_all_its_messages_again():
    first, second = about(Message("a"), Message("b")).each()

    changed = second.changed(public_url="https://other.example")

    assert changed.public_url == "https://other.example"
    assert (changed.is_whole, changed.message) == (True, None)
    assert [it.message for it in changed.each()] == [first.message, second.message]
