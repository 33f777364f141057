"""Presets for `upstreams.NAME.identity.headers`: the fields that common apps read.

An app's preset sends exactly what the app's documentation says it reads, because what an app does
not get, it cannot leak.  `docs/apps/` has a page for each, with the app's own settings.
"""

from collections.abc import Mapping
from typing import Literal

Preset = Literal[
    "remote-user",
    "x-forwarded",
    "x-auth-request",
    "none",
    "buildbot",
    "calibre-web",
    "copyparty",
    "django",
    "filebrowser",
    "forgejo",
    "freshrss",
    "gitea",
    "grafana",
    "jupyter",
    "miniflux",
    "navidrome",
    "paperless",
    "pgadmin",
    "radicale",
    "roundup",
]

_USER = {"Remote-User": "{user}"}
_GITEA = {
    "X-WebAuth-User": "{user}",
    "X-WebAuth-Email": "{email}",
    "X-WebAuth-Fullname": "{name}",
}

PRESETS: Mapping[Preset, Mapping[str, str]] = {
    "remote-user": {
        **_USER,
        "Remote-Email": "{email}",
        "Remote-Name": "{name}",
        "Remote-Groups": "{groups}",
    },
    "x-forwarded": {
        "X-Forwarded-User": "{user}",
        "X-Forwarded-Email": "{email}",
        "X-Forwarded-Preferred-Username": "{claim:/preferred_username}",
        "X-Forwarded-Groups": "{groups}",
    },
    "x-auth-request": {
        "X-Auth-Request-User": "{user}",
        "X-Auth-Request-Email": "{email}",
        "X-Auth-Request-Preferred-Username": "{claim:/preferred_username}",
        "X-Auth-Request-Groups": "{groups}",
    },
    "none": {},
    # RemoteUserAuth(header=…); it reads the user from one field.
    "buildbot": _USER,
    # "Reverse Proxy Header Name" is free text.
    "calibre-web": _USER,
    # idp-h-usr and idp-h-grp, named as in its docs/idp.md and example configurations.
    "copyparty": {"X-IdP-User": "{user}", "X-IdP-Group": "{groups}"},
    # The `header` of a subclass of RemoteUserMiddleware is free text.
    "django": _USER,
    # auth.header is free text.
    "filebrowser": _USER,
    "forgejo": _GITEA,
    # Remote-User and X-WebAuth-User, from trusted_sources.
    "freshrss": _USER,
    # [security] REVERSE_PROXY_AUTHENTICATION_USER, _EMAIL and _FULL_NAME, at their defaults.
    "gitea": _GITEA,
    # [auth.proxy] header_name at its default; the others as in the example of `headers`.
    "grafana": {
        "X-WebAuth-User": "{user}",
        "X-WebAuth-Name": "{name}",
        "X-WebAuth-Email": "{email}",
        "X-WebAuth-Groups": "{groups}",
    },
    # For an identity provider class; the page has one.
    "jupyter": {**_USER, "Remote-Name": "{name}"},
    # AUTH_PROXY_HEADER is free text.
    "miniflux": _USER,
    # ExtAuth.UserHeader at its default.
    "navidrome": _USER,
    # PAPERLESS_HTTP_REMOTE_USER_HEADER_NAME at its default.
    "paperless": _USER,
    # WEBSERVER_REMOTE_USER; this name is the example in pgAdmin's own config.py.
    "pgadmin": {"X-Forwarded-User": "{user}"},
    # [auth] type = http_x_remote_user
    "radicale": {"X-Remote-User": "{user}"},
    # [web] http_auth_header is free text.
    "roundup": _USER,
}
