"""httpx: the same as requests_client.py."""
import sys

import httpx

proxy, authority, *urls = sys.argv[1:]
body = bytes(range(256)) * 12_000
# As old versions understand it as well as new ones.
transport = httpx.HTTPTransport(proxy=httpx.Proxy(proxy), verify=authority)


def chunks():
    yield body[:100_000]
    yield body[100_000:]


with httpx.Client(transport=transport, timeout=15) as client:
    for url in urls:
        if url.startswith("post:"):
            whole = client.post(url[5:], content=body)
            chunked = client.post(url[5:], content=chunks())
            print("posted", whole.content == body, chunked.content == body)
            continue
        headers = {"Connection": "close"} if url.startswith("https:") else {}
        answer = client.get(url, headers=headers)
        answer.raise_for_status()
        sys.stdout.write(answer.text)
