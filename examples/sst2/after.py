"""Looks at what the training left: prints its accuracy and the words that tell most, and fails if it learned nothing."""

import argparse
import json
import os
import sys

from classifier import Rejected

WORDS = 8


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--basedir", required=True, help="directory that the training wrote to")
    parser.add_argument("--label", default="after", help="name of this task in what is printed")
    options = parser.parse_args()
    report = load(os.path.join(options.basedir, "report.json"))
    model = load(os.path.join(options.basedir, "model.json"))
    try:
        ranked = sorted(model["weights"], key=model["weights"].get)
        reached, chance, count = report["accuracy"], report["majority"], report["sentences"]
    except (KeyError, TypeError) as error:
        raise Rejected(f"{options.basedir} holds no model and report of this example: {error!r}") from error

    print(f"{options.label}: model of {report['label']}, {len(ranked)} features")
    print(f"held-out accuracy: {reached:.2f} (n={count})")
    print(f"most positive: {', '.join(reversed(ranked[-WORDS:]))}")
    print(f"most negative: {', '.join(ranked[:WORDS])}", flush=True)
    if reached <= chance:
        print(f"error: {reached:.2f} is no better than always giving the same answer ({chance:.2f})", file=sys.stderr)
        sys.exit(1)
    print(f"better than always giving the same answer ({chance:.2f})", flush=True)


def load(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise Rejected(f"cannot read {path}: {error}; has the training run?") from error


if __name__ == "__main__":
    try:
        main()
    except Rejected as rejected:
        print(f"error: {rejected}", file=sys.stderr)
        sys.exit(2)
