"""Where an endpoint is: its URL without credentials, whether that is near, and its key."""

import ipaddress
import os
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from registry import EngineError

KEYS = ("PODIUM_API_KEY", "OPENAI_API_KEY")
"""Environment variables that may hold the key; it is read when it is used, and kept nowhere."""

EXAMPLE = "--base-url http://127.0.0.1:8000/v1"


@dataclass(frozen=True, slots=True)
class Address:
    """Where an endpoint is served: a URL without credentials."""

    scheme: str
    host: str
    port: int | None
    path: str

    @classmethod
    def typed(cls, url: str) -> "Address":
        """Return the address of a URL. Raises EngineError, which never repeats the URL's secrets.

        The URL that is asked is put together from these parts, so that what was checked is what
        is connected to, however oddly it was written.
        """
        if not url:
            raise EngineError(f"say where the model is served: {EXAMPLE}")
        if set("@?#") & set(url):
            raise EngineError(
                "a base URL has no user, password or query: it is stored with the run. "
                f"Give the key with: export {KEYS[0]}=…"
            )
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise EngineError(f"that is no base URL. Name one like: {EXAMPLE}") from None
        if parts.scheme not in ("http", "https") or not re.fullmatch(r"[\w.:-]+", host, re.ASCII):
            raise EngineError(f"that is no base URL. Name one like: {EXAMPLE}")
        return cls(parts.scheme, host, port, parts.path.rstrip("/"))

    @property
    def name(self) -> str:
        """The host, with the port where it was given."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def root(self) -> str:
        """The URL of the server itself."""
        return f"{self.scheme}://{self.name}"

    @property
    def url(self) -> str:
        """The base URL of its interface."""
        return self.root + self.path

    def local(self) -> bool:
        """Return whether the host is on this machine or its private network, by all its names."""
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except OSError:
            return False
        return bool(found) and all(_near(str(address[0])) for *_, address in found)


def api_key() -> str:
    """Return the key that the environment holds, "" without one.

    Raises EngineError for one that no header can carry, whose own error would show it.
    """
    name = next((name for name in KEYS if os.environ.get(name)), KEYS[0])
    key = os.environ.get(name, "").strip()
    if not re.fullmatch(r"[!-~]*", key):
        raise EngineError(f"{name} holds no key: it has blanks or special characters. Set it again")
    return key


def _near(text: str) -> bool:
    """Return whether an address is of this machine or a private network.

    Link-local is neither: 169.254.169.254 hands out a cloud machine's credentials.
    """
    address = ipaddress.ip_address(text)
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    if address.is_link_local or address.is_unspecified or address.is_multicast:
        return False
    return address.is_loopback or address.is_private
