"""Chapter 9 (chapter 7 of the first edition): a model that reads a passage and asks a question about it, and knows the answer.

A T5 writes "answer | question" about passages on people who never lived, by beam search. Where the answer is marked in the
passage, one question is right; where nothing is marked it chooses what to ask, and is right if the passage answers it so. None
of the names and years that are judged was seen before: they are written letter by letter. A second T5, which is told the mean
of the passage's places instead of attending to them, shows what attention is for.
"""

import re
from collections.abc import Sequence
from random import Random

import torch

from genmodels.book_recipe import Recipe, at_least
from genmodels.data import Pairs, Passage, Spelling, passages
from genmodels.data.passages import BETWEEN
from genmodels.language import T5
from genmodels.metrics import answer_f1
from genmodels.nn import attention_weights
from genmodels.sampling import beam_search
from genmodels.storage import write_bytes
from genmodels.training import Shuffled, fit
from genmodels.viz import curves, reading_map

FIRST = 1500  # steps on marked passages alone: to copy is learned sooner where it is told what
UNMARKED = 0.5  # of the passages after them
ATTENDING = 0.7  # of the minutes; without attention the loss soon stands still
AT_ONCE = 50  # passages that are asked about side by side
LENGTH = 32  # tokens of an answer and a question, which have fewer

Texts = Sequence[tuple[str, str]]


def to_learn(read: Sequence[Passage], seed: int, unmarked: float) -> Texts:
    """Of each passage one question, and where its answer stands but in this share of them."""
    rng, texts = Random(seed), []
    for passage in read:
        i = rng.randrange(len(passage.questions))
        texts.append((passage.text if rng.random() < unmarked else passage.marked(i), passage.asked(i)))
    return texts


def train(run: Recipe, name: str, spelling: Spelling, attention: bool, parts: Sequence[Texts]) -> T5:
    """On short and long passages in turns: parts that are marked, short and long, and then parts that are not always."""
    width, layers = run.count(128, 32), run.count(3, 1)
    t5 = T5(tokens=len(spelling), width=width, layers=layers, heads=4, attention=attention, lr=2e-3)
    data = [
        Pairs(*([spelling.encode(text, end=True) for text in side] for side in zip(*texts, strict=True))) for texts in parts
    ]
    turns = [Shuffled(each, run.count(size, 4), run.seed) for each, size in zip(data, (32, 24, 32, 24), strict=True)]
    folder = run.folder / name
    fit(
        t5,
        t5.updates(),
        lambda step: turns[step % 2 + 2 * (step >= FIRST)](step // 2),
        minutes=run.minutes * (ATTENDING if attention else 1.0 - ATTENDING),
        folder=folder,
        device=run.device,
        seed=run.seed,
    )
    t5.save(folder)
    run.picture(f"{name}_curves", curves(folder / "metrics.jsonl"))
    return t5.cpu().eval()


def asked(t5: T5, spelling: Spelling, sources: Sequence[str]) -> list[list[str]]:
    """What the model writes about each source: the best of four beams first."""
    read, found = Pairs(*[[spelling.encode(text, end=True) for text in sources]] * 2), []
    for rows in torch.arange(len(sources)).split(AT_ONCE):
        prompt = torch.empty(len(rows), 0, dtype=torch.int64)
        found += beam_search(t5.reading(read[rows][0]), prompt, LENGTH, beams=4, end=0).tokens
    return [[spelling.decode(text) for text in texts] for texts in found]


def halves(told: str) -> tuple[str, str]:
    """The answer, and the question."""
    answer, _, question = told.partition(BETWEEN)
    return answer, question


def without_names(question: str) -> str:
    """A question as it would be of anybody: "What is the cat of * called?"."""
    return re.sub(r"(?<= )[A-Z]\w*", "*", question)


def judge(run: Recipe, name: str, t5: T5, spelling: Spelling, read: Sequence[Passage], held: bool) -> float:
    """The figures of a model on passages of one length; the share of exact questions, %."""
    which = [(passage, k % len(passage.questions)) for k, passage in enumerate(read)]
    told = [halves(texts[0]) for texts in asked(t5, spelling, [passage.marked(i) for passage, i in which])]
    right = [halves(passage.asked(i)) for passage, i in which]
    f1 = answer_f1([answer for answer, _ in told], [answer for answer, _ in right])
    exact = 100 * sum(a[1] == b[1] for a, b in zip(told, right, strict=True)) / len(told)
    form = 100 * sum(without_names(a[1]) == without_names(b[1]) for a, b in zip(told, right, strict=True)) / len(told)
    run.figure(f"{name}: F1 of the answer", f1, at_least(0.95) if held else None)
    run.figure(f"{name}: exact question, %", exact, at_least(90) if held else None)
    run.figure(f"{name}: exact question but for names, %", form)
    return exact


def choose(run: Recipe, name: str, t5: T5, spelling: Spelling, read: Sequence[Passage]) -> str:
    """The figures of a model that chooses what to ask; some passages with what it asks."""
    written = asked(t5, spelling, [passage.text for passage in read])
    known = [[halves(passage.asked(i)) for i in range(len(passage.questions))] for passage in read]
    told = [halves(texts[0]) for texts in written]
    f1 = answer_f1([answer for answer, _ in told], [[answer for answer, _ in right] for right in known])
    run.figure(f"{name}, own choice: F1 of the answer", f1, at_least(0.95))
    exact = sum(two in right for two, right in zip(told, known, strict=True)) / len(told)
    run.figure(f"{name}, own choice: exact answer and question, %", 100 * exact, at_least(90))
    several = [[halves(text) in right for text in texts] for texts, right in zip(written, known, strict=True)]
    run.figure(f"{name}, own choice: exact among four beams, %", 100 * sum(map(sum, several)) / sum(map(len, several)))
    return "\n\n".join("\n".join([passage.text, *texts]) for passage, texts in list(zip(read, written, strict=True))[:6])


def look(run: Recipe, name: str, t5: T5, spelling: Spelling, passage: Passage, i: int) -> None:
    """Where the decoder looks as it writes the answer and the question, in the mean over blocks and heads."""
    source, target = (spelling.encode(text, end=True) for text in (passage.marked(i), passage.asked(i)))
    with attention_weights(t5) as weights:
        t5.scan(source[None], target[None])
    across = torch.cat([weight for where, weight in weights.items() if where.endswith("across")], 1)[0].mean(0)
    symbols = spelling.vocabulary.symbols
    run.picture(name, reading_map(across, *([symbols[number] for number in text.tolist()] for text in (target, source))))


def main() -> None:
    """Train with attention and without, judge on short passages and on long ones."""
    run = Recipe(__doc__, row=59, system="question generation", minutes=12.0)
    lengths = {"short": False, "long": True}
    learned = {name: passages(run.count(20_000, 100), run.seed, long=long) for name, long in lengths.items()}
    judged = {name: passages(run.count(300, 4), run.seed, "test", long=long) for name, long in lengths.items()}
    parts = [to_learn(read, run.seed, unmarked) for unmarked in (0.0, UNMARKED) for read in learned.values()]
    texts = [text for part in parts for two in part for text in two]
    spelling = Spelling.of(texts, least=len(texts) // 200)
    spelling.save(run.folder / "spelling.json")
    t5 = train(run, "attention", spelling, True, parts)
    without = train(run, "no_attention", spelling, False, parts)
    samples, exact = "", {}
    for name, read in judged.items():
        exact[name] = judge(run, name, t5, spelling, read, held=True)
        exact[name] -= judge(run, f"{name}, without attention", without, spelling, read, held=False)
        samples += f"==== {name} ====\n\n{choose(run, name, t5, spelling, read)}\n\n"
        look(run, f"{name}_looks", t5, spelling, read[0], 0)
    for name, better in exact.items():
        run.figure(f"{name}: exact questions by attention, points", better, at_least(10) if name == "long" else None)
    write_bytes(run.folder / "samples.txt", samples.encode())
    run.finish()


if __name__ == "__main__":
    main()
