from ipaddress import ip_address, ip_network

import pytest

from executions.n8n.addresses import (
    AddressPolicy,
    parse_allowed_networks,
    parse_base_url,
)
from executions.n8n.errors import InvalidBaseUrl

NOT_PUBLIC = """
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.254 127.0.0.1 127.255.255.254
    169.254.0.1 169.254.169.254 172.16.0.1 172.31.255.254 192.0.0.1 192.0.0.170 192.0.2.1
    192.88.99.1 192.168.0.1 192.168.255.254 198.18.0.1 198.19.255.254 198.51.100.1 203.0.113.1
    224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::2 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:8.8.8.8
    ::127.0.0.1 ::8.8.8.8 64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::1 100::1 2001::1 2001:2::1
    2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:808:808::1 3fff::1 5f00::1 fc00::1
    fd00:ec2::254 fdff:ffff::1 fe80::1 fec0::1 ff02::1 ff0e::1 4000::1
"""
PUBLIC = "1.1.1.1 8.8.8.8 100.63.0.1 172.32.0.1 192.169.0.1 223.255.255.254 2606:4700::1111 2a00::1"

NOT_A_BASE_URL = {
    "empty": "",
    "no scheme": "n8n.example.com",
    "file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:70/_x",
    "ftp": "ftp://n8n.example.com",
    "javascript": "javascript:alert(1)",
    "data": "data:text/html,x",
    "one number": "http://2130706433/",
    "hexadecimal number": "http://0x7f000001/",
    "hexadecimal part": "http://0x7f.1/",
    "octal part": "http://0177.0.0.1/",
    "short form": "http://127.1/",
    "number too large": "http://256.1.1.1/",
    "number behind a name": "http://n8n.0x7f/",
    "full-width short form": "http://１２７.1/",
    "user name": "http://user@n8n.example.com/",
    "user name and password": "http://user:secret@n8n.example.com/",
    "host hidden behind user name": "http://n8n.example.com@169.254.169.254/",
    "line feed": "http://n8n.example.com/\nX-Header: 1",
    "carriage return": "http://n8n.example.com\r\nHost: other",
    "tab": "http://n8n.exa\tmple.com",
    "space": "http://n8n.example .com",
    "null": "http://n8n.example.com\x00.evil.example",
    "zero-width space": "http://n8n\u200b.example.com",
    "right-to-left override": "http://n8n.example.com/\u202e",
    "backslash": "http://n8n.example.com\\@169.254.169.254/",
    "percent": "http://n8n.example.com/%2e%2e/",
    "percent in host": "http://127%2e0.0.1/",
    "query": "http://n8n.example.com/?url=x",
    "fragment": "http://n8n.example.com/#x",
    "fragment hiding a host": "http://n8n.example.com#@169.254.169.254/",
    "dots": "http://n8n.example.com/../admin",
    "port zero": "http://n8n.example.com:0",
    "port too large": "http://n8n.example.com:65536",
    "port of words": "http://n8n.example.com:http",
    "port in other digits": "http://n8n.example.com:８０",
    "empty port": "http://n8n.example.com:",
    "ssh": "http://n8n.example.com:22",
    "redis": "http://n8n.example.com:6379",
    "postgres": "http://n8n.example.com:5432",
    "docker": "http://n8n.example.com:2375",
    "two ports": "http://n8n.example.com:80:22",
    "no host": "http:///api",
    "only a dot": "http://./",
    "empty label": "http://n8n..example.com",
    "label too long": f"http://{'a' * 64}.example.com",
    "host too long": f"http://{'a.' * 130}example.com",
    "label with a dash at its end": "http://n8n-.example.com",
    "quote": "http://n8n'.example.com",
    "open bracket": "http://[::1",
    "name in brackets": "http://[n8n.example.com]/",
    "IPv4 in brackets": "http://[127.0.0.1]/",
    "zone": "http://[fe80::1%eth0]/",
    "future address": "http://[v1.x]/",
    "too long": "http://n8n.example.com/" + "a" * 500,
}

CLEANED = {
    "http://n8n.example.com": "http://n8n.example.com",
    " https://n8n.example.com/ ": "https://n8n.example.com",
    "HTTPS://N8N.Example.COM": "https://n8n.example.com",
    "https://n8n.example.com:443/": "https://n8n.example.com",
    "http://n8n.example.com:5678/": "http://n8n.example.com:5678",
    "https://n8n.example.com/api/v1": "https://n8n.example.com",
    "https://n8n.example.com/api/v1/executions": "https://n8n.example.com",
    "https://n8n.example.com/home/workflows": "https://n8n.example.com",
    "https://n8n.example.com/workflow/14FuIFEYlr6wTaBJ": "https://n8n.example.com",
    "https://n8n.example.com/tools/n8n/": "https://n8n.example.com/tools/n8n",
    "https://example.com/n8n/signin": "https://example.com/n8n",
    "http://localhost./": "http://localhost",
    "http://bücher.example": "http://xn--bcher-kva.example",
    "http://n8n。example。com": "http://n8n.example.com",
    "http://n8n_main:5678": "http://n8n_main:5678",
    "http://127.0.0.1:5678": "http://127.0.0.1:5678",
    "http://１２７.0.0.1:5678": "http://127.0.0.1:5678",
    "http://[::1]:5678/": "http://[::1]:5678",
    "http://[0:0:0:0:0:0:0:1]": "http://[::1]",
}


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_it_refuses_addresses_that_are_not_public(address):
    assert not AddressPolicy().allows(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC.split())
def test_it_allows_public_addresses(address):
    assert AddressPolicy().allows(ip_address(address))


def test_it_allows_what_an_operator_listed_and_nothing_beside_it():
    policy = AddressPolicy((ip_network("10.20.0.0/16"),))

    assert policy.allows(ip_address("10.20.3.4"))
    assert not policy.allows(ip_address("10.21.0.1"))
    assert not policy.allows(ip_address("169.254.169.254"))


def test_an_ipv4_address_inside_ipv6_is_judged_by_the_list_as_what_it_is():
    policy = AddressPolicy(parse_allowed_networks("loopback"))

    assert policy.allows(ip_address("::ffff:127.0.0.1"))
    assert not policy.allows(ip_address("::ffff:10.0.0.1"))


def test_it_reads_words_networks_and_single_addresses():
    networks = parse_allowed_networks(" Loopback, 10.0.0.0/8 ,fd00::/8,192.0.2.7,, 10.0.0.0/8")

    assert [str(network) for network in networks] == [
        "127.0.0.0/8",
        "::1/128",
        "10.0.0.0/8",
        "fd00::/8",
        "192.0.2.7/32",
    ]


def test_private_leaves_out_the_metadata_services_of_clouds():
    policy = AddressPolicy(parse_allowed_networks("private,loopback"))

    assert policy.allows(ip_address("192.168.1.5"))
    assert not policy.allows(ip_address("169.254.169.254"))


def test_nothing_listed_allows_nothing():
    assert parse_allowed_networks("") == ()


@pytest.mark.parametrize("word", ["intranet", "10.0.0.1/8", "10.0.0.0/33", "n8n.example.com"])
def test_it_names_the_network_that_it_cannot_read(word):
    with pytest.raises(ValueError, match="is not a network") as caught:
        parse_allowed_networks(f"loopback,{word}")

    assert repr(word) in str(caught.value)


@pytest.mark.parametrize("text", NOT_A_BASE_URL.values(), ids=NOT_A_BASE_URL.keys())
def test_it_refuses_what_is_no_base_url(text):
    with pytest.raises(InvalidBaseUrl) as caught:
        parse_base_url(text)

    assert caught.value.sentence.endswith(".")
    assert "secret" not in caught.value.sentence


@pytest.mark.parametrize(("text", "clean"), CLEANED.items())
def test_it_takes_the_base_url_out_of_what_was_pasted(text, clean):
    assert str(parse_base_url(text)) == clean


@pytest.mark.parametrize("clean", CLEANED.values())
def test_a_cleaned_base_url_stays_as_it_is(clean):
    assert str(parse_base_url(clean)) == clean
