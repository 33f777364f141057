"""Keeps a submitted form when its sender must sign in first.

The sign-in page contains the form in hidden fields, and the person sends it again from there.  The
gateway itself stores nothing.
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
    """Makes the response that asks the person to sign in."""

    def __call__(self, *, form: SentForm | None = None) -> Response:
        """`form` is the submitted form that would be lost; None if there is none."""


def sign_in_first(
    entry: Entry, admission: Admission, origins: Collection[bytes], refuse: Refuse
) -> Answer | Serve:
    """The answer to a request whose sender must sign in; keeps a submitted form.

    A form from a page of another site is refused, because the person did not fill it in here.
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
