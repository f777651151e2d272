"""Chapter 9: a T5 that reads and writes: letters backwards and in order, dates, German, and what is missing from Shakespeare.

Three models, each a few minutes: one of letters for all tasks on strings, which the first sign of a source names; one of words
that translates; one that fills gaps in plain text, which is how a T5 is pretrained. Strings, dates and sentences that are
judged were never seen.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from genmodels.book_recipe import Recipe, at_least
from genmodels.data import Pairs, TextWindows, Vocabulary, shakespeare, string_task, translations
from genmodels.data.string_tasks import SIGNS
from genmodels.language import T5, SpanCorruption, restored
from genmodels.language.span_corruption import spans
from genmodels.metrics import bleu
from genmodels.nn import attention_weights
from genmodels.sampling import generate
from genmodels.storage import write_bytes
from genmodels.training import Shuffled, fit
from genmodels.viz import curves, reading_map

AT_ONCE = 250  # sources that are written about side by side

Texts = Sequence[tuple[str, str]]


def train(run: Recipe, name: str, t5: T5, batches: Callable[[int], Any], share: float) -> T5:
    """One model, trained for a share of the recipe's minutes."""
    folder = run.folder / name
    fit(t5, t5.updates(), batches, minutes=share * run.minutes, folder=folder, device=run.device, seed=run.seed)
    t5.save(folder)
    run.picture(f"{name}_curves", curves(folder / "metrics.jsonl"))
    return t5.cpu().eval()


def pairs(vocabulary: Vocabulary, texts: Texts) -> Pairs:
    """Sources and targets as numbers, with their ends."""
    read, written = ([vocabulary.encode(text, end=True) for text in side] for side in zip(*texts, strict=True))
    return Pairs(read, written)


def told(t5: T5, vocabulary: Vocabulary, texts: Texts) -> list[str]:
    """What the model writes about each source, the most probable token each time."""
    data, found = pairs(vocabulary, texts), []
    for rows in torch.arange(len(texts)).split(AT_ONCE):
        source, (target, _) = data[rows]
        prompt = torch.empty(len(rows), 0, dtype=torch.int64)
        found += generate(t5.reading(source), prompt, target.shape[1] + 4, temperature=0.0, end=vocabulary.end)
    return [vocabulary.decode(each) for each in found]


def look(run: Recipe, name: str, t5: T5, vocabulary: Vocabulary, text: tuple[str, str]) -> None:
    """Where the decoder looks as it tells each token, in the mean over blocks and heads."""
    source, target = (vocabulary.encode(side, end=True)[None] for side in text)
    with attention_weights(t5) as weights:
        t5.scan(source, target)
    across = torch.cat([weight for where, weight in weights.items() if where.endswith("across")], 1)[0].mean(0)
    read, written = ([vocabulary.symbols[number] for number in side[0].tolist()] for side in (source, target))
    run.picture(name, reading_map(across, written, read))


def strings(run: Recipe) -> str:
    """One model for three tasks, which take turns."""
    learned = {task: string_task(task, run.count(40_000, 100), run.seed) for task in SIGNS}
    judged = {task: string_task(task, run.count(500, 5), run.seed, "test") for task in SIGNS}
    vocabulary = Vocabulary.of(
        [text for part in (*learned.values(), *judged.values()) for two in part for text in two], end=True
    )
    vocabulary.save(run.folder / "letters.json")
    t5 = T5(tokens=len(vocabulary), width=run.count(128, 32), layers=run.count(3, 1), heads=4, lr=2e-3)
    turns = [Shuffled(pairs(vocabulary, part), run.count(64, 8), run.seed) for part in learned.values()]
    t5 = train(run, "strings", t5, lambda step: turns[step % len(turns)](step // len(turns)), share=0.5)
    lines = []
    for task, part in judged.items():
        answers = told(t5, vocabulary, part)
        right = sum(answer == target for answer, (_, target) in zip(answers, part, strict=True))
        run.figure(f"{task}: exact on unseen ones, %", 100 * right / len(part), at_least(99))
        lines += [f"{source:<40} {answer}" for answer, (source, _) in list(zip(answers, part, strict=True))[:8]]
        look(run, f"{task}_looks", t5, vocabulary, part[0])
    return "\n".join(lines)


def german(run: Recipe) -> str:
    """English sentences in German."""
    learned = translations(run.count(40_000, 100), run.seed)
    judged = translations(run.count(500, 5), run.seed, "test")
    vocabulary = Vocabulary.of([text for part in (learned, judged) for two in part for text in two], "words", end=True)
    vocabulary.save(run.folder / "words.json")
    t5 = T5(tokens=len(vocabulary), width=run.count(128, 32), layers=run.count(2, 1), heads=4, lr=2e-3)
    t5 = train(run, "german", t5, Shuffled(pairs(vocabulary, learned), run.count(64, 8), run.seed), share=0.2)
    answers, right = told(t5, vocabulary, judged), [target for _, target in judged]
    run.figure("translation: BLEU on unseen sentences", bleu(answers, right), at_least(90))
    run.figure("translation: exact, %", 100 * sum(a == b for a, b in zip(answers, right, strict=True)) / len(right))
    look(run, "translation_looks", t5, vocabulary, max(judged, key=lambda two: len(two[0])))
    return "\n".join(f"{source}\n{answer}\n" for answer, (source, _) in list(zip(answers, judged, strict=True))[:12])


def gaps(run: Recipe) -> str:
    """Spans of Shakespeare are taken out, and written again."""
    learned, valid = shakespeare("train"), shakespeare("valid")
    vocabulary = Vocabulary.of([learned, valid])
    known, judged = (
        SpanCorruption(TextWindows(vocabulary.encode(text), 128, stride), len(vocabulary), mean=5.0, seed=run.seed)
        for text, stride in ((learned, 1), (valid[: run.count(50_000, 600)], None))
    )
    tokens = len(vocabulary) + known.sentinels
    t5 = T5(tokens=tokens, width=run.count(192, 32), layers=run.count(3, 1), heads=run.count(6, 2), lr=2e-3)
    t5 = train(run, "gaps", t5, Shuffled(known, run.count(32, 4), run.seed), share=0.3)
    (source, target), last = judged[torch.arange(len(judged))], known.first + known.spans
    reading = t5.reading(source)
    hidden = target < known.first
    run.figure("gaps: nats of a missing letter", -reading.token_nats(target)[hidden].mean().item())
    prompt = torch.empty(len(source), 0, dtype=torch.int64)
    written = generate(reading, prompt, target.shape[1] + 16, temperature=0.0, end=last)
    right = [
        filled.get(sentinel) == span
        for filled, true in (
            (spans(each, known.first), spans(was, known.first)) for each, was in zip(written, target, strict=True)
        )
        for sentinel, span in true.items()
        if sentinel < last
    ]
    run.figure("gaps: filled exactly as they were, %", 100 * sum(right) / len(right))
    return "\n".join(shown(vocabulary, *each, known.first) for each in list(zip(source, target, written, strict=True))[:6])


def shown(vocabulary: Vocabulary, source: Tensor, target: Tensor, written: Tensor, first: int) -> str:
    """A window with its gaps, as it was, and as it was filled."""
    gapped = "".join("____" if number >= first else vocabulary.symbols[number] for number in source.tolist())
    was, filled = (vocabulary.decode(restored(source, each, first)) for each in (target, written))
    return f"==== with gaps ====\n{gapped}\n==== as it was ====\n{was}\n==== as it was filled ====\n{filled}\n"


def main() -> None:
    """Letters, words, and plain text."""
    run = Recipe(__doc__, row=30, system="T5", minutes=10.0)
    write_bytes(run.folder / "samples.txt", "\n\n".join((strings(run), german(run), gaps(run))).encode())
    run.finish()


if __name__ == "__main__":
    main()
