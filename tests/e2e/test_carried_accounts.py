"""`gatepost accounts import` and `export` beside a running gateway."""

import json
import stat

import bcrypt
import pytest

from tests.e2e.browsing import Browser
from tests.e2e.test_local_accounts import tokens
from tests.fixtures.accounts import PASSWORD, add, command

OLD = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
USERS = f"""\
user,email,name,password_hash,external_id,roles,groups,admin
ann,ann@a.test,Ann Archer,{OLD},17,"editor,author",staff,true
bob,bob@a.test,,{OLD.replace("$2b$", "$2y$")},18,,,
"""


@pytest.fixture
def gateway(start_standalone):
    return start_standalone()


def test_an_apps_users_are_judged_then_imported_and_sign_in(gateway, tmp_path):
    path = tmp_path / "users.csv"
    path.write_text(USERS)

    dry = command(gateway, "import", str(path))
    assert (dry.returncode, "add --apply" in dry.stderr) == (0, True)
    assert dry.stdout.split() == ["rows", "2", "new", "2", "unchanged", "0", "refused", "0"]
    assert command(gateway, "show", "ann").returncode == 1
    assert command(gateway, "import", str(path), "--apply").returncode == 0

    browser = Browser(gateway)
    assert browser.page("/_gatepost/setup").status_code == 404
    assert browser.sign_in("bob", "wrong").status_code == 401
    assert browser.sign_in("Ann").status_code == 303
    assert browser.whoami()["external_id"] == "17"
    assert browser.page("/").json()["Remote-Groups"] == "staff"
    again = command(gateway, "import", str(path), "--apply", "--json")
    assert json.loads(again.stdout) == {"rows": 2, "new": 0, "unchanged": 2, "refused": 0}
    assert OLD not in gateway.log() + dry.stdout + dry.stderr + again.stderr


def test_somebody_without_a_hash_gets_a_first_password_by_a_link(gateway, tmp_path):
    path = tmp_path / "users.jsonl"
    path.write_text('{"user": "eve", "name": "Eve"}\n')
    command(gateway, "import", str(path), "--apply")
    assert Browser(gateway).sign_in("eve").status_code == 401

    token = command(gateway, "reset-password", "eve").stdout.strip().rpartition("=")[2]

    done = Browser(gateway).form("/_gatepost/reset", token=token, password=PASSWORD)
    assert done.status_code == 303
    assert Browser(gateway).sign_in("eve").status_code == 303


def test_one_bad_row_and_nothing_is_imported(gateway, tmp_path):
    path = tmp_path / "users.csv"
    path.write_text(USERS + "ANN,,,,,,,\ncarl,,,$1$salt$qJH7,,,,\n" + "a b,,,,,,,\n" * 30)

    refused = command(gateway, "import", str(path), "--apply")

    assert refused.returncode == 1
    assert f"{path}:4: user 'ANN' is that of line 2 too" in refused.stderr
    assert f"{path}:5: unknown kind of password hash" in refused.stderr
    assert "# and 12 more" in refused.stderr
    assert "nothing was changed: 32 of 34 rows" in refused.stderr
    assert "qJH7" not in refused.stderr
    assert json.loads(command(gateway, "list", "--json").stdout) == []
    assert len(tokens(gateway)) == 1


def test_what_is_no_text_or_no_file_is_an_error(gateway, tmp_path):
    path = tmp_path / "users.csv"
    path.write_bytes(b"user,name\nann,\xff\xfe\n")
    assert f"{path}:2: name must be" in command(gateway, "import", str(path)).stderr
    path.write_bytes(b"user,pass\n")
    wrong = command(gateway, "import", str(path))
    assert (wrong.returncode, "unknown column 'pass'" in wrong.stderr) == (1, True)
    assert command(gateway, "import", "/dev/stdin").returncode == 2


def test_an_export_has_hashes_only_if_asked_and_is_only_for_its_owner(
    gateway, start_standalone, tmp_path
):
    add(gateway, "ann", "--email", "ann@a.test", "--role", "editor", "--admin")
    command(gateway, "set-secret", "ann", "notes-key", text="t0psecret")
    printed = command(gateway, "export")
    assert [json.loads(line) for line in printed.stdout.splitlines()] == [
        {"user": "ann", "email": "ann@a.test", "roles": ["editor"], "admin": True}
    ]

    path = tmp_path / "accounts.csv"
    path.touch(mode=0o644)
    done = command(gateway, "export", "--csv", "--with-password-hashes", "-o", str(path))
    assert (done.returncode, done.stdout) == (0, "")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    assert "$argon2id$" in text
    assert "t0psecret" not in text
    assert list(tmp_path.glob(".accounts.csv*")) == []

    other = start_standalone(data_dir=str(tmp_path / "other"))
    assert command(other, "import", str(path), "--apply").returncode == 0
    assert Browser(other).sign_in("ann").status_code == 303
