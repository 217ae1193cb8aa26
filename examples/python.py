"""Python through Gyre: urllib, PySocks and, where it is installed, requests.

    python3 examples/python.py [URL] [PROXY]      PROXY is host:port or name:password@host:port

PySocks is Debian's python3-socks, or `pip install pysocks`; requests takes SOCKS with `pip install requests[socks]`.
"""

import sys
import urllib.request
from urllib.parse import urlsplit

import socks
from sockshandler import SocksiPyHandler

try:
    import requests
except ImportError:
    requests = None

url = sys.argv[1] if len(sys.argv) > 1 else "https://api.ipify.org"
proxy = sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1:1080"
gyre = urlsplit("//" + proxy)


def show(opener):
    with opener.open(url, timeout=15) as answer:
        print(answer.read().decode().strip())


# The standard library speaks CONNECT for https:// URLs. Every call opens a connection, so every call has its own address.
if url.startswith("https:"):
    show(urllib.request.build_opener(urllib.request.ProxyHandler({"https": "http://" + proxy})))

# SOCKS5 with PySocks; the fifth argument leaves the name to Gyre.
show(
    urllib.request.build_opener(
        SocksiPyHandler(socks.SOCKS5, gyre.hostname, gyre.port, True, gyre.username, gyre.password)
    )
)

# requests: socks5h leaves names to Gyre. A Session keeps connections and with them the address; requests.get does not.
if requests:
    for scheme in ("http", "socks5h"):
        through = scheme + "://" + proxy
        print(requests.get(url, proxies={"http": through, "https": through}, timeout=15).text.strip())
