"""What one browser's cookies hang on: who signed in last, and who signed out how often.  Pure.

It lies, sealed, in a cookie of the gateway's own.  The marks of an account's cookies are made
with it, so that a sign-out, which changes it, parts the account from what was marked before.
"""

import json
from dataclasses import dataclass, replace

# Accounts that signed out in one browser; with more of them all start anew.
MAX_OWNERS = 16


@dataclass(frozen=True, slots=True)
class Jar:
    """Values about one browser.

    Attributes:
        seed: Random, so that the marks of two browsers tell nothing of each other.
        owner: Key of the account that signed in last; ``""`` before, and after a sign-out.
        sign_outs: How often each account, by its key, signed out.
        session: Id of the session that the sign-in of `owner` began; ``""`` where unknown.
        session_began_at: In whole seconds since the epoch.
    """

    seed: str = ""
    owner: str = ""
    sign_outs: tuple[tuple[str, int], ...] = ()
    session: str = ""
    session_began_at: int = 0

    def generation(self, keys: tuple[str, ...]) -> int:
        """How often the account signed out that has these keys, one for each secret."""
        return max([count for key, count in self.sign_outs if key in keys], default=0)

    def signed_in(self, key: str, new_seed: str, session: str = "", now: float = 0.0) -> "Jar":
        """The jar after the account of `key` signed in, which began `session`."""
        seed = self.seed or new_seed
        return replace(self, seed=seed, owner=key, session=session, session_began_at=int(now))

    def signed_out(self, keys: tuple[str, ...], new_seed: str) -> "Jar":
        """The jar after the account of `keys` signed out; all starts anew where none is known."""
        others = tuple(pair for pair in self.sign_outs if pair[0] not in keys)
        if not keys or not self.seed or len(others) >= MAX_OWNERS:
            return Jar(seed=new_seed)
        return Jar(self.seed, "", (*others, (keys[0], self.generation(keys) + 1)))


NO_JAR = Jar()


def encode_jar(jar: Jar) -> bytes:
    """The written form."""
    about = [jar.seed, jar.owner, jar.sign_outs, jar.session, jar.session_began_at]
    return json.dumps(about, separators=(",", ":")).encode()


def decode_jar(data: bytes) -> Jar:
    """The jar written in `data`.

    Raises:
        ValueError: `data` is none of `encode_jar`.
    """
    try:
        # A jar of an older version says nothing of a session.
        seed, owner, sign_outs, session, began_at = (*json.loads(data), "", 0)[:5]
        counts = tuple((str(key), int(n)) for key, n in sign_outs)
        return Jar(str(seed), str(owner), counts, str(session), int(began_at))
    except TypeError as error:
        raise ValueError("not a jar") from error
