"""Mails that wait to be sent: one at a time, in the background, and never more than so many."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from email.message import EmailMessage
from urllib.parse import urlsplit

from gateway.errors import GatewayError
from gateway.mail.letter import Letter, write
from gateway.mail.smtp import UnsentMailError, deliver
from gateway.settings.smtp import SmtpSettings

_log = logging.getLogger(__name__)

# How many jobs may wait, in each worker.
MOST_WAITING = 100
# At shutdown, wait no longer than this for mails that are on their way.
_CLOSE_S = 5.0

# Finds out who gets which mails; runs in the background, one after the other.
Job = Callable[[], AsyncIterator[Letter]]
Deliver = Callable[[SmtpSettings, EmailMessage, str], Awaitable[None]]


class Outbox:
    """Sends mails in the background.

    Attributes:
        smtp: The mail server; None if there is none.  May be set anew.
        public_url: Of the gateway.  May be set anew.
        sent_at: When the mail server took a mail the last time; None if it never did.
        failure: Why it did not take the last one; empty if it did.
    """

    def __init__(
        self,
        smtp: SmtpSettings | None,
        public_url: str,
        clock: Callable[[], float],
        deliver: Deliver = deliver,
    ) -> None:
        self.smtp = smtp
        self.public_url = public_url
        self.sent_at: float | None = None
        self.failure = ""
        self._clock = clock
        self._deliver = deliver
        self._waiting: deque[Job] = deque()
        self._task: asyncio.Task[None] | None = None
        self._dropped = 0

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return len(self._waiting)

    @property
    def host(self) -> str:
        """The gateway's own host, without port and brackets."""
        return urlsplit(self.public_url).hostname or "localhost"

    def link(self, path: str, token: str) -> str:
        """The link to `path` that carries `token`."""
        return f"{self.public_url}{path}?token={token}"

    def post(self, job: Job) -> None:
        """Have `job` done later.  It is dropped if too many wait, which only the log tells."""
        if len(self._waiting) >= MOST_WAITING:
            if not self._dropped:
                _log.warning("%d jobs wait for the mail server: more are dropped", MOST_WAITING)
            self._dropped += 1
            return
        self._waiting.append(job)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def send(self, letter: Letter) -> None:
        """Send a mail now.

        Raises:
            UnsentMailError: The server did not take it, or there is none.
            UnmailableError: The address cannot be sent to.
        """
        if self.smtp is None:
            raise UnsentMailError("no mail server is configured")
        message = write(letter, self.smtp.sender, self.host, self._clock())
        try:
            await self._deliver(self.smtp, message, self.host)
        except UnsentMailError as error:
            self.failure = str(error)
            raise
        self.sent_at, self.failure = self._clock(), ""

    async def aclose(self) -> None:
        """Send for a few more seconds, then give up what is left."""
        if self._task is not None and not self._task.done():
            await asyncio.wait({self._task}, timeout=_CLOSE_S)
            if not self._task.done():
                _log.warning("mails were not sent before the end: %d jobs", len(self._waiting) + 1)
            self._task.cancel()

    async def _work(self) -> None:
        while self._waiting:
            await self._do(self._waiting.popleft())
        if self._dropped:
            _log.warning("%d jobs for the mail server were dropped", self._dropped)
            self._dropped = 0

    async def _do(self, job: Job) -> None:
        try:
            async for letter in job():
                await self._send_or_tell(letter)
        except GatewayError as error:
            _log.warning("mail: %s: %s", error.reason, error)
        except Exception as error:  # noqa: BLE001 - the next mail goes out all the same
            # Without its text, which may quote an address.
            _log.error("mail: a job failed: %s", type(error).__name__)

    async def _send_or_tell(self, letter: Letter) -> None:
        try:
            await self.send(letter)
        except GatewayError as error:
            _log.warning("mail %s: %s: %s", letter.kind, error.reason, error)
        else:
            _log.info("mail %s: sent", letter.kind)


def only(letter: Letter) -> Job:
    """The job of sending one letter."""

    async def job() -> AsyncIterator[Letter]:
        yield letter

    return job
