"""Where oauth2-proxy listens, and which proxies it believes."""

from gateway.importing.emit import Noted, Value, literal
from gateway.importing.given import Given
from gateway.settings.addresses import listen_text, parse_listen, parse_network
from gateway.settings.scalars import quote

_DEFAULT = "127.0.0.1:4180"
_CHANGE = "CHANGE: the address of the proxy in front"


def server(given: Given, *, asked: bool) -> dict[str, Value]:
    """The section `server`; `asked` if a proxy asks, and must be known for that."""
    found: dict[str, Value] = {}
    certificate, key = given.text("tls_cert_file"), given.text("tls_key_file")
    if certificate and key:
        found["listen"] = _address(given, "https_address", ":443")
        tls: dict[str, Value] = {"cert_file": literal(certificate), "key_file": literal(key)}
        if given.text("tls_min_version").upper() == "TLS1.3":
            tls["min_version"] = "1.3"
        found["tls"] = tls
        if given.get("http_address") is not None:
            given.say("not needed", "http_address", "with a certificate, only https is served")
    else:
        found["listen"] = _address(given, "http_address", _DEFAULT)
        given.say("not needed", "https_address", "without a certificate, only http is served")
    if given.get("metrics_address") is not None:
        found["admin_listen"] = _address(given, "metrics_address", "127.0.0.1:9090")
        given.say("differs", "metrics_address", "/healthz and /readyz are there too")
    trusted = [it for it in given.items("trusted_proxy_ips") if _is_network(given, it)]
    if trusted:
        found["trusted_proxies"] = list[Value](map(literal, trusted))
    elif asked:
        found["trusted_proxies"] = Noted(["127.0.0.1"], _CHANGE)
        where = given.get("reverse_proxy")
        place = given.report.source if where is None else where.place
        message = "write the address of the proxy that asks: only it may"
        given.report.add("to do", place, "server.trusted_proxies", message)
    elif given.is_on("reverse_proxy"):
        found["trusted_proxies"] = Noted([], _CHANGE)
        message = (
            "believed fields of every client; write your proxy's address in server.trusted_proxies"
        )
        given.say("to do", "reverse_proxy", message)
    return found


def proxies(given: Given) -> None:
    """Report on the field that names the client."""
    name = given.text("real_client_ip_header")
    if name and name.lower() != "x-forwarded-for":
        message = f"{quote(name)} is not read: let the proxy send X-Forwarded-For or Forwarded"
        given.say("differs", "real_client_ip_header", message)


def _address(given: Given, option: str, default: str) -> Value:
    told = given.text(option)
    text = (told or default).removeprefix("http://").removeprefix("https://")
    if text.startswith("unix:"):
        text = "unix:/" + text.removeprefix("unix:").lstrip("/")
    try:
        spelled = listen_text(parse_listen(text))
    except ValueError:
        given.say("no equal", option, f"{quote(told)} is no address to listen on")
        return Noted(default, f"CHANGE: {option} could not be translated")
    return literal(spelled) if told else Noted(spelled, "oauth2-proxy's default")


def _is_network(given: Given, text: str) -> bool:
    try:
        network = parse_network(text)
    except ValueError:
        given.say("no equal", "trusted_proxy_ips", f"{quote(text)} is not a network")
        return False
    if network.prefixlen == 0:
        given.say("to do", "trusted_proxy_ips", f"{text} is everybody: write your proxy's address")
        return False
    return True
