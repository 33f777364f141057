"""How costly a password's hash is: what RFC 9106 recommends, and more where the machine is fast."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

# Of one core: people hardly notice it at a sign-in.
_WANTED_S = 0.1
# A machine that is idle while it measures must not make sign-ins slow for busy ones.
_MOST_PASSES = 10
_ARGON2_VERSION = 19  # RFC 9106, section 3.1: 0x13.


def measured_hasher() -> "PasswordHasher":
    """A hasher whose hashes take about a tenth of a second of a core here.

    Never less than the second recommendation of RFC 9106, section 4: three passes over 64 MiB.
    """
    from argon2 import PasswordHasher
    from argon2.profiles import RFC_9106_LOW_MEMORY as LEAST

    passes = passes_for(cost_s(PasswordHasher.from_parameters(LEAST)), LEAST.time_cost)
    return PasswordHasher.from_parameters(replace(LEAST, time_cost=passes))


def passes_for(took_s: float, least: int) -> int:
    """How many passes take a tenth of a second, where `least` of them take `took_s`."""
    return max(least, min(int(least * _WANTED_S / took_s), _MOST_PASSES))


def cost_s(hasher: "PasswordHasher") -> float:
    """How many seconds of one core a hash takes, however busy the machine is now."""
    from argon2 import PasswordHasher

    # In one lane: the other lanes have threads of their own.
    alone = PasswordHasher(hasher.time_cost, hasher.memory_cost, parallelism=1)
    began = time.thread_time()
    alone.hash(b"measured")
    return time.thread_time() - began


def is_to_renew(known: str, hasher: "PasswordHasher") -> bool:
    """Whether guesses at `known` cost less than at the hashes of `hasher`, or checks more memory.

    A hash that only takes longer stays: of machines that share a store, the slower ones would undo
    what the faster ones did.  More memory than ours takes only what was imported.
    """
    from argon2 import extract_parameters
    from argon2.low_level import Type

    its = extract_parameters(known)
    if its.type is not Type.ID or its.version < _ARGON2_VERSION:
        return True
    if its.memory_cost > hasher.memory_cost:
        return True
    return its.time_cost * its.memory_cost < hasher.time_cost * hasher.memory_cost


def make_up(known: str, hasher: "PasswordHasher") -> None:
    """Do the passes that a weaker hash of Argon2id saved, so that its check takes as long."""
    from argon2 import PasswordHasher, extract_parameters

    its = extract_parameters(known)
    missing = hasher.time_cost - its.time_cost * its.memory_cost // hasher.memory_cost
    if missing > 0:
        of_today = (hasher.memory_cost, hasher.parallelism)
        PasswordHasher(missing, *of_today).hash(b"made up")
