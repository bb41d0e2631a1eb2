"""Which addresses an n8n may have: the rule for networks, and the reading of base URLs.

Public addresses may be called, and the networks that an operator allowed. Everything that the
special-purpose registries list is refused, and so is every form of IPv6 that carries an IPv4
address inside: it would be judged as one address and routed as another. The rule is applied to
the address that a connection really opens (executions.n8n.pinning), never to a name.
"""

import re
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from executions.n8n.errors import InvalidBaseUrl

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

NOT_PUBLIC_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, metadata services of clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
PUBLIC_V6 = IPv6Network("2000::/3")
NOT_PUBLIC_V6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, carries an IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
WORDS: dict[str, tuple[str, ...]] = {
    "loopback": ("127.0.0.0/8", "::1/128"),
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
}

MAX_URL = 500
DEFAULT_PORTS = {"http": 80, "https": 443}
# Ports of other services, which no n8n listens on: a base URL must not become a probe of them.
OTHER_SERVICES = frozenset(
    {1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 79, 87, 95, 101, 102}
    | {103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 138, 139, 143, 161, 179, 389}
    | {427, 445, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601}
    | {636, 873, 989, 990, 993, 995, 1433, 1521, 1719, 1720, 1723, 2049, 2181, 2375, 2376, 2379}
    | {2380, 3306, 3389, 3659, 4045, 4190, 4369, 5060, 5061, 5432, 5433, 5672, 5900, 5984, 6000}
    | {6379, 6380, 6432, 6566, 6665, 6666, 6667, 6668, 6669, 6697, 8086, 9042, 9092, 9200, 9300}
    | {10080, 10250, 11211, 25672, 27017, 27018}
)
URL = re.compile(r"(https?)://([^/?#]*)(/[^?#]*)?", re.IGNORECASE)
AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::(.*))?", re.DOTALL)
LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
SEGMENT = re.compile(r"[A-Za-z0-9._~-]+")
# The first parts of the paths that n8n itself serves: what is pasted often ends in one of them.
_PAGES = """
    api rest home workflow workflows execution executions credential credentials overview
    projects project shared settings signin signup setup signout personal insights templates
    variables healthz metrics webhook webhook-test webhook-waiting form form-test mcp
"""
PAGES_OF_N8N = frozenset(_PAGES.split())


def is_public(address: Address) -> bool:
    """Whether the address belongs to the public internet and to nothing else."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in NOT_PUBLIC_V4)
    return address in PUBLIC_V6 and not any(address in network for network in NOT_PUBLIC_V6)


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """The rule for every connection: public addresses and the allowed networks, nothing else."""

    allowed_networks: tuple[Network, ...] = ()

    def allows(self, address: Address) -> bool:
        """Whether a connection to the address may be opened."""
        return is_public(address) or self._is_listed(address)

    def _is_listed(self, address: Address) -> bool:
        real: Address = address
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            real = address.ipv4_mapped
        return any(real in network for network in self.allowed_networks)


def parse_allowed_networks(text: str) -> tuple[Network, ...]:
    """Networks from a list separated by commas. Raises ValueError naming the wrong part."""
    words = [part.strip() for part in text.split(",")]
    return tuple(dict.fromkeys(net for word in words if word for net in _networks_of(word)))


def _networks_of(word: str) -> list[Network]:
    if word.lower() in WORDS:
        return [ip_network(text) for text in WORDS[word.lower()]]
    try:
        return [ip_network(word)]
    except ValueError:
        raise ValueError(
            f"{word!r} is not a network; allowed are networks such as 10.20.0.0/16 or "
            "fd00::/8, single addresses, and the words loopback and private."
        ) from None


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """Where an n8n is: all parts checked, so that every reader takes them in the same way."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host, with the port where it is not the usual one; what messages name."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


def parse_base_url(text: str) -> BaseUrl:
    """The base URL in what a person pasted, without n8n's own pages behind it.

    Raises InvalidBaseUrl, whose sentence names the fault.
    """
    text = text.strip(" ")
    _refuse_odd_characters(text)
    match = URL.fullmatch(text)
    if match is None:
        raise InvalidBaseUrl(_why_not_a_url(text))
    scheme = match[1].lower()
    host, port = _split_authority(match[2], scheme)
    return BaseUrl(scheme, host, port, _path_of_n8n(match[3] or ""))


def _refuse_odd_characters(text: str) -> None:
    if not text:
        raise InvalidBaseUrl("The address of n8n is empty; enter one such as https://n8n.example.")
    if len(text) > MAX_URL:
        raise InvalidBaseUrl(
            f"The address has {len(text)} characters; allowed are {MAX_URL}, "
            "such as https://n8n.example."
        )
    if any(char.isspace() or not char.isprintable() for char in text):
        raise InvalidBaseUrl(
            "The address holds a space, a line break or an invisible character; remove it."
        )
    if "\\" in text or "%" in text:
        raise InvalidBaseUrl("The address holds a backslash or a percent sign; remove it.")


def _why_not_a_url(text: str) -> str:
    if not re.match(r"https?://", text, re.IGNORECASE):
        return f"{_shown(text)} does not begin with https:// or http://."
    return "The address ends in a query (?) or a fragment (#); leave that out."


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "…")


def _split_authority(authority: str, scheme: str) -> tuple[str, int]:
    if "@" in authority:
        raise InvalidBaseUrl(
            "The address holds a user name or password (before an @); n8n is called with its "
            "API key only, so leave that out."
        )
    match = AUTHORITY.fullmatch(authority)
    if match is None:
        raise InvalidBaseUrl(f"{_shown(authority)} is not a host; enter one such as n8n.example.")
    return _host(match[1]), _port(match[2], scheme)


def _port(text: str | None, scheme: str) -> int:
    if text is None:
        return DEFAULT_PORTS[scheme]
    port = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0
    if not 1 <= port <= 65_535:
        raise InvalidBaseUrl(f"{_shown(text)} is not a port; allowed are numbers up to 65535.")
    if port in OTHER_SERVICES:
        raise InvalidBaseUrl(
            f"Port {port} belongs to another service than n8n; n8n usually has 443, 80 or 5678."
        )
    return port


def _host(text: str) -> str:
    if text.startswith("["):
        return _literal_v6(text[1:-1])
    name = _ascii_name(text).rstrip(".")
    labels = name.split(".")
    if NUMBER.fullmatch(labels[-1]):
        return _literal_v4(name)
    if len(name) > 253 or not all(LABEL.fullmatch(label) for label in labels):
        raise InvalidBaseUrl(f"{_shown(text)} is not a host; enter one such as n8n.example.")
    return name


def _ascii_name(text: str) -> str:
    try:
        return text.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise InvalidBaseUrl(
            f"{_shown(text)} is not a host; enter one such as n8n.example."
        ) from None


def _literal_v4(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except ValueError:
        raise InvalidBaseUrl(
            f"{_shown(text)} is not an address; write it as four numbers, such as 198.51.100.7."
        ) from None


def _literal_v6(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        address = IPv4Address(0)
    if not isinstance(address, IPv6Address) or address.scope_id is not None:
        raise InvalidBaseUrl(f"{_shown(text)} is not an IPv6 address; write it as [2001:db8::7].")
    return str(address)


def _path_of_n8n(path: str) -> str:
    """The path below which n8n lives, cut before the first part that is a page of n8n."""
    kept: list[str] = []
    for segment in path.strip("/").split("/"):
        if not segment or segment.lower() in PAGES_OF_N8N:
            break
        if segment in (".", "..") or not SEGMENT.fullmatch(segment):
            raise InvalidBaseUrl(
                f"{_shown(segment)} cannot be part of the address of n8n; allowed are letters, "
                "digits, dots, dashes and underscores."
            )
        kept.append(segment)
    return "".join(f"/{segment}" for segment in kept)
