"""Whether browsers accept the certificate that is shown at `public_url`."""

import asyncio
import ssl
from collections.abc import Iterator

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from gateway.cli.doctor_checks.failure import reason_of
from gateway.cli.doctor_checks.finding import Finding
from gateway.cli.doctor_checks.surroundings import STEP_S
from gateway.oidc.finding import quoted, shown

_EXPIRY_WARNING_DAYS = 14
_DAY_S = 86400
# X509_V_ERR_* of OpenSSL.
_EXPIRED = 10
_ANOTHER_NAME = frozenset({62, 64})
_UNKNOWN_ISSUER = frozenset({18, 19, 20, 21})
_CHAIN = (
    "serve the whole chain (fullchain.pem, the certificate first), signed by an authority that "
    "browsers trust; for an authority of your own, set SSL_CERT_FILE here and for the gateway"
)


async def examine_certificate(url: str, host: str, port: int, now: float) -> list[Finding]:
    """Findings on the certificate at `host` and `port`, as a browser would verify it at `now`."""
    try:
        shown_certificate = await _handshake(host, port, ssl.create_default_context())
    except ssl.SSLCertVerificationError as error:
        return [await _refused(url, host, port, error)]
    except (OSError, TimeoutError) as error:
        says = f"no TLS handshake: {reason_of(error)}"
        do = "let the proxy, or server.tls, speak TLS 1.2 or newer on this port"
        return [Finding("error", "public-url-certificate", url, says, do)]
    return list(_judge(url, shown_certificate, now))


async def _handshake(host: str, port: int, context: ssl.SSLContext) -> x509.Certificate:
    async with asyncio.timeout(STEP_S):
        _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
    try:
        certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(certificate)
    finally:
        writer.transport.abort()


def _judge(url: str, certificate: x509.Certificate, now: float) -> Iterator[Finding]:
    issuer = quoted(certificate.issuer.rfc4514_string())
    says = f"valid for this host, issued by {issuer}"
    yield Finding("ok", "public-url-certificate", url, says)
    ends = certificate.not_valid_after_utc
    days = (ends.timestamp() - now) / _DAY_S
    says = f"the certificate is valid until {ends:%Y-%m-%d}, for {days:.0f} days"
    if days < _EXPIRY_WARNING_DAYS:
        do = "renew it now, and find out why it was not renewed by itself"
        yield Finding("warning", "public-url-expiry", url, says, do)
    else:
        yield Finding("ok", "public-url-expiry", url, says)


async def _refused(url: str, host: str, port: int, error: ssl.SSLCertVerificationError) -> Finding:
    # Only to describe it: nothing is sent over this connection.
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    try:
        certificate = await _handshake(host, port, unchecked)
    except (OSError, TimeoutError, ValueError):
        return Finding("error", "public-url-certificate", url, reason_of(error), _CHAIN)
    code = error.verify_code
    if code == _EXPIRED:
        says = f"the certificate expired at {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
        do = "renew it, and find out why it was not renewed by itself"
    elif code in _ANOTHER_NAME:
        says = f"the certificate is for {shown(_names(certificate))}, not for {host}"
        do = f"get one for {host}, or correct public_url"
    elif code in _UNKNOWN_ISSUER:
        issuer = quoted(certificate.issuer.rfc4514_string())
        says = f"nobody known here vouches for the certificate, issued by {issuer}"
        do = _CHAIN
    else:
        says, do = reason_of(error), _CHAIN
    return Finding("error", "public-url-certificate", url, says, do)


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_oid(
            ExtensionOID.SUBJECT_ALTERNATIVE_NAME
        ).value
    except (x509.ExtensionNotFound, ValueError):
        return ["no name"]
    return (
        [str(name.value) for name in found]
        if isinstance(found, x509.SubjectAlternativeName)
        else []
    )
