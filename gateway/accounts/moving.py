"""People keep their accounts where their provider has moved to a new issuer."""

from gateway.accounts.account import Subject
from gateway.accounts.desk import AccountDesk, Found
from gateway.accounts.errors import SubjectTakenError


async def move_issuer(
    desk: AccountDesk, old: str, new: str, *, by: str, applies: bool
) -> list[dict[str, object]]:
    """What moving from issuer `old` to `new` does for each identity of `old`; does it too.

    `by` is ``subject`` where the new issuer knows people by the same subjects: the account gets
    the new identity at once.  With ``email`` whoever brings the person's verified address from
    `new` joins the account, at the next sign-in.  Nothing is changed unless `applies`.
    """
    moves: list[dict[str, object]] = []
    after = ""
    while page := await desk.page(after):
        after = page[-1].account_id
        for found in page:
            for subject in [it for it in found.account.subjects if it[0] == old]:
                result = await _move(desk, found, subject, new, by=by, applies=applies)
                moves.append(
                    {
                        "id": found.account_id,
                        "user": found.account.user,
                        "subject": subject[1],
                        "result": result,
                    }
                )
    return moves


async def _move(
    desk: AccountDesk, found: Found, subject: Subject, new: str, *, by: str, applies: bool
) -> str:
    account = found.account
    if any(issuer == new for issuer, _ in account.subjects):
        return "has an identity there already"
    if account.is_client:
        return "is a client: link it by hand"
    if by == "subject":
        if applies:
            try:
                await desk.link((new, subject[1]), found.account_id)
            except SubjectTakenError as error:
                return f"not linked: {error}"
        return f"signs in as {subject[1]}"
    seen = account.as_seen(*subject)
    email = None if seen is None else seen.email
    if not email:
        return "has no verified e-mail address: link it by hand"
    others = [it for it in await desk.with_email(email) if it.account_id != found.account_id]
    if others:
        return f"not invited: account {others[0].account_id} has {email} too"
    if applies:
        await desk.invite(email, found.account_id, new)
    return f"joins with {email} from there"
