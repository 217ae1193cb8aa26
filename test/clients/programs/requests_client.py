"""requests, with one session: asks for each URL and prints the answer; for `post:URL` it sends a body, as a whole and in
chunks, and prints whether it came back."""
import sys

import requests

proxy, authority, *urls = sys.argv[1:]
body = bytes(range(256)) * 12_000

with requests.Session() as session:
    session.trust_env = False
    session.proxies = {"http": proxy, "https": proxy}
    session.verify = authority
    for url in urls:
        if url.startswith("post:"):
            whole = session.post(url[5:], data=body, timeout=15)
            chunked = session.post(url[5:], data=iter([body[:100_000], body[100_000:]]), timeout=15)
            print("posted", whole.content == body, chunked.content == body)
            continue
        # A tunnel that is kept keeps its address.
        headers = {"Connection": "close"} if url.startswith("https:") else {}
        answer = session.get(url, headers=headers, timeout=15)
        answer.raise_for_status()
        sys.stdout.write(answer.text)
