"""One request, as every stage sees it."""

from gateway.message.cookies import cookie_values
from gateway.message.fields import Fields
from gateway.message.target import Target


class Request:
    """The head of one request; the body is streamed and not part of it.

    Routing, policy and forwarding all read this one value, so none of them can decide on something
    other than what is forwarded.

    Attributes:
        method: As sent; methods are case-sensitive (RFC 9110, section 9.1).
        host: Lower case, without trailing dot and default port; ``example.com`` or
            ``example.com:8443``.
        public_url: The configured public URL that serves `host` (no trailing slash); the first
            public URL if none does.
        client: The client's address after trusted proxies are resolved, never a bare field value.
        received_at: When the head was complete, in seconds since the epoch.
        shows_pages: Whether anybody sees the content of an answer, so that a page is worth making.
        acts: What the gateway's own endpoints did for it, for the audit line.
    """

    __slots__ = (
        "acts",
        "client",
        "fields",
        "host",
        "http_1_0",
        "method",
        "public_url",
        "received_at",
        "request_id",
        "shows_pages",
        "target",
    )

    def __init__(
        self,
        *,
        method: str,
        target: Target,
        fields: Fields,
        host: str,
        public_url: str,
        client: str,
        request_id: str,
        received_at: float,
        http_1_0: bool = False,
        shows_pages: bool = True,
    ) -> None:
        self.method = method
        self.target = target
        self.fields = fields
        self.host = host
        self.public_url = public_url
        self.client = client
        self.request_id = request_id
        self.received_at = received_at
        self.http_1_0 = http_1_0
        self.shows_pages = shows_pages
        self.acts: tuple[object, ...] = ()

    def changed(
        self,
        *,
        method: str | None = None,
        target: Target | None = None,
        fields: Fields | None = None,
        public_url: str | None = None,
    ) -> "Request":
        """The same request with other parts."""
        return Request(
            method=self.method if method is None else method,
            target=self.target if target is None else target,
            fields=self.fields if fields is None else fields,
            host=self.host,
            public_url=self.public_url if public_url is None else public_url,
            client=self.client,
            request_id=self.request_id,
            received_at=self.received_at,
            http_1_0=self.http_1_0,
            shows_pages=self.shows_pages,
        )

    def cookies(self, name: str) -> tuple[str, ...]:
        """Every value the client sent for the cookie `name`, in order."""
        derived = self.fields.derived
        values: tuple[str, ...] | None = derived.get(name)
        if values is None:
            values = derived[name] = tuple(cookie_values(self.fields.all(b"cookie"), name))
        return values

    @property
    def is_navigation(self) -> bool:
        """Whether a browser is opening a page, so that an answer may be a page.

        Sec-Fetch-Mode decides if it is present.  Older browsers do not send it, and no browser does
        over plain http.  Then Accept decides, unless the request says that a script sent it.
        """
        fields = self.fields
        if fields.has(b"sec-fetch-mode"):
            return fields.only(b"sec-fetch-mode") == b"navigate"
        # Links and forms use no other methods (HTML, section 4.10.18.6).
        if self.method not in ("GET", "HEAD", "POST"):
            return False
        # Android's WebView sends its app's name in X-Requested-With with every page.
        if b"xmlhttprequest" in fields.tokens(b"x-requested-with"):
            return False
        if b"true" in fields.tokens(b"hx-request"):
            return False
        return b"text/html" in b",".join(fields.all(b"accept")).lower()

    @property
    def opens_page(self) -> bool:
        """Whether a browser opens a page by GET or HEAD in a tab, so that it may load it again.

        The gateway's pages refuse to be shown in a frame.
        """
        if self.method not in ("GET", "HEAD") or not self.is_navigation:
            return False
        return self.fields.only(b"sec-fetch-dest") in (None, b"document")
