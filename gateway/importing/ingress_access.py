"""Who an Ingress lets in, as a route's `access`.

Its sign-in service has rules of its own that no Ingress names.  They are never guessed: nobody
enters until the operator writes who may.
"""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from gateway.importing.emit import Noted, Value, literal
from gateway.importing.findings import Report
from gateway.importing.ingress_files import Ingress
from gateway.message.mailbox import a_labels, read_mailbox
from gateway.settings.addresses import parse_network
from gateway.settings.scalars import quote

_TLS = ("auth-tls-secret", "auth-tls-match-cn")


@dataclass(frozen=True, slots=True)
class IngressAccess:
    """Who an Ingress lets in."""

    report: Report
    ingress: Ingress

    def value(self) -> Value:
        """A route's `access`."""
        told = self.ingress.annotations
        if any(name in told for name in _TLS) and self._requires_certificate():
            name = next(it for it in _TLS if it in told)
            self._say(name, "no equal", "no client certificates are asked for: these are denied")
            return Noted("denied", "CHANGE: needed a client certificate")
        allow = self._by_sign_in()
        item: dict[str, Value] = {}
        networks = self._networks("whitelist-source-range") + self._networks(
            "allowlist-source-range"
        )
        if networks and told.get("satisfy", "all") == "any":
            self._say("satisfy", "differs", "an address alone lets nobody in: all must sign in")
        elif networks:
            item["ip"] = networks
        rules: dict[str, Value] = {}
        if allow is not None:
            rules["allow"] = [Noted({**allow[0], **item}, allow[1])]
        elif item:
            rules["allow"] = [item]
        denied = self._networks("denylist-source-range")
        if denied:
            rules["deny"] = [{"ip": denied}]
        return rules or "signed_in"

    def _by_sign_in(self) -> tuple[dict[str, Value], str] | None:
        """The item of `allow`, and its note; None for every signed-in user."""
        told = self.ingress.annotations
        url = told.get("auth-url", "")
        if url:
            return self._by_url(url)
        if told.get("auth-type") or told.get("auth-secret"):
            message = "nobody has these passwords here: people sign in, programs use API keys"
            self._say("auth-secret" if "auth-secret" in told else "auth-type", "no equal", message)
            return {"group": ["change-me"]}, "CHANGE: who had a password"
        message = (
            "nothing here asks for a sign-in, but global-auth-url of the controller may:"
            " it needs one now; write access: public if it was open"
        )
        name = "enable-global-auth" if "enable-global-auth" in told else ""
        self._say(name, "differs", message)
        return None

    def _by_url(self, url: str) -> tuple[dict[str, Value], str]:
        try:
            parts = urlsplit(url)
            query = parse_qs(parts.query, max_num_fields=50)
        except ValueError:
            parts, query = urlsplit(""), {}
        item: dict[str, Value] = {}
        for name, fact in (
            ("allowed_groups", "group"),
            ("allowed_emails", "email"),
            ("allowed_email_domains", "email_domain"),
        ):
            values = [it for text in query.get(name, ()) for it in text.split(",") if it]
            values = [it for it in values if _is_fact(fact, it)]
            if values:
                item[fact] = [literal(it) for it in values]
        if item:
            message = "who may enter was taken from its query; its own rules are not in this file"
            self._say("auth-url", "differs", message)
            return item, "from auth-url"
        message = (
            "its rules are not in this file, so nobody may enter until you write who may"
            " (`gatepost import oauth2-proxy` translates those of oauth2-proxy)"
        )
        self._say("auth-url", "to do", message)
        return {"group": ["change-me"]}, f"CHANGE: whom {parts.hostname or 'it'} let in"

    def _requires_certificate(self) -> bool:
        verify = self.ingress.annotations.get("auth-tls-verify-client", "on")
        return verify not in ("off", "optional", "optional_no_ca")

    def _networks(self, name: str) -> list[Value]:
        found: list[Value] = []
        for text in self.ingress.annotations.get(name, "").split(","):
            if not text.strip():
                continue
            try:
                found.append(str(parse_network(text.strip())))
            except ValueError:
                self._say(name, "no equal", f"{quote(text.strip())} is not a network")
        if not found and self.ingress.annotations.get(name, "").strip():
            # Without one that can be read, nobody's address fits; for a denylist, everybody's.
            return ["0.0.0.0/0", "::/0"] if name.startswith("deny") else ["192.0.2.0/32"]
        return found

    def _say(self, name: str, kind: str, message: str) -> None:
        place = self.ingress.places.get(name, self.ingress.place)
        option = f"{self.ingress.name}: {name}" if name else self.ingress.name
        self.report.add(kind, place, option, message)  # type: ignore[arg-type]


def _is_fact(fact: str, text: str) -> bool:
    if fact == "email":
        return read_mailbox(text) is not None
    return fact == "group" or a_labels(text) is not None
