"""The desk's section for what was done, and by whom."""

from collections.abc import Mapping
from urllib.parse import urlencode

from gateway.endpoints.desk.section import PAGE, Asked, Page, Section
from gateway.message.response import Response
from gateway.record.journal import Entry, Journal


class JournalSection:
    """Shows the journal, newest first; `about` finds a person, a key, a session or an app."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def section(self) -> Section:
        """The section."""
        return Section(
            "journal",
            page=Page("desk-journal", self._shown),
            calls={"GET journal": self._listed},
        )

    async def _shown(self, asked: Asked) -> Mapping[str, object]:
        about = asked.wanted("about")
        found = await self._journal.page(about, asked.after, PAGE)
        more = {"about": about, "after": found.next}
        return {
            "about": about,
            "rows": [_row(it) for it in found.entries],
            "next_query": urlencode(more) if found.next else None,
        }

    async def _listed(self, asked: Asked) -> Response:
        found = await self._journal.page(asked.wanted("about"), asked.after, PAGE)
        entries = [it.describe() for it in found.entries]
        return asked.answer(200, {"items": entries, "next": found.next})


def _row(entry: Entry) -> dict[str, object]:
    actor, target = entry.actor, entry.target
    return {
        "at": entry.at,
        "who": actor.user,
        "proof": actor.proof,
        "ip": actor.ip,
        "is_command": actor.credential == "command",
        "action": entry.action,
        "outcome": entry.outcome,
        "reason": entry.reason,
        "target": target.name or target.id,
        "target_id": target.id,
        "whose": target.user,
    }
