"""What `gatepost doctor` says of a directory."""

import pytest

from tests.cli.doctor_command.run import doctor
from tests.fixtures.certificates import Authority
from tests.fixtures.slapd import BASE, PASSWORD


async def test_a_directory_that_answers_and_finds_people(configured, start_slapd):
    server = start_slapd()
    ldap = server.settings(url=server.tls_url, ca_file=str(server.authority.cert))

    report = await doctor(configured(ldap=ldap), "--only", "directory")

    assert report.status == 0
    assert report.level("directory-answers") == report.level("directory-search") == "ok"
    assert "with TLS" in str(report.findings)
    assert PASSWORD not in str(report.findings)


async def test_a_directory_that_is_down_or_has_another_certificate(
    configured, start_slapd, tmp_path
):
    server = start_slapd()
    other = str(Authority(tmp_path / "other").cert)
    strange = server.settings(url=server.tls_url, ca_file=other)
    report = await doctor(configured(ldap=strange), "--only", "directory")
    assert (report.status, set(report.amiss("error"))) == (1, {"directory-answers"})
    assert "certificate verify failed" in str(report.findings)

    server.stop()
    report = await doctor(configured(ldap=server.settings()), "--only", "directory")
    assert (report.status, set(report.amiss("error"))) == (1, {"directory-answers"})


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"bind_password": "not-this-one"}, "is refused"),
        ({"base": f"ou=services,{BASE}"}, "finds nobody below"),
        ({"base": "dc=example,dc=org"}, "noSuchObject"),
        ({"groups": {"base": f"ou=grups,{BASE}"}}, "search below 'ou=grups,"),
    ],
)
async def test_an_account_that_cannot_search(configured, start_slapd, wrong, told):
    ldap = start_slapd().settings(**wrong)

    report = await doctor(configured(ldap=ldap), "--only", "directory")

    assert (report.status, set(report.amiss("error"))) == (1, {"directory-search"})
    assert told in str(report.findings)
    assert "not-this-one" not in str(report.findings)


async def test_people_who_are_bound_directly_are_not_asked_about_again(configured, start_slapd):
    template = f"uid={{user}},ou=people,{BASE}"
    ldap = start_slapd().settings(bind_dn=None, bind_password=None, bind_as=template)

    report = await doctor(configured(ldap=ldap), "--only", "directory")

    assert (report.status, set(report.amiss("warning"))) == (0, {"directory-search"})
