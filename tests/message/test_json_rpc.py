"""Messages to MCP servers: what is read, and what two servers could read differently."""

import json

import pytest

from gateway.message.fields import Fields
from gateway.message.json_rpc import (
    HeaderMismatchError,
    Message,
    UnreadableMessageError,
    check_media_type,
    read_messages,
)

NOTHING = Fields([])


def call(tool="delete_note", **members):
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool}}
    return {**message, **members}


def request(method="tools/list", **members):
    return {"jsonrpc": "2.0", "id": 1, "method": method, **members}


def read(value, *fields):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return [(it.method, it.tool) for it in read_messages(body, Fields(fields))]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (request(), [("tools/list", None)]),
        (request(params={}), [("tools/list", None)]),
        (request(params=None), [("tools/list", None)]),
        (request("notifications/initialized"), [("notifications/initialized", None)]),
        (call(), [("tools/call", "delete_note")]),
        (call("löschen"), [("tools/call", "löschen")]),
        (call("a" * 256), [("tools/call", "a" * 256)]),
        (request("prompts/get", params={"name": "daily"}), [("prompts/get", None)]),
        ({"jsonrpc": "2.0", "id": 1, "result": {}}, [("", None)]),
        ({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "no"}}, [("", None)]),
        ([request(), call("a")], [("tools/list", None), ("tools/call", "a")]),
        ([request()] * 100, [("tools/list", None)] * 100),
        (b' {"jsonrpc":"2.0","\\u006dethod":"tools\\/list"}\r\n', [("tools/list", None)]),
        # What arguments say is the tool's alone.
        (call("a", params={"name": "a", "arguments": {"Name": "b"}}), [("tools/call", "a")]),
    ],
)  # fmt: skip
def test_messages_are_read(value, found):
    assert read(value) == found


DEEP = '{"a":' * 64 + "1" + "}" * 64
UNREADABLE = {
    "empty": b"",
    "no JSON": b"tools/list",
    "a text": b'"tools/list"',
    "a number": b"1",
    "null": b"null",
    "an empty batch": b"[]",
    "more than a batch may have": json.dumps([request()] * 101).encode(),
    "a batch in a batch": json.dumps([[request()]]).encode(),
    "two values": json.dumps(request()).encode() * 2,
    "NaN": b'{"jsonrpc":"2.0","method":"tools/list","id":NaN}',
    "Infinity": b'{"jsonrpc":"2.0","method":"tools/list","id":-Infinity}',
    "a number no double has": b'{"jsonrpc":"2.0","method":"tools/list","id":1e999}',
    "a number of 5,000 digits": b'{"jsonrpc":"2.0","method":"a","id":' + b"9" * 5000 + b"}",
    "a comment": b'{"jsonrpc":"2.0",/**/"method":"tools/list"}',
    "a comma at the end": b'{"jsonrpc":"2.0","method":"tools/list",}',
    "single quotes": b"{'jsonrpc':'2.0','method':'tools/list'}",
    "a line break in a text": b'{"jsonrpc":"2.0","method":"tools/\nlist"}',
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(request()).encode(),
    "UTF-16": json.dumps(request()).encode("utf-16"),
    "UTF-16 without a mark": json.dumps(request()).encode("utf-16-le"),
    "UTF-32": json.dumps(request()).encode("utf-32-be"),
    "Latin-1": json.dumps(call("löschen"), ensure_ascii=False).encode("latin-1"),
    "an overlong slash": b'{"jsonrpc":"2.0","method":"tools\xc0\xaflist"}',
    "a surrogate in UTF-8": b'{"jsonrpc":"2.0","method":"a","params":{"x":"\xed\xa0\x80"}}',
    "a lone surrogate": b'{"jsonrpc":"2.0","method":"a","params":{"x":"\\ud800"}}',
    "a lone surrogate in a name": b'{"jsonrpc":"2.0","\\udfff":1,"method":"a"}',
    "method twice": b'{"jsonrpc":"2.0","method":"tools/list","method":"tools/call"}',
    "method twice, escaped": b'{"jsonrpc":"2.0","method":"tools/list","\\u006dethod":"a"}',
    "params twice": b'{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a"},"params":{}}',
    "the tool twice": b'{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a","name":"b"}}',
    "an argument twice": b'{"jsonrpc":"2.0","method":"a","params":{"arguments":{"x":1,"x":2}}}',
    "method in another case": json.dumps(request(Method="tools/call")).encode(),
    "only Method": b'{"jsonrpc":"2.0","Method":"tools/call","result":{}}',
    "params with a long s": json.dumps({**call(), "param\u017f": {"name": "b"}}).encode(),
    "the tool in another case": json.dumps(call(params={"name": "a", "NAME": "b"})).encode(),
    "a member cut at a NUL": json.dumps({**call(), "params\0": {"name": "b"}}).encode(),
    "a tool cut at a NUL": json.dumps(call("delete_note\0")).encode(),
    "a tool with a line break": json.dumps(call("delete_note\n")).encode(),
    "a tool with a blank at the end": json.dumps(call("delete_note ")).encode(),
    "a tool with a zero-width blank": json.dumps(call("delete_note\u200b")).encode(),
    "a tool with a no-break space": json.dumps(call("delete\u00a0note")).encode(),
    "a tool of 257 characters": json.dumps(call("a" * 257)).encode(),
    "an empty tool": json.dumps(call("")).encode(),
    "a tool that is a number": json.dumps(call(7)).encode(),
    "a tool that is a list": json.dumps(call(["delete_note"])).encode(),
    "no tool": json.dumps(call(params={})).encode(),
    "no params": json.dumps(request("tools/call")).encode(),
    "params by place": json.dumps(request(params=["delete_note"])).encode(),
    "a call by place": json.dumps(call(params=["delete_note"])).encode(),
    "a method that is a number": json.dumps(request(7)).encode(),
    "a method that is null": json.dumps(request(None)).encode(),
    "an empty method": json.dumps(request("")).encode(),
    "another version": json.dumps(request(jsonrpc="1.0")).encode(),
    "no version": b'{"id":1,"method":"tools/list"}',
    "a version that is a number": b'{"jsonrpc":2.0,"method":"tools/list"}',
    "neither request nor response": b'{"jsonrpc":"2.0","id":1}',
    "both request and response": json.dumps(request(result={})).encode(),
    "nested 65 deep": f'{{"jsonrpc":"2.0","method":"a","params":{DEEP}}}'.encode(),
    "nested as deep as 64 KiB can be": b"[" * 65536,
    "nested and closed": b"[" * 32768 + b"]" * 32768,
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_what_two_servers_could_read_differently_is_refused(body):
    with pytest.raises(UnreadableMessageError):
        read_messages(body, NOTHING)


def test_one_bad_message_of_a_batch_refuses_it():
    with pytest.raises(UnreadableMessageError):
        read([request(), call("")])


def test_a_message_may_be_nested_up_to_the_limit():
    params = '{"a":' * 62 + "1" + "}" * 62

    assert read(f'{{"jsonrpc":"2.0","method":"a","params":{params}}}'.encode()) == [("a", None)]


METHOD, NAME = b"Mcp-Method", b"Mcp-Name"
LIST, CALL = (METHOD, b"tools/list"), (METHOD, b"tools/call")
RESOURCE = request("resources/read", params={"uri": "file:///a"})


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        (request(), [LIST]),
        (request(), [(b"mcp-method", b"tools/list")]),
        (call(), [CALL, (NAME, b"delete_note")]),
        (call(), [(NAME, b"delete_note")]),
        (call("löschen"), [CALL, (NAME, b"=?base64?bMO2c2NoZW4=?=")]),
        (call("=?base64?YQ==?="), [(NAME, b"=?base64?PT9iYXNlNjQ/WVE9PT89?=")]),
        (RESOURCE, [(METHOD, b"resources/read"), (NAME, b"file:///a")]),
        (request("prompts/get", params={"name": "daily"}), [(NAME, b"daily")]),
        (request("tasks/get", params={"taskId": "7"}), [(NAME, b"7")]),
        ([request(), request()], [LIST]),
    ],
)
def test_fields_may_repeat_the_body(value, fields):
    assert read(value, *fields)


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        (call(), [LIST]),
        (call(), [(METHOD, b"Tools/Call")]),
        (call(), [(METHOD, b"")]),
        (call(), [CALL, CALL]),
        (call(), [CALL, LIST]),
        (call(), [CALL, (b"Mcp_Method", b"tools/list")]),
        (call(), [(b"Mcp_Method", b"tools/call")]),
        (call(), [(METHOD, b"=?base64?dG9vbHMvY2FsbA==?=")]),
        (call(), [CALL, (NAME, b"read_note")]),
        (call(), [CALL, (NAME, b"delete_note"), (b"mcp.name", b"read_note")]),
        (call(), [(NAME, b"=?base64?cmVhZF9ub3Rl?=")]),
        (call("a"), [(NAME, b"=?base64?YQ?=")]),
        (call("a"), [(NAME, b"=?base64?Y!Q==?=")]),
        (call("a"), [(NAME, b"=?base64?/w==?=")]),
        (call("löschen"), [(NAME, "löschen".encode())]),
        (call("=?base64?YQ==?="), [(NAME, b"=?base64?YQ==?=")]),
        (request(), [LIST, (NAME, b"delete_note")]),
        (RESOURCE, [(NAME, b"file:///b")]),
        (request("prompts/get"), [(NAME, b"daily")]),
        ({"jsonrpc": "2.0", "id": 1, "result": {}}, [LIST]),
        ([request(), call()], [LIST]),
        ([call("a"), call("b")], [CALL, (NAME, b"a")]),
    ],
)
def test_fields_that_say_something_else_are_refused(value, fields):
    with pytest.raises(HeaderMismatchError):
        read(value, *fields)


TYPE = b"Content-Type"


@pytest.mark.parametrize(
    "fields",
    [
        [(TYPE, b"application/json")],
        [(TYPE, b"Application/JSON; charset=UTF-8")],
        [(TYPE, b'application/json;charset="utf-8"')],
        [(TYPE, b"application/json"), (b"Content-Encoding", b"identity")],
    ],
)
def test_json_is_taken(fields):
    check_media_type(Fields(fields))


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [(TYPE, b"")],
        [(TYPE, b"text/plain")],
        [(TYPE, b"application/json-rpc")],
        [(TYPE, b"application/json; charset=utf-16")],
        [(TYPE, b"application/json; charset=utf-8; charset=utf-16")],
        [(TYPE, b"application/json, text/plain")],
        [(TYPE, b"application/json"), (TYPE, b"application/json")],
        [(TYPE, b"application/json"), (b"Content_Type", b"application/x-www-form-urlencoded")],
        [(b"Content_Type", b"application/json")],
        [(TYPE, b"application/json"), (b"Content-Encoding", b"gzip")],
        [(TYPE, b"application/json"), (b"Content-Encoding", b"")],
        [(TYPE, b"application/json"), (b"Content-Encoding", b"identity, gzip")],
        [(TYPE, b"application/json"), (b"Content_Encoding", b"gzip")],
    ],
)
def test_what_may_be_read_as_something_else_is_refused(fields):
    with pytest.raises(UnreadableMessageError):
        check_media_type(Fields(fields))


def test_a_response_has_no_method():
    assert read_messages(b'{"jsonrpc":"2.0","id":1,"result":null}', NOTHING) == (Message(""),)
