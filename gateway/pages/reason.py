"""How one reason is told to whoever meets it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """The meaning of one reason code, in words.

    Attributes:
        status: The HTTP status it goes with, unless the outcome names another.
        title: A few words, no full stop; the same at every occurrence (RFC 9457, section 3.1.3).
        explanation: One plain sentence: what happened.
        advice: One or two plain sentences: what to do about it.
        sign_in: Whether signing in (again) may help, so that the answer says where.
        retry_after_s: Seconds after which trying again makes sense (RFC 9110, section 10.2.3).
    """

    status: int
    title: str
    explanation: str
    advice: str
    sign_in: bool = False
    retry_after_s: int | None = None
