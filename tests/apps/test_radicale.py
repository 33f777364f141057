"""Calendar programs at Radicale: DAV, with an API key as the password."""

import re

import pytest

pytestmark = pytest.mark.parametrize("behind", ["radicale"], indirect=True, scope="session")

CALENDAR = """\
<create xmlns="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><set><prop>
<resourcetype><collection/><c:calendar/></resourcetype><displayname>Work</displayname>
</prop></set></create>"""
MEETING = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\nBEGIN:VEVENT\r\nUID:meeting\r\n"
    "DTSTAMP:20260101T000000Z\r\nDTSTART:20260102T090000Z\r\nSUMMARY:Meeting\r\n"
    "END:VEVENT\r\nEND:VCALENDAR\r\n"
)
IN_JANUARY = """\
<c:calendar-query xmlns="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav">
<prop><c:calendar-data/></prop><c:filter><c:comp-filter name="VCALENDAR">
<c:comp-filter name="VEVENT"><c:time-range start="20260101T000000Z" end="20260201T000000Z"/>
</c:comp-filter></c:comp-filter></c:filter></c:calendar-query>"""


async def test_a_program_without_a_key_is_asked_for_one(world):
    answer = await world.visitor().ask("PROPFIND", "/", headers={"Depth": "0"})

    assert answer.status == 401
    schemes = [it.partition(" ")[0] for it in answer.headers.getall("WWW-Authenticate")]
    assert "Basic" in schemes


async def test_a_calendar_lives_by_a_key(world):
    program = world.visitor(key=await world.key_of("alice"))

    made = await program.ask("MKCOL", "/alice/work/", data=CALENDAR)
    put = await program.ask("PUT", "/alice/work/meeting.ics", data=MEETING)
    listed = await program.ask("PROPFIND", "/alice/work/", headers={"Depth": "1"})
    found = await program.ask("REPORT", "/alice/work/", data=IN_JANUARY, headers={"Depth": "1"})
    gone = await program.ask("DELETE", "/alice/work/")

    assert (made.status, put.status, listed.status) == (201, 201, 207)
    assert {"/alice/work/", "/alice/work/meeting.ics"} <= set(
        re.findall("<href>([^<]+)</href>", listed.text)
    )
    assert found.status == 207
    assert "SUMMARY:Meeting" in found.text
    assert gone.status == 200


async def test_nobody_reads_another_persons_calendar(world):
    alice = world.visitor(key=await world.key_of("alice"))
    await alice.ask("MKCOL", "/alice/private/", data=CALENDAR)
    bob = world.visitor(key=await world.key_of("bob"))

    answer = await bob.ask("PROPFIND", "/alice/private/", headers={"X-Remote-User": "alice"})

    assert answer.status == 403


async def test_the_way_to_the_calendars_is_found(world):
    """RFC 6764, section 5."""
    program = world.visitor(key=await world.key_of("alice"))

    answer = await program.ask("PROPFIND", "/.well-known/caldav", headers={"Depth": "0"})

    assert answer.status == 207


async def test_its_page_asks_for_no_second_sign_in(world):
    alice = await world.signed_in("alice")

    script = await alice.ask("GET", "/.web/js/config.js")

    assert "PREFER_BROWSER_LOGIN = true" in script.text
