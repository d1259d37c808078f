"""An echo made of Python's websockets as a client: python3 websockets_client.py URL

Compression is on, as by default, and the package checks UTF-8.
"""

import asyncio
import logging
import sys

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from end import Knobs, run


def deflate(offer):
    """The arguments of connect that make it offer the extension like this."""
    if offer in ("", "off"):
        return {} if offer == "" else {"compression": None}
    settings = {"client_max_window_bits": None}
    for parameter in offer.split(";")[1:]:
        name, _, value = parameter.strip().partition("=")
        settings[name] = int(value) if value else True
    return {"compression": None, "extensions": [ClientPerMessageDeflateFactory(**settings)]}


async def connect(url):
    try:
        knobs = Knobs(url)
        async with websockets.connect(
            url,
            max_size=knobs.limit,
            subprotocols=knobs.subprotocols,
            extra_headers=knobs.headers,
            **deflate(knobs.deflate),
        ) as connection:
            async for message in connection:
                await connection.send(message)
    except Exception as error:  # the URL, the handshake, or how the connection ended
        logging.debug("%s: %r", url, error)


asyncio.run(run(sys.argv[1], connect))
