"""What becomes of a form that a person sent, where they have to sign in first.

It comes back in the page, in hidden fields, and is sent again when the person says so.  The
gateway keeps nothing of it.
"""

from collections.abc import Collection
from functools import partial
from typing import Protocol

from gateway import responses
from gateway.authn.cross_site import is_cross_site
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.message.sent_form import LOST, SentForm, read_sent_form
from gateway.pipeline.verdict import Answer, Serve
from gateway.record.audit import Entry
from gateway.responses import Admission

MAX_KEPT_BYTES = 65536


class Refuse(Protocol):
    """Makes the answer that has the person sign in."""

    def __call__(self, *, form: SentForm | None = None) -> Response:
        """`form` is what was sent and would be lost; None where nothing was."""


def sign_in_first(
    entry: Entry, admission: Admission, origins: Collection[bytes], refuse: Refuse
) -> Answer | Serve:
    """The answer to a request whose sender has to sign in: its form is kept if it has one.

    What a page of another site had the browser send is refused: nobody typed it here.
    """
    request, framing = entry.request, entry.framing
    if request.method != "POST" or not request.is_navigation:
        return Answer(refuse())
    if "session" not in admission.credentials:
        return Answer(refuse())
    if is_cross_site(request, origins, upgrade=False):
        entry.decide("deny", "cross-site")
        return Answer(responses.problem(request, 403, "cross-site"))
    if framing is None or not 0 <= framing.length <= MAX_KEPT_BYTES:
        return Answer(refuse(form=LOST))
    return Serve(partial(_with_form, refuse))


async def _with_form(refuse: Refuse, request: Request, body: bytes) -> Response:
    sent = read_sent_form(request.fields.text(b"content-type"), body)
    return refuse(form=LOST if sent is None else sent)
