"""What the programs here have in common: where the URLs come from, and the settings in their queries."""

import asyncio
import concurrent.futures
import urllib.parse
import urllib.request

LIMIT = 64 << 20  # bytes of the largest message, where the query says nothing else
CLIENTS = 8  # how many URLs a client works on at the same time


class Knobs:
    """The settings that a URL's query asks for."""

    def __init__(self, url):
        try:
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query, keep_blank_values=True)
        except ValueError:
            query = {}
        self.limit = int(query.get("limit", [LIMIT])[0])
        self.deflate = query.get("deflate", [""])[0]
        several = [name for value in query.get("subprotocols", []) for name in value.split(",")]
        self.subprotocols = several + query.get("subprotocol", []) or None
        self.headers = [tuple(part.strip() for part in header.split(":", 1)) for header in query.get("header", [])]


def fetch(url):
    with urllib.request.urlopen(url) as response:
        return response.status, response.read().decode()


async def run(source, connect):
    """Connects to the one ws or wss URL, or to all that an http URL hands out, until it answers 204."""
    if not source.startswith("http:"):
        return await connect(source)

    loop = asyncio.get_running_loop()
    threads = concurrent.futures.ThreadPoolExecutor(CLIENTS)  # one to wait for each

    async def work(number):
        while True:
            status, url = await loop.run_in_executor(threads, fetch, f"{source}?worker={number}")
            if status == 204:
                return
            await connect(url)

    await asyncio.gather(*(work(number) for number in range(CLIENTS)))
