"""The mail server of the configuration: where TLS is required, and what is refused."""

import pytest

from gateway.errors import SettingsError
from gateway.settings.load import load

BASE = """
auth_mode: standalone
public_url: https://notes.example.com
upstreams: {app: http://a}
smtp:
"""
SECRET = "username: gatepost, password: x"


@pytest.fixture
def read(tmp_path):
    def read_it(written, env=None, base=BASE):
        path = tmp_path / "gatepost.yaml"
        path.write_text(f"{base}  {{{written}}}\n")
        return load(path, env or {})

    return read_it


@pytest.mark.parametrize(
    ("url", "more", "security", "port"),
    [
        ("smtp://mail", "", "opportunistic", 25),
        ("smtp://127.0.0.1:1025", "", "opportunistic", 1025),
        ("smtp://10.1.2.3", "", "opportunistic", 25),
        ("smtp://[::1]", "", "opportunistic", 25),
        ("smtp://mail.example.com", "", "starttls", 25),
        ("smtp://192.0.43.8", "", "starttls", 25),
        ("smtp://mail.example.com", ", insecure_plaintext: true", "opportunistic", 25),
        ("smtp://mail", f", {SECRET}", "starttls", 25),
        ("smtp+starttls://mail", "", "starttls", 587),
        ("smtps://mail.example.com", "", "tls", 465),
    ],
)
def test_tls_is_required_for_a_password_and_beyond_the_private_network(
    read, url, more, security, port
):
    smtp = read(f'url: "{url}", from: notes@example.com{more}').settings.smtp
    assert (smtp.security, smtp.address.port) == (security, port)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("url: mail, from: a@example.com", "must be smtp://HOST"),
        ("url: https://mail, from: a@example.com", "must be smtp://HOST"),
        ("url: smtp://mail/x, from: a@example.com", "must be smtp://HOST"),
        ("url: smtp://u:p@mail, from: a@example.com", "must not contain a user name"),
        ("url: smtp://mail:99999, from: a@example.com", "no valid host"),
        ("url: smtp://mail, from: notes", "is not an e-mail address"),
        ("url: smtp://mail, from: 'a@example.com, b@example.com'", "is ambiguous"),
        ("url: smtp://mail", '"from" is missing'),
        ("url: smtp://mail, form: a@example.com", 'did you mean "from"?'),
        ("url: smtp://mail, sender: a@example.com", 'unknown setting "sender"'),
        (f"url: smtp://m, from: a@b.test, insecure_plaintext: true, {SECRET}", "without TLS"),
        ("url: smtps://m, from: a@b.test, insecure_plaintext: true", "contradicts url"),
        ("url: smtp://m, from: a@b.test, username: x", "username and password_file together"),
        ("url: smtp://m, from: a@b.test, timeout: 0s", "at most 2m"),
        ("url: smtp://m, from: a@b.test, tls: {ca_file: missing.pem}", "cannot read"),
        ("url: smtp://m, from: a@b.test, username: x, password_file: gone", "cannot read"),
    ],
)
def test_a_mistake_is_named(read, written, message):
    with pytest.raises(SettingsError) as refused:
        read(written)
    assert message in str(refused.value)


def test_the_password_comes_from_a_file_and_the_rest_from_variables(read, tmp_path):
    (tmp_path / "password").write_text("only-for-tests\n")
    (tmp_path / "password").chmod(0o600)
    env = {
        "GATEPOST_SMTP__FROM": "Notes <notes@example.com>",
        "GATEPOST_SMTP__USERNAME": "gatepost",
    }
    loaded = read("url: smtps://mail.example.com, password_file: password", env)
    smtp = loaded.settings.smtp
    assert (smtp.sender, smtp.username) == ("Notes <notes@example.com>", "gatepost")
    assert smtp.password == "only-for-tests"
    assert "only-for-tests" not in repr(smtp)


def test_risky_and_useless_servers_are_warned_about(read):
    plain = "url: smtp://m.example.com, from: a@b.test, insecure_plaintext: true"
    assert "can be read in transit" in str(read(plain).warnings)
    assert "prefer password_file" in str(read(f"url: smtp://m, from: a@b.test, {SECRET}").warnings)
    base = BASE.replace(
        "auth_mode: standalone", "providers: {a: {issuer: https://i, client_id: c}}"
    )
    assert "has no effect" in str(read("url: smtp://m, from: a@b.test", base=base).warnings)
