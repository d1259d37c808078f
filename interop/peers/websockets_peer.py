"""Python's websockets, as a client or as a server: python3 websockets_peer.py client|server"""

import asyncio
import base64
import json
import sys

import websockets

current = None  # the open connection
connections = 0  # so far


def tell(**event):
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def decode(data, binary=True):
    data = base64.b64decode(data)
    return data if binary else data.decode()


async def hold(connection):
    """Reports what arrives until the connection ends."""
    global current, connections
    current = connection
    connections += 1
    number = connections
    connection.number = number
    tell(event="open", connection=number, subprotocol=connection.subprotocol or "")
    try:
        async for message in connection:
            binary = isinstance(message, bytes)
            data = message if binary else message.encode()
            tell(event="message", connection=number, binary=binary, data=base64.b64encode(data).decode())
    except websockets.ConnectionClosedError:
        pass
    await connection.wait_closed()
    tell(event="close", connection=number, code=connection.close_code, reason=connection.close_reason)


async def pong(connection, data):
    await (await connection.ping(data))
    tell(event="pong", connection=connection.number, data=base64.b64encode(data).decode())


async def obey(tasks):
    reader = asyncio.StreamReader(limit=64 << 20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        order = json.loads(line)
        try:
            match order["do"]:
                case "dial":
                    connection = await websockets.connect(
                        order["url"], subprotocols=order["subprotocols"] or None, max_size=None
                    )
                    tasks.append(loop.create_task(hold(connection)))
                case "send":
                    parts = [decode(part, order["binary"]) for part in order["fragments"]]
                    await current.send(parts[0] if len(parts) == 1 else parts)
                case "ping":
                    tasks.append(loop.create_task(pong(current, decode(order["data"]))))
                case "close":
                    await current.close(order["code"], order["reason"])
                case "drop":
                    if current is not None and current.number == order["connection"]:
                        current.transport.abort()
        except Exception as error:  # the test decides what it means
            tell(event="error", message=f"{order['do']}: {error!r}")


async def main():
    tasks = []
    if sys.argv[1] == "server":
        server = await websockets.serve(hold, "127.0.0.1", 0, subprotocols=["second"], max_size=None)
        tell(event="listening", port=server.sockets[0].getsockname()[1])
    await obey(tasks)


asyncio.run(main())
