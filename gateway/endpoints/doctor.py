"""``POST doctor``: tells `gatepost doctor` how its request arrived behind the real proxy.

Question and answer are sealed under the server's secret, each for a purpose of its own, and the
answer is bound to the question.  So only a command that has the secret gets an answer, a copy of a
question yields nothing that its sender could read, and nothing else can pretend to be the gateway.
Nothing is stored.  Without a valid question, the answer is that of an unknown path.
"""

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from urllib.parse import urlencode

from gateway import __version__, responses
from gateway.endpoints.parameters import read_whole_form
from gateway.message.public_url import OWN_PREFIX
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.responses.bodies import NO_STORE
from gateway.sealing.sealer import Sealer
from gateway.storage.store import Clock

PATH = f"{OWN_PREFIX}/doctor"
# The command may run on another machine, whose clock is off: it is there to find that out.
VALID_S = 300
_QUESTION, _ANSWER = "doctor question", "doctor answer"
_NONCE_BYTES = 16
# What proxies say about the client, and Host.
_TOLD = ("host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded")


@dataclass(frozen=True, slots=True)
class Question:
    """One question: the form to send, and what its answer is bound to."""

    form: bytes
    nonce: bytes


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a request arrived at the gateway.

    Attributes:
        version: The gateway's.
        now: The gateway's clock, in seconds since the epoch.
        peer: The other end of the connection: the client, or the last proxy.
        trusted: Whether `peer` is one of `server.trusted_proxies`.
        client: The client's address, as rules see it.
        host: The requested host, as rules see it.
        served: Whether that host is served.
        told: The values of Host and of the forwarding fields, as they arrived.
        names: The names of all fields, in lower case.
    """

    version: str
    now: float
    peer: str
    trusted: bool
    client: str
    host: str
    served: bool
    told: Mapping[str, list[str]]
    names: list[str]


def ask(sealer: Sealer, now: float) -> Question:
    """A new question, for one request at `now`."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = sealer.seal(_QUESTION, json.dumps({"nonce": nonce.hex(), "at": int(now)}).encode())
    return Question(urlencode({"question": _encoded(sealed)}).encode(), nonce)


def read_answer(sealer: Sealer, question: Question, body: bytes) -> Arrival | None:
    """The answer to `question`; None if `body` is none of a gateway with the same secret."""
    data = sealer.open_sealed(_ANSWER, _decoded(body), context=question.nonce)
    if data is None:
        return None
    try:
        return Arrival(**json.loads(data))
    except (TypeError, ValueError):  # Another version's.
        return None


class Doctor:
    """Handler of ``doctor``."""

    def __init__(self, sealer: Sealer, clock: Clock, serves: Callable[[str], bool]) -> None:
        """Answer questions under `sealer`; `serves` tells whether a host is served."""
        self._sealer = sealer
        self._clock = clock
        self._serves = serves

    async def tell(self, peer: str, trusted: bool, request: Request, body: bytes) -> Response:
        """How `request` arrived from `peer`, sealed; 404 without a valid question."""
        now = self._clock()
        nonce = self._nonce(body, now) if request.method == "POST" else None
        if nonce is None:
            return responses.problem(request, 404, "no-route")
        fields = request.fields
        arrival = Arrival(
            version=__version__,
            now=now,
            peer=peer,
            trusted=trusted,
            client=request.client,
            host=request.host,
            served=self._serves(request.host),
            told={
                name: [value.decode("latin-1") for value in fields.all(name.encode())]
                for name in _TOLD
            },
            names=sorted({name.lower().decode("latin-1") for name, _ in fields.items}),
        )
        sealed = self._sealer.seal(_ANSWER, json.dumps(asdict(arrival)).encode(), context=nonce)
        return Response(200, (("Content-Type", "text/plain"), NO_STORE), _encoded(sealed).encode())

    def _nonce(self, body: bytes, now: float) -> bytes | None:
        """The nonce of a valid question; None if there is none."""
        form = read_whole_form(body, 1) or {}
        sent = form.get("question", "")
        data = self._sealer.open_sealed(_QUESTION, _decoded(sent.encode()))
        if data is None:
            return None
        question = json.loads(data)
        fresh = abs(now - question["at"]) <= VALID_S
        return bytes.fromhex(question["nonce"]) if fresh else None


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode()


def _decoded(text: bytes) -> bytes:
    try:
        return urlsafe_b64decode(text)
    except ValueError:
        return b""
