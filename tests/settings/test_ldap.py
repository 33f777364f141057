"""The directory of the configuration: where TLS is required, and what is refused."""

import pytest

from gateway.errors import SettingsError
from gateway.settings.load import load

BASE = """
auth_mode: standalone
public_url: https://notes.example.com
upstreams: {app: http://a}
ldap:
"""
PEOPLE = 'base: "dc=example,dc=com"'


@pytest.fixture
def read(tmp_path):
    def read_it(written, env=None, base=BASE):
        path = tmp_path / "gatepost.yaml"
        path.write_text(f"{base}  {{{written}, {PEOPLE}}}\n")
        return load(path, env or {})

    return read_it


@pytest.mark.parametrize(
    ("written", "port"),
    [
        ("url: ldaps://dc.example.com", 636),
        ("url: 'ldaps://dc.example.com:3269/'", 3269),
        ("url: ldap://dc.example.com, start_tls: true", 389),
        ("url: ldap://127.0.0.1", 389),
        ("url: 'ldap://[::1]:1389'", 1389),
        ("url: ldap://dc.example.com, insecure_plaintext: true", 389),
    ],
)
def test_a_directory_is_reached_with_tls_or_on_this_machine(read, written, port):
    ldap = read(written).settings.ldap
    assert ldap.address.port == port
    assert ldap.known_as == ldap.url


OK = "url: ldaps://dc.example.com"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("url: ldap://dc.example.com", "passwords would be sent without TLS"),
        ("url: ldap://10.0.0.5", "passwords would be sent without TLS"),
        ("url: ldap://lldap", "passwords would be sent without TLS"),
        ("url: dc.example.com", "must be ldaps://HOST or ldap://HOST"),
        ("url: 'ldaps://dc.example.com/dc=x??sub'", "must be ldaps://HOST or ldap://HOST"),
        ("url: 'ldaps://u:p@dc'", "must not contain a user name"),
        ("url: 'ldaps://dc:99999'", "no valid host"),
        (f"{OK}, start_tls: true", "start_tls contradicts url"),
        (f"{OK}, insecure_plaintext: true", "insecure_plaintext contradicts url"),
        (
            "url: ldap://a.example.com, start_tls: true, insecure_plaintext: true",
            "contradicts start_tls",
        ),
        ("url: ldap://localhost, ca_file: gone.pem", "cannot read"),
        (f"{OK}, ca_file: gone.pem", "cannot read"),
        (f"{OK}, bind_dn: cn=x", "set bind_dn and bind_password_file together"),
        (f"{OK}, bind_password: x", "set bind_dn and bind_password_file together"),
        (f"{OK}, bind_dn: cn=x, bind_password_file: gone", "cannot read"),
        (f"{OK}, profile: novell", 'unknown profile "novell"'),
        (f"{OK}, filter: 'uid={{user}}'", "is not a filter"),
        (f"{OK}, filter: (uid=ann)", "must compare {user} with attributes"),
        (f"{OK}, filter: '({{user}}=ann)'", "stands for a value"),
        (f"{OK}, filter: '(uid={{user}}'", "is not a filter"),
        (f"{OK}, filter: '(&(uid={{user}})(cn={{name}}))'", '"{name}" is unknown'),
        (f"{OK}, filter: '(uid=*{{user}}*)'", "must compare {user} with attributes"),
        (f"{OK}, groups: {{filter: (cn=staff)}}", "finds the same groups for everybody"),
        (f"{OK}, groups: {{filter: '(member={{who}})'}}", '"{who}" is unknown'),
        (f"{OK}, groups: {{filter: '(member={{dn}})', nested: true}}", "set only one of"),
        (f"{OK}, groups: {{attribute: 'member of'}}", "is not the name of an attribute"),
        (f"{OK}, bind_as: '{{user}}@example.com'", "must be a DN such as uid={user}"),
        (f"{OK}, subject: uid", "can change, or be given to somebody else"),
        (f"{OK}, subject: dn", "can change, or be given to somebody else"),
        (f"{OK}, subject: employeeID, user: employeeid", "can change, or be given"),
        (f"{OK}, timeout: 0s", "at least 1s"),
        (f"{OK}, recheck: 0s", "recheck must be more than 0"),
        (f"{OK}, uri: x", 'unknown setting "uri"'),
    ],
)
def test_what_cannot_be_meant_is_refused(read, written, message):
    with pytest.raises(SettingsError) as raised:
        read(written)
    assert message in str(raised.value), str(raised.value)


def test_a_directory_needs_a_mode_with_a_form(read):
    base = BASE.replace("standalone", "oidc-only").replace(
        "ldap:", "providers: {oidc: {issuer: https://id.example.com, client_id: x}}\nldap:"
    )
    with pytest.raises(SettingsError, match="write auth_mode: hybrid"):
        read(OK, base=base)
    assert read(OK, base=base.replace("oidc-only", "hybrid")).settings.ldap is not None


def test_a_provider_may_not_have_its_name(read):
    base = BASE.replace("standalone", "hybrid").replace(
        "ldap:", "providers: {ldap: {issuer: https://id.example.com, client_id: x}}\nldap:"
    )
    with pytest.raises(SettingsError, match="is the name of the directory"):
        read(OK, base=base)


def test_the_password_comes_from_a_file_and_is_never_shown(read, tmp_path):
    file = tmp_path / "password"
    file.write_text("only-for-tests\n")
    file.chmod(0o600)
    loaded = read(f"{OK}, bind_dn: 'cn=gatepost', bind_password_file: {file}")
    assert loaded.settings.ldap.bind_password == "only-for-tests"
    assert "only-for-tests" not in repr(loaded.settings)


def test_what_is_risky_is_warned_of(read):
    written = "url: ldap://dc.example.com, insecure_plaintext: true"
    assert "can be read in transit" in str(read(written).warnings)
    inline = read(f"{OK}, bind_dn: 'cn=x', bind_password: x").warnings
    assert "prefer bind_password_file" in str(inline)


def test_without_the_extra_the_file_is_refused(read, monkeypatch):
    real = __import__("importlib.util").util.find_spec
    monkeypatch.setattr(
        "gateway.settings.file_checks.find_spec",
        lambda name: None if name == "ldap3" else real(name),
    )
    with pytest.raises(SettingsError, match=r"pip install 'gatepost\[ldap\]'"):
        read(OK)
