"""What a worker of MLBench runs: it meets the others by name, works, and tells of it by the client's own logging.

Prints lines `RESULT JSON`. The packages' __init__ are left out, for they would import torch; every module that is used is as published.
"""
import argparse
import hashlib
import json
import os
import socket
import sys
import sysconfig
import threading
import time
import types

CLIENT = "/usr/local/lib/mlbench/mlbench_core"
sys.path.insert(0, os.path.dirname(CLIENT))
for name in ["mlbench_core", "mlbench_core.utils"]:
    package = types.ModuleType(name)
    package.__path__ = [os.path.join(os.path.dirname(CLIENT), *name.split("."))]
    sys.modules[name] = package

parser = argparse.ArgumentParser()
for option in ["run_id", "rank", "hosts", "backend", "other", "closed"]:
    parser.add_argument("--" + option)
given = parser.parse_args()
rank = int(given.rank)
hosts = given.hosts.split(",")
PORT = 2222
DEADLINE = time.monotonic() + 240


def result(**values):
    print("RESULT " + json.dumps({"rank": rank, **values}), flush=True)


def again(work):
    """Until it works, or the time is up."""
    while True:
        try:
            return work()
        except Exception:
            if time.monotonic() > DEADLINE:
                raise
            time.sleep(0.5)


def answer(server):
    while True:
        connection, _ = server.accept()
        connection.sendall(socket.gethostname().encode())
        connection.close()


def meet(host):
    with socket.create_connection((host, PORT), 10) as connection:
        return connection.makefile().read()


def is_open(target):
    host, port = target.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), 5).close()
        return True
    except OSError:
        return False


server = socket.create_server(("", PORT))
threading.Thread(target=answer, args=[server], daemon=True).start()
result(met=[again(lambda: meet(host)) for host in hosts])

# At its import it looks for the server, by the labels of its pod.
LogMetrics = again(lambda: __import__("mlbench_core.utils.log_metrics", fromlist=["LogMetrics"]).LogMetrics)
api = LogMetrics.api


def ask(method, *arguments, **values):
    answer = getattr(api, method)(*arguments, **values).result()
    return answer.status_code, answer.json() if answer.content else None


for epoch in range(4):
    LogMetrics.log(given.run_id, rank, epoch, "train_loss", 1 / (epoch + 1))
name = "train_loss @ %d" % rank


def posted():
    status, metrics = ask("get_run_metrics", given.run_id, metric_filter=name)
    assert status == 200 and len(metrics.get(name, [])) == 4, (status, metrics)
    return sorted(entry["value"] for entry in metrics[name])


result(posted=again(posted))


def figures():
    """Works for a second, and looks whether that has been seen."""
    until = time.monotonic() + 1
    while time.monotonic() < until:
        hashlib.sha256(b"x" * 100000).digest()
    status, metrics = ask("get_pod_metrics", socket.gethostname())
    assert status == 200, metrics
    series = {each: metrics[each] for each in ["cpu", "memory", "network_in", "network_out"]}
    assert len(series["cpu"]) > 2 and float(series["cpu"][-1]["value"]) > 0.05, series
    return {each: [float(entry["value"]) for entry in entries] for each, entries in series.items()}


result(figures=again(figures))
if rank == 0:
    since = ask("get_run_metrics", given.run_id, metric_filter=name)[1][name][2]["date"]
    result(
        runs=ask("get_runs")[1],
        pods=[pod["name"] for pod in ask("get_worker_pods")[1]],
        since=len(ask("get_run_metrics", given.run_id, since=since, metric_filter=name)[1][name]),
        summarized=len(ask("get_run_metrics", given.run_id, summarize=2, metric_filter=name)[1][name]),
        refused=[
            ask("delete_run", given.run_id)[0],
            ask("post_metric", given.other, "not mine", 1)[0],
            ask("create_run", "another", 1, custom_image_name="i", custom_image_command="/c")[0],
        ],
        open=[is_open(target) for target in given.closed.split(",")],
    )
