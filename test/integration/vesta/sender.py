"""A sender as machines outside the cluster run it: one round of it. Arguments: server, host name, token, file that it keeps, utilisation."""

import json
import os
import sys
import urllib.parse
import urllib.request

server, host_name, token, path, utilisation = sys.argv[1:6]


def answer_of(request):
    with urllib.request.urlopen(request, timeout=60) as response:
        if response.status != 200:
            raise SystemExit("HTTP status %d" % response.status)
        return json.loads(response.read())


def register():
    query = urllib.parse.urlencode({"host_name": host_name, "token": token})
    answer = answer_of("%s/register/?%s" % (server, query))
    if answer["status_code"] != 200:
        raise SystemExit("register: %s" % json.dumps(answer))
    with open(path, "w") as file:
        file.write("hash_key: %s\nregistered_name: %s\n" % (answer["id"], answer["register_name"]))
    return answer["id"]


def known_key():
    if not os.path.exists(path):
        return register()
    with open(path) as file:
        return dict(line.strip().split(": ", 1) for line in file)["hash_key"]


def send(key):
    gpu = {
        "device_num": "0", "gpu_name": "TITAN V", "gpu_volatile": utilisation, "temperature": "37",
        "uuid": "GPU-ad466f2f", "timestamp": "2018/11/23 20:45:14.123",
        "total_memory": "12066", "used_memory": "66", "available_memory": "12000",
        "processes": [{"pid": "7", "name": "python3", "user": "ada", "used_memory": "60"}],
    }
    query = urllib.parse.urlencode({"token": token})
    body = json.dumps({"gpu:0": gpu}).encode()
    headers = {"Content-Type": "application/json"}
    return answer_of(urllib.request.Request("%s/update/host/%s?%s" % (server, key, query), body, headers))


answer = send(known_key())
if answer["status_code"] == 404:
    answer = send(register())
print(json.dumps(answer))
