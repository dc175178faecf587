#!/usr/bin/env python3
"""A TCP proxy that holds every byte back: fault_proxy.py LISTEN_ADDRESS PORT TO_ADDRESS PORT DELAY_MS

The delay is each way's: a round trip takes twice as long. Order and content stay; a side that closes is
passed on like its last bytes.
"""
import asyncio
import sys

CHUNK, CHUNKS = 16384, 256  # what one direction may hold; past it the sender waits


async def deliver(chunks, writer):
    while True:
        due, data = await chunks.get()
        await asyncio.sleep(due - asyncio.get_running_loop().time())
        if not data:
            return
        writer.write(data)
        await writer.drain()


async def carry(reader, writer, delay_s):
    chunks = asyncio.Queue(CHUNKS)
    delivery = asyncio.create_task(deliver(chunks, writer))
    try:
        data = None
        while data != b"":
            data = await reader.read(CHUNK)
            await chunks.put((asyncio.get_running_loop().time() + delay_s, data))
        await delivery
    except ConnectionError:
        delivery.cancel()
    finally:
        writer.close()


async def serve(reader, writer, to, delay_s):
    try:
        far_reader, far_writer = await asyncio.open_connection(*to)
    except OSError:
        writer.close()
        return
    await asyncio.gather(carry(reader, far_writer, delay_s), carry(far_reader, writer, delay_s))


async def main(address, port, to_address, to_port, delay_ms):
    to, delay_s = (to_address, int(to_port)), float(delay_ms) / 1000
    server = await asyncio.start_server(lambda r, w: serve(r, w, to, delay_s), address, int(port))
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
