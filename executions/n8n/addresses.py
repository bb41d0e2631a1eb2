"""placeholder while the real one is written"""
import ipaddress


def parse_allowed_networks(text):
    words = {"loopback": ["127.0.0.0/8", "::1/128"], "private": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]}
    out = []
    for part in text.split(","):
        part = part.strip()
        for net in words.get(part, [part] if part else []):
            out.append(ipaddress.ip_network(net))
    return tuple(out)
