"""Files of accounts are read a row at a time, and every row that cannot be used says why."""

import json
from itertools import islice

import pytest

from gateway.credentials.account_import import without_repeats
from gateway.credentials.account_rows import (
    COLUMNS,
    MAX_LINE,
    Numbered,
    Row,
    RowError,
    read_rows,
    write_heading,
    write_row,
)

BCRYPT = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
WHOLE = Row(
    user="ann",
    email="ann@a.test",
    name='Ann "A." O\'Hara, Dr',
    password_hash=BCRYPT,
    external_id="17",
    roles=("editor", "two words"),
    groups=("staff",),
    admin=True,
    disabled=True,
)


def read(text, form="json"):
    return list(read_rows(text.splitlines(keepends=True), form))


def errors(text, form="json"):
    return [(it.line, str(it.row)) for it in read(text, form) if isinstance(it.row, RowError)]


@pytest.mark.parametrize("form", ["json", "csv"])
def test_what_is_written_is_read(form):
    rows = [WHOLE, Row("bob"), Row("\u5c71", name="=1+1")]
    text = write_heading(form) + "".join(write_row(it, form) for it in rows)

    assert [it.row for it in read(text, form)] == rows


def test_columns_come_in_any_order_and_blank_lines_are_skipped():
    text = "email,user,admin\n\nann@a.test,ann,TRUE\n,bob,0\n"

    assert read(text, "csv") == [
        Numbered(3, Row("ann", email="ann@a.test", admin=True)),
        Numbered(4, Row("bob")),
    ]
    assert read('\n{"user": "ann", "external_id": 17}\n') == [
        Numbered(2, Row("ann", external_id="17"))
    ]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ("[" * 50_000, "not JSON"),
        ("{}", "user is missing"),
        ('{"user": "ann", "password": "x"}', "unknown column 'password'"),
        ('{"user": "ann", "user": "bob"}', "a column is there twice"),
        ('{"user": 1}', "user must be a text"),
        ('{"user": "ann", "admin": "true"}', "admin must be true or false"),
        ('{"user": "ann", "roles": "a"}', "roles must be a list"),
        ('{"user": "ann", "roles": ["a,b"]}', "no commas"),
        ('{"user": "ann", "roles": [""]}', "no empty texts"),
        ('{"user": "ann", "external_id": true}', "external_id must be a text"),
        ('{"user": "ann", "external_id": "1\\n2"}', "external_id must be one line"),
        ('{"user": "ann", "name": "\\u202e"}', "name must be one line"),
        ('{"user": "a b"}', "no blanks"),
        ('{"user": "a\\u0000b"}', "no blanks"),
        ('{"user": "\\ud800"}', "no blanks"),
        ('{"user": "ann", "email": "nobody"}', "not an e-mail address"),
        ('{"user": "ann", "password_hash": "hunter2"}', "unknown kind"),
        ('{"user": "' + "a" * MAX_LINE + '"}', "has more than"),
    ],
)
def test_a_row_that_cannot_be_used_says_why_in_its_line(line, told):
    [(number, message)] = errors(f'{{"user": "first"}}\n{line}\n{{"user": "last"}}\n')

    assert (number, told in message) == (2, True), message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("user,password\nann,x\n", "line 1: unknown column 'password'"),
        ("email\nann@a.test\n", 'must have "user"'),
        ("user,user\nann,ann\n", "each column once"),
        ('user,name\nann,"never closed\n', "line 2: not CSV"),
        ("user,name\nann," + "x" * MAX_LINE + "\n", "line 2: it has more than"),
        ('user,name\nann,"' + "x\n" * 100_000 + '"\n', "not CSV"),
    ],
)
def test_csv_that_cannot_be_read_any_further_says_where(text, told):
    with pytest.raises(RowError, match=told):
        read(text, "csv")


def test_cells_are_counted_and_judged():
    text = "user,admin\nann\nbob,maybe\neve,no\n"

    assert errors(text, "csv") == [
        (2, "1 cells, and 2 in the heading"),
        (3, "admin must be true or false"),
    ]


def test_case_duplicates_and_look_alikes_in_one_file_are_found():
    lines = [
        {"user": "Ann", "external_id": "1"},
        {"user": "ann"},
        {"user": "\uff21NN"},
        {"user": "bob", "external_id": "1"},
        {"user": "1"},
    ]
    text = "".join(json.dumps(it) + "\n" for it in lines)

    told = [str(it.row) for it in without_repeats(read(text)) if isinstance(it.row, RowError)]

    assert told == [
        "user 'ann' is that of line 1 too",
        "user 'ANN' is that of line 1 too",
        "external_id '1' is that of line 1 too",
    ]


def test_rows_are_read_one_at_a_time():
    asked = []

    def endless():
        while True:
            asked.append(1)
            yield f'{{"user": "user-{len(asked)}"}}\n'

    rows = without_repeats(read_rows(endless(), "json"))

    assert len(list(islice(rows, 10))) == 10
    assert len(asked) == 10
    rows.close()


def test_no_column_is_left_out():
    assert write_heading("csv") == ",".join(COLUMNS) + "\n"
