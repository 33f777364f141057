"""TLS to one provider, from files that are read again when they change."""

import logging
import ssl

from gateway.errors import ProviderUnavailableError
from gateway.settings.provider_reach import ProviderTlsSettings
from gateway.settings.stamps import Stamp, stamp

_log = logging.getLogger(__name__)


class ClientTls:
    """The authorities to trust, and the certificate to present (RFC 8705, section 2.1)."""

    def __init__(self, settings: ProviderTlsSettings) -> None:
        named = (settings.ca_file, settings.cert_file, settings.key_file)
        self._files = tuple(it for it in named if it is not None)
        self._settings = settings
        self._stamp: Stamp | None = None
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """TLS for the next connection; a new object if a file has changed.

        A file that cannot be used, say because its pair is not replaced yet, changes nothing.

        Raises:
            ProviderUnavailableError: There is none from before either.
        """
        found = stamp(self._files)
        if found != self._stamp:
            self._stamp = found
            try:
                self._context = self._loaded()
            except OSError as error:
                _log.error("cannot load the certificates for a provider: %s", error)
        if self._context is None:
            names = ", ".join(map(str, self._files))
            raise ProviderUnavailableError(f"tls: cannot use {names}")
        return self._context

    def _loaded(self) -> ssl.SSLContext:
        settings = self._settings
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.cert_file is not None:
            # Without a password, OpenSSL would ask the terminal for that of an encrypted key.
            context.load_cert_chain(settings.cert_file, settings.key_file, password="")
        return context
