"""An echo made of Python's websockets as a server: python3 websockets_server.py --listen HOST:PORT

Compression is on, as by default, and the package checks UTF-8.
"""

import asyncio
import http
import logging
import sys
import urllib.parse

import websockets

from end import LIMIT, Knobs


async def echo(connection):
    async for message in connection:
        await connection.send(message)


class Echo(websockets.WebSocketServerProtocol):
    """Sets what a request's query asks for, and knows only one path."""

    async def process_request(self, path, headers):
        if urllib.parse.urlsplit(path).path != "/echo":
            return http.HTTPStatus.NOT_FOUND, [], b""
        self.max_size = Knobs(path).limit


async def main():
    host, port = sys.argv[sys.argv.index("--listen") + 1].split(":")
    server = await websockets.serve(
        echo,
        host,
        int(port),
        create_protocol=Echo,
        max_size=LIMIT,
        subprotocols=["v1.chat", "v2.chat"],
    )
    host, port = server.sockets[0].getsockname()
    print(f"{host}:{port}", flush=True)
    await asyncio.Future()


logging.getLogger("websockets").setLevel(logging.CRITICAL)  # a handler that ends with its connection is no news here
asyncio.run(main())
