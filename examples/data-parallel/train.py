"""Data-parallel training without a framework: every replica has its share of the data, rank 0 averages the gradients.

RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT come from the PyTorchJob, as for torch.distributed.
"""

import json
import os
import socket
import time

RANK = int(os.environ["RANK"])
SIZE = int(os.environ["WORLD_SIZE"])
ADDRESS = (os.environ["MASTER_ADDR"] if RANK else "", int(os.environ["MASTER_PORT"]))
STEPS, RATE = 300, 0.5


def connect():
    """Line-based streams to the others: rank 0 has one for each, the rest have one to rank 0."""
    if RANK == 0:
        server = socket.create_server(ADDRESS)
        return [server.accept()[0].makefile("rw") for _ in range(SIZE - 1)]
    while True:
        try:
            return [socket.create_connection(ADDRESS, timeout=5).makefile("rw")]
        except OSError:  # its name or its port is not there yet
            time.sleep(0.5)


def all_reduce(peers, values):
    """The mean of every replica's values, the same for all of them."""
    if RANK == 0:
        parts = [values] + [json.loads(peer.readline()) for peer in peers]
        values = [sum(column) / SIZE for column in zip(*parts)]
    for peer in peers:
        print(json.dumps(values), file=peer, flush=True)
    return values if RANK == 0 else json.loads(peers[0].readline())


# y = 3x + 2; each replica sees every SIZE-th point only.
points = [(x / 100, 3 * x / 100 + 2) for x in range(100)][RANK::SIZE]
slope, offset = 0.0, 0.0
peers = connect()
for step in range(STEPS):
    errors = [(slope * x + offset - y, x) for x, y in points]
    gradient = [sum(e * x for e, x in errors) / len(errors), sum(e for e, _ in errors) / len(errors)]
    mean = all_reduce(peers, gradient)
    slope, offset = slope - RATE * mean[0], offset - RATE * mean[1]
model = f"y = {slope:.1f}x + {offset:.1f}"
print(f"replica {RANK} of {SIZE}: {len(points)} points, {model}", flush=True)
if RANK == 0:
    with open("/dev/termination-log", "w") as result:
        json.dump({"outputs": {"model": model}, "replicas": SIZE}, result)
