"""Listens to a cable for the program's part of the traffic (TCP and UDP), and tells on demand where packets came from.

A line on standard input is answered by one line: {"sources": {ADDRESS: PACKETS}, "dropped": COUNT}.
"""

import json
import select
import socket
import struct
import sys

SOL_PACKET, PACKET_STATISTICS, PACKET_OUTGOING = 263, 6, 4
SO_RCVBUFFORCE = 33
TCP, UDP = 6, 17


def source(protocol, data):
    if protocol == 0x0800 and data[9] in (TCP, UDP):
        return socket.inet_ntop(socket.AF_INET, data[12:16])
    if protocol == 0x86DD and data[6] in (TCP, UDP):
        return socket.inet_ntop(socket.AF_INET6, data[8:24])
    return None


wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
wire.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
wire.bind(("veth0", 0))
wire.setblocking(False)
print("ready", flush=True)
sources, dropped = {}, 0
while True:
    readable = select.select([wire, sys.stdin], [], [])[0]
    while True:
        try:
            data, link = wire.recvfrom(64)
        except BlockingIOError:
            break
        address = source(link[1], data) if link[2] != PACKET_OUTGOING else None
        if address is not None:
            sources[address] = sources.get(address, 0) + 1
    if sys.stdin in readable:
        if not sys.stdin.readline():
            break
        dropped += struct.unpack("II", wire.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]
        print(json.dumps({"sources": sources, "dropped": dropped}), flush=True)
