"""What the gateway knows of one browser: last account signed in, sign-outs per account.  Pure.

It is kept, sealed, in a cookie of the gateway's own.  The marks of an account's cookies derive
from it, and a sign-out changes it, so cookies marked before the sign-out no longer match.
"""

import json
from dataclasses import dataclass, replace

# Accounts that signed out in one browser; with more, the jar is reset for all of them.
MAX_OWNERS = 16


@dataclass(frozen=True, slots=True)
class Jar:
    """Facts about one browser.

    Attributes:
        seed: Random, so that the marks in two browsers cannot be linked.
        owner: Key of the account that last signed in; ``""`` before that and after a sign-out.
        sign_outs: How often each account, by its key, has signed out.
        session: Id of the session that the sign-in of `owner` started; ``""`` if unknown.
        session_began_at: In whole seconds since the epoch.
    """

    seed: str = ""
    owner: str = ""
    sign_outs: tuple[tuple[str, int], ...] = ()
    session: str = ""
    session_began_at: int = 0

    def generation(self, keys: tuple[str, ...]) -> int:
        """How often the account with these keys, one for each secret, has signed out."""
        return max([count for key, count in self.sign_outs if key in keys], default=0)

    def signed_in(self, key: str, new_seed: str, session: str = "", now: float = 0.0) -> "Jar":
        """The jar after the account with `key` signed in and started `session`."""
        seed = self.seed or new_seed
        return replace(self, seed=seed, owner=key, session=session, session_began_at=int(now))

    def signed_out(self, keys: tuple[str, ...], new_seed: str) -> "Jar":
        """The jar after the account with `keys` signed out; a new jar if no key is known."""
        others = tuple(pair for pair in self.sign_outs if pair[0] not in keys)
        if not keys or not self.seed or len(others) >= MAX_OWNERS:
            return Jar(seed=new_seed)
        return Jar(self.seed, "", (*others, (keys[0], self.generation(keys) + 1)))


NO_JAR = Jar()


def encode_jar(jar: Jar) -> bytes:
    """The serialized form of `jar`."""
    about = [jar.seed, jar.owner, jar.sign_outs, jar.session, jar.session_began_at]
    return json.dumps(about, separators=(",", ":")).encode()


def decode_jar(data: bytes) -> Jar:
    """The jar serialized in `data`.

    Raises:
        ValueError: `data` does not come from `encode_jar`.
    """
    try:
        # Jars of older versions have no session.
        seed, owner, sign_outs, session, began_at = (*json.loads(data), "", 0)[:5]
        counts = tuple((str(key), int(n)) for key, n in sign_outs)
        return Jar(str(seed), str(owner), counts, str(session), int(began_at))
    except TypeError as error:
        raise ValueError("not a jar") from error
