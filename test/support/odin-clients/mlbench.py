"""Runs what mlbench-core asks of a server, without the libraries for machine learning and clouds that the rest of it imports.

`calls JSON`: methods of its ApiClient, each with its arguments; prints what came of each. `cli ARGUMENT...`: its command line.
"""
import json
import os
import sys
import sysconfig
import types
from unittest.mock import MagicMock

# Importing the package would import torch; its modules are used as they are.
package = types.ModuleType("mlbench_core")
package.__path__ = [os.path.join(sysconfig.get_paths()["purelib"], "mlbench_core")]
package.__version__ = "3.0.0"
sys.modules["mlbench_core"] = package
for name in ["boto3", "botocore", "botocore.exceptions", "matplotlib", "matplotlib.pyplot"]:
    sys.modules[name] = MagicMock()
# Charts are drawn on paper that says what was drawn.
pyplot = sys.modules["matplotlib"].pyplot = sys.modules["matplotlib.pyplot"]
paper = MagicMock()
paper.bar = lambda places, heights, width, label="": print("DRAWN", label, list(heights))
pyplot.subplots.return_value = (MagicMock(), paper)
for name in ["aws_utils", "gcloud_utils", "kind_utils", "utils"]:
    sys.modules["mlbench_core.cli." + name] = MagicMock()

from kubernetes import config
from mlbench_core.api import ApiClient


def calls(text):
    given = json.loads(text)
    client = ApiClient(url=given["url"], in_cluster=False)
    for method, arguments in given["calls"]:
        answer = getattr(client, method)(**arguments).result()
        headers = {key.lower(): value for key, value in answer.headers.items()}
        body = answer.content.hex() if "zip" in headers.get("content-disposition", "") else answer.text
        print("RESULT " + json.dumps({"status": answer.status_code, "headers": headers, "text": body}))


def endpoints(namespace):
    """Where the client looks for the server if it is not told: outside the cluster, and inside it."""
    config.load_kube_config()
    for in_cluster in [False, True]:
        client = ApiClient(in_cluster=in_cluster, k8s_namespace=namespace, load_config=False)
        print("RESULT " + json.dumps(client.endpoint))


def cli(*arguments):
    from mlbench_core.cli.cli import cli_group

    cli_group(list(arguments))


{"calls": calls, "endpoints": endpoints, "cli": cli}[sys.argv[1]](*sys.argv[2:])
