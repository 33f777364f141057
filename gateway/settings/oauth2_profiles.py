"""Providers of plain OAuth 2.0 (RFC 6749), which have no discovery and no ID tokens: data, no code.

You can override all of it in the file.  In an endpoint, ``{issuer}`` stands for the issuer, so that
a product you run yourself needs only that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

Names = tuple[str, ...]
# Stands for the name of a group in the address of a list about it.
GROUP = "{group}"


@dataclass(frozen=True, slots=True)
class GroupList:
    """A list of what a user belongs to.

    Attributes:
        members: JSON pointers into each item, whose texts are joined with ``/``; none if an item is
            the name itself.
    """

    endpoint: str
    members: Names = ()


@dataclass(frozen=True, slots=True)
class MemberRoles:
    """What a user is in one group: names that count as groups ``group:role``.

    Attributes:
        endpoint: With `GROUP` in place of the group's name.
        at: JSON pointer to the list in the answer; ``""`` if it is the answer.
        scopes: Asked for in addition.
    """

    endpoint: str
    at: str = ""
    scopes: Names = ()


@dataclass(frozen=True, slots=True)
class OAuth2Profile:
    """Defaults for one kind of provider.  An empty text means that there is none.

    Attributes:
        issuer: The name under which its subjects are known.
        also: Other names that it may have in ``iss`` of a callback (RFC 9207).
        subject: The claim with the immutable id of a user; the first present one is used.
        email_verified: The member of userinfo that marks its e-mail as verified.
        emails_endpoint: Lists the user's addresses, with marks of the verified and primary ones.
        client_auth: How clients may authenticate at the token endpoint.
        member_roles: The list of a user's roles in one group; None if there is none.
        fold_case: Whether the service ignores case in the names of groups.
        account_prompt: The ``prompt`` that lets a user choose the account; ``""`` if there is none.
    """

    issuer: str = ""
    also: Names = ()
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    userinfo_endpoint: str = ""
    emails_endpoint: str = ""
    revocation_endpoint: str = ""
    groups: tuple[GroupList, ...] = ()
    member_roles: MemberRoles | None = None
    scopes: Names = ()
    subject: Names = ("sub", "id")
    user: Names = ("sub",)
    email: Names = ("email",)
    name: Names = ("name",)
    groups_claim: Names = ("groups",)
    fold_case: bool = False
    email_verified: str = "email_verified"
    client_auth: Names = ("client_secret_basic",)
    account_prompt: str = ""

    def is_left(self, token_endpoint: str | None) -> bool:
        """Whether tokens come from `token_endpoint`, which is not of the profile's own service.

        What else the profile names is then a stranger's, which must not get them.
        """
        own = self.token_endpoint
        if token_endpoint is None or not own or own.startswith("{issuer}"):
            return False
        return urlsplit(token_endpoint)[:2] != urlsplit(own)[:2]


_GITEA = OAuth2Profile(
    authorization_endpoint="{issuer}/login/oauth/authorize",
    token_endpoint="{issuer}/login/oauth/access_token",
    userinfo_endpoint="{issuer}/api/v1/user",
    emails_endpoint="{issuer}/api/v1/user/emails",
    groups=(
        GroupList("{issuer}/api/v1/user/orgs", ("/name",)),
        GroupList("{issuer}/api/v1/user/teams", ("/organization/name", "/name")),
    ),
    scopes=("read:user", "read:organization"),
    subject=("id",),
    user=("login",),
    name=("full_name", "login"),
    fold_case=True,
)

OAUTH2_PROFILES: Mapping[str, OAuth2Profile] = {
    "generic": OAuth2Profile(),
    # An organisation's login can be given up and taken by somebody else, as can a team's slug.
    "github": OAuth2Profile(
        issuer="https://github.com",
        also=("https://github.com/login/oauth",),
        authorization_endpoint="https://github.com/login/oauth/authorize",
        token_endpoint="https://github.com/login/oauth/access_token",
        userinfo_endpoint="https://api.github.com/user",
        emails_endpoint="https://api.github.com/user/emails",
        groups=(
            GroupList("https://api.github.com/user/orgs", ("/login",)),
            GroupList("https://api.github.com/user/teams", ("/organization/login", "/slug")),
        ),
        scopes=("read:user", "user:email", "read:org"),
        subject=("id",),
        user=("login",),
        name=("name", "login"),
        fold_case=True,
        client_auth=("client_secret_post",),
        account_prompt="select_account",
    ),
    "gitea": _GITEA,
    "forgejo": _GITEA,
    "gitlab": OAuth2Profile(
        issuer="https://gitlab.com",
        authorization_endpoint="{issuer}/oauth/authorize",
        token_endpoint="{issuer}/oauth/token",
        userinfo_endpoint="{issuer}/oauth/userinfo",
        revocation_endpoint="{issuer}/oauth/revoke",
        scopes=("openid", "profile", "email"),
        subject=("sub",),
        user=("nickname",),
        name=("name", "nickname"),
    ),
    # Anybody can give a server any name, so only its id says which one it is.
    "discord": OAuth2Profile(
        issuer="https://discord.com",
        authorization_endpoint="https://discord.com/oauth2/authorize",
        token_endpoint="https://discord.com/api/oauth2/token",
        userinfo_endpoint="https://discord.com/api/users/@me",
        revocation_endpoint="https://discord.com/api/oauth2/token/revoke",
        groups=(GroupList("https://discord.com/api/users/@me/guilds", ("/id",)),),
        member_roles=MemberRoles(
            "https://discord.com/api/users/@me/guilds/{group}/member",
            "/roles",
            ("guilds.members.read",),
        ),
        scopes=("identify", "email", "guilds"),
        subject=("id",),
        user=("username",),
        name=("global_name", "username"),
        email_verified="verified",
        account_prompt="consent",
    ),
    "bitbucket": OAuth2Profile(
        issuer="https://bitbucket.org",
        authorization_endpoint="https://bitbucket.org/site/oauth2/authorize",
        token_endpoint="https://bitbucket.org/site/oauth2/access_token",
        userinfo_endpoint="https://api.bitbucket.org/2.0/user",
        emails_endpoint="https://api.bitbucket.org/2.0/user/emails",
        groups=(
            GroupList(
                "https://api.bitbucket.org/2.0/user/permissions/workspaces", ("/workspace/slug",)
            ),
        ),
        scopes=("account", "email"),
        subject=("uuid",),
        # Anybody can choose any nickname.
        user=("username", "uuid"),
        name=("display_name", "nickname"),
    ),
}
