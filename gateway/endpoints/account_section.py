"""The account page is made of sections: each shows something and takes the forms that change it."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Protocol

from gateway.message.request import Request
from gateway.message.response import Response
from gateway.sessions.session import Session


@dataclass(frozen=True, slots=True)
class Told:
    """What a section says after a form: the page is shown again, with `values` in the section."""

    status: int
    values: Mapping[str, object]


class Section(Protocol):
    """One section.  Its template is ``account-NAME.html``, where `section` has its values."""

    @property
    def name(self) -> str:
        """The name of its template."""

    async def shown(self, request: Request, session: Session) -> Mapping[str, object] | None:
        """What its template shows; None if the user has no such section.

        It includes every value that `act` may tell, None where there is nothing to tell.
        """

    def takes(self, fields: Set[str]) -> bool:
        """Whether a form with these fields is for this section."""

    async def act(
        self, request: Request, session: Session, form: Mapping[str, str]
    ) -> Response | Told | None:
        """Do what the form asks; None to go back to the page.

        Only called for a user who is shown the section, and for forms of the same origin.

        Raises:
            GatewayError: It was refused.
        """
