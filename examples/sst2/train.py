"""Trains the classifier on one file of sentences and measures it on another that it never sees while training."""

import argparse
import json
import os
import sys

from classifier import Rejected, accuracy, majority, read_sentences, train

SETTINGS = {"epochs": int, "rate": float, "decay": float, "seed": int}


def main():
    options = arguments()
    settings = read_settings(options.config)
    examples = read_sentences(options.train)
    held_out = read_sentences(options.dev)
    print(f"{options.label}: {len(examples)} sentences to learn from, {len(held_out)} held out", flush=True)

    losses = []

    def tell(epoch, loss):
        losses.append(round(loss, 6))
        print(f"epoch {epoch}/{settings['epochs']}  loss {loss:.4f}", flush=True)

    model = train(examples, tell=tell, **settings)
    reached = accuracy(model, held_out)
    print(f"held-out accuracy: {reached:.2f} (n={len(held_out)})", flush=True)

    report = {
        "label": options.label,
        "accuracy": round(reached, 4),
        "majority": round(majority(held_out), 4),
        "sentences": len(held_out),
        "losses": losses,
        "settings": settings,
    }
    model_path = os.path.join(options.basedir, "model.json")
    report_path = os.path.join(options.basedir, "report.json")
    try:
        os.makedirs(options.basedir, exist_ok=True)
        save(model_path, model)
        save(report_path, report)
        hand_back(options.result, {"accuracy": report["accuracy"], "outputs": {"model": model_path, "report": report_path}})
    except OSError as error:
        raise Rejected(f"cannot write the model: {error}") from error
    print(f"saved {model_path}", flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--basedir", required=True, help="directory for the model and the report")
    parser.add_argument("--config", required=True, help="settings, one `name: value` per line")
    parser.add_argument("--train", required=True, help="sentences to learn from; the real SST-2 works too")
    parser.add_argument("--dev", required=True, help="sentences to measure on")
    parser.add_argument("--label", default="sst2", help="name of this training in what is printed and saved")
    parser.add_argument("--result", default="/dev/termination-log", help="where the cluster picks up a task's result")
    return parser.parse_args()


def read_settings(path):
    """Reads the flat YAML of the settings; every one must be there."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Rejected(f"cannot read {path}: {error}") from error
    settings = {}
    for number, line in enumerate(lines, start=1):
        text = line.split("#", 1)[0].strip()
        if not text:
            continue
        name, _, value = text.partition(":")
        try:
            settings[name] = SETTINGS[name](value)
        except (KeyError, ValueError):
            raise Rejected(f"{path}, line {number}: want one of {', '.join(SETTINGS)} and a number, got {text!r}") from None
    missing = [name for name in SETTINGS if name not in settings]
    if missing:
        raise Rejected(f"{path} does not set {', '.join(missing)}")
    if settings["epochs"] < 1:
        raise Rejected(f"{path}: epochs must be 1 or more, not {settings['epochs']}")
    return settings


def save(path, value):
    """Writes JSON so that a reader sees the whole file or none of it."""
    with open(f"{path}.part", "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1, sort_keys=True)
    os.replace(f"{path}.part", path)


def hand_back(path, result):
    """Gives a small result to the cluster. Outside a cluster nobody has made that file, and nobody waits for it."""
    if os.path.exists(path):
        with open(path, "w", encoding="utf-8") as file:
            json.dump(result, file)


if __name__ == "__main__":
    try:
        main()
    except Rejected as rejected:
        print(f"error: {rejected}", file=sys.stderr)
        sys.exit(2)
