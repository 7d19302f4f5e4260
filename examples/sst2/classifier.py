"""A sentiment classifier in plain Python: logistic regression over the words and word pairs of a sentence."""

import math
import random


class Rejected(Exception):
    """Input that cannot be used; the message says what, where and what to do."""


def read_sentences(path):
    """Reads [(sentence, label)] from `label TAB sentence` lines, or from the table that SST-2 is published as.

    That table has the header `sentence TAB label`. Labels are 0 (negative) and 1 (positive).
    """
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Rejected(f"cannot read {path}: {error}") from error
    label_first = True
    examples = []
    for number, line in enumerate(lines, start=1):
        if number == 1 and line == "sentence\tlabel":
            label_first = False
            continue
        if not line.strip():
            continue
        columns = line.split("\t")
        if not label_first:
            columns.reverse()
        if len(columns) != 2 or columns[0] not in ("0", "1") or not columns[1].strip():
            raise Rejected(f"{path}, line {number}: want 0 or 1, a tab and a sentence, got {line[:60]!r}")
        examples.append((columns[1], int(columns[0])))
    if not examples:
        raise Rejected(f"{path} holds no sentences: one per line, as label TAB sentence")
    return examples


def features(sentence):
    """The words and the pairs of neighbouring words of a sentence, each once."""
    words = sentence.lower().split()
    return sorted(set(words) | {f"{left} {right}" for left, right in zip(words, words[1:])})


def probability(model, names):
    """How likely a sentence with these features is positive, from 0 to 1."""
    weights = model["weights"]
    score = model["bias"] + sum(weights.get(name, 0.0) for name in names)
    if score < -30:
        return 0.0
    return 1.0 / (1.0 + math.exp(-score))


def train(examples, epochs, rate, decay, seed, tell):
    """Fits a model by stochastic gradient descent; calls tell(epoch, mean loss) after each pass over the examples.

    The same examples and seed give the same model.
    """
    order = random.Random(seed)
    rows = [(features(sentence), label) for sentence, label in examples]
    weights = {}
    model = {"bias": 0.0, "weights": weights}
    for epoch in range(1, epochs + 1):
        order.shuffle(rows)
        step = rate / math.sqrt(epoch)
        loss = 0.0
        for names, label in rows:
            guess = probability(model, names)
            loss -= math.log(max(guess if label else 1.0 - guess, 1e-12))
            error = label - guess
            model["bias"] += step * error
            for name in names:
                weight = weights.get(name, 0.0)
                weights[name] = weight + step * (error - decay * weight)
        tell(epoch, loss / len(rows))
    return model


def accuracy(model, examples):
    """Share of the examples whose label the model finds, from 0 to 1."""
    right = sum((probability(model, features(sentence)) >= 0.5) == bool(label) for sentence, label in examples)
    return right / len(examples)


def majority(examples):
    """Share of the more frequent label: what a classifier reaches that always answers the same."""
    positive = sum(label for _, label in examples)
    return max(positive, len(examples) - positive) / len(examples)
