"""The mails that the gateway sends: short, and plain text.  Pure."""

from dataclasses import dataclass

from gateway.mail.letter import Letter, plain

_HOUR = "It works once, and for an hour."


@dataclass(frozen=True, slots=True)
class Letters:
    """Writes the mails of the site `site`, named as people know it."""

    site: str

    def new_password(self, to: str, user: str, link: str) -> Letter:
        """A link that sets a new password."""
        return Letter(
            "password-reset",
            to,
            f"New password for {self.site}",
            (
                "Hello,",
                f"somebody, probably you, asked for a new password for the account {plain(user)} at"
                f" {self.site}. Open this link to choose one:",
                link,
                f"{_HOUR} If you did not ask for it, you need not do anything: your password stays"
                " as it is.",
            ),
        )

    def invitation(self, to: str, link: str) -> Letter:
        """A link that makes an account."""
        return Letter(
            "invitation",
            to,
            f"Your invitation to {self.site}",
            (
                "Hello,",
                f"you are invited to {self.site}. Open this link to choose a user name and a"
                " password:",
                link,
                f"{_HOUR} If it is too late, ask for another one. If you do not know what this is"
                " about, you can ignore this mail.",
            ),
        )

    def confirm_address(self, to: str, user: str, link: str) -> Letter:
        """A link that makes `to` the address of an account."""
        return Letter(
            "email-change",
            to,
            f"Confirm your e-mail address for {self.site}",
            (
                "Hello,",
                f"the account {plain(user)} at {self.site} wants to use this e-mail address. If"
                " this is your account, open this link to confirm it:",
                link,
                f"{_HOUR} If it is not your account, ignore this mail: nothing changes.",
            ),
        )

    def access_asked(self, to: str, user: str, app: str, link: str) -> Letter:
        """A notice to an administrator that somebody asks for access to an app."""
        return Letter(
            "access-asked",
            to,
            f"{plain(user)} asks for access at {self.site}",
            (
                "Hello,",
                f"{plain(user)} asks for access to {plain(app)} at {self.site}. Here you see what"
                " they miss, and decline the request or mark it as done:",
                link,
            ),
        )

    def address_changed(self, to: str, user: str) -> Letter:
        """A notice to the address that is no longer the account's."""
        return Letter(
            "email-changed",
            to,
            f"Your e-mail address at {self.site} was changed",
            (
                "Hello,",
                f"the account {plain(user)} at {self.site} has a new e-mail address. This one no"
                " longer belongs to it, and this is the last mail you get here.",
                f"If you did not change it, tell the operator of {self.site} now.",
            ),
        )
