"""aiohttp: the same as requests_client.py; `all:URL` asks for sixty paths at once; `ws:` and `wss:` URLs are WebSockets.
A proxy other than http:// is aiohttp-socks' business."""
import asyncio
import ssl
import sys

import aiohttp

proxy, authority, *urls = sys.argv[1:]
body = bytes(range(256)) * 12_000
context = ssl.create_default_context(cafile=authority)
through = {"proxy": proxy} if proxy.startswith("http") else {}


def connector():
    if through:
        return aiohttp.TCPConnector(ssl=context)
    import aiohttp_socks

    return aiohttp_socks.ProxyConnector.from_url(proxy, ssl=context, rdns="localhost" in urls[0])


async def chunks():
    yield body[:100_000]
    yield body[100_000:]


async def get(session, url, headers=None):
    async with session.get(url, headers=headers, **through) as answer:
        answer.raise_for_status()
        return await answer.text()


async def post(session, url, data):
    async with session.post(url, data=data, **through) as answer:
        return await answer.read() == body


async def talk(session, url):
    async with session.ws_connect(url, **through) as socket:
        greeting = await socket.receive_str()
        await socket.send_bytes(body)
        echo = await socket.receive_bytes()
        return f"{greeting}\n" if echo == body else "the echo is not what was sent\n"


async def main():
    async with aiohttp.ClientSession(connector=connector(), timeout=aiohttp.ClientTimeout(15)) as session:
        for url in urls:
            kind, _, rest = url.partition(":")
            if kind == "post":
                print("posted", await post(session, rest, body), await post(session, rest, chunks()))
            elif kind == "all":
                answers = await asyncio.gather(*(get(session, f"{rest}/{n}") for n in range(60)))
                sys.stdout.write("".join(answers))
            elif kind in ("ws", "wss"):
                sys.stdout.write(await talk(session, url))
            else:
                close = {"Connection": "close"} if kind == "https" or not through else {}
                sys.stdout.write(await get(session, url, close))


asyncio.run(main())
