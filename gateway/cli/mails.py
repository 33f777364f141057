"""Links that commands print, and mail if the configuration has a mail server."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from gateway.cli.opened import fail
from gateway.cli.table import printable
from gateway.errors import GatewayError
from gateway.message.public_url import OWN_PREFIX

if TYPE_CHECKING:
    from gateway.mail.letter import Letter
    from gateway.mail.letters import Letters
    from gateway.settings.schema import Settings


def link_to(settings: "Settings", page: str, token: str) -> str:
    """The link to `page` with `token`."""
    return f"{settings.public_url[0]}{OWN_PREFIX}/{page}?token={token}"


def mail(settings: "Settings", write: "Callable[[Letters], Letter]") -> None:
    """Send a mail, and say so; without `smtp` in the configuration, do nothing."""
    if settings.smtp is None:
        return
    import asyncio

    from gateway.assembly.serving import clock
    from gateway.mail.letters import Letters
    from gateway.mail.outbox import Outbox

    outbox = Outbox(settings.smtp, settings.public_url[0], clock)
    letter = write(Letters(outbox.host))
    try:
        asyncio.run(outbox.send(letter))
    except GatewayError as error:
        fail(f"the mail was not sent: {error}", 1)
    click.echo(f"# sent to {printable(letter.to)}", err=True)
