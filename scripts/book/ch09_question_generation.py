"""Chapter 9 (chapter 7 of the first edition): what could be asked about a passage, and the question.

One model reads passages on people who never lived, and finds the answers in them. A T5 reads a passage in which an answer is
marked, and writes "answer | question" by beam search. Together they ask about a passage that nobody marked, and are right
where the passage answers that question so. None of the names and years that are judged was seen before: they are written
letter by letter. A second T5, which is told the mean of the passage's places instead of attending to them, shows what
attention is for.
"""

import re
from collections.abc import Sequence
from random import Random

import torch
from torch import Tensor

from genmodels.book_recipe import Recipe, at_least
from genmodels.data import Pairs, Passage, Spelling, passages
from genmodels.data.passages import BETWEEN, marked
from genmodels.language import T5, Tagger, runs
from genmodels.metrics import answer_f1
from genmodels.nn import attention_weights
from genmodels.sampling import beam_search
from genmodels.storage import write_bytes
from genmodels.training import Shuffled, fit
from genmodels.viz import curves, reading_map

FINDING = 0.1  # of the minutes; the others are for asking, with attention and without
SHORT = 800  # steps on short passages alone: copying is learned sooner where there is less to choose from
AT_ONCE = 50  # passages that are asked about side by side
LENGTH = 32  # tokens of an answer and a question, which have fewer

Texts = Sequence[tuple[str, str]]


def inside(spelling: Spelling, passage: Passage) -> Tensor:
    """Which tokens of a passage belong to an answer, as 0 and 1."""
    places = spelling.places(spelling.encode(passage.text))
    answers = [(question.start, question.end) for question in passage.questions]
    return torch.tensor([int(any(first < end and start < last for first, last in answers)) for start, end in places])


def teach(run: Recipe, name: str, model: Tagger | T5, parts: Sequence[Pairs], share: float) -> None:
    """Train on short passages, and then on short and long ones in turns, for a share of the recipe's minutes."""
    turns = [Shuffled(each, run.count(size, 4), run.seed) for each, size in zip(parts, (32, 24), strict=True)]
    fit(
        model,
        model.updates(),
        lambda step: turns[step % 2 if step >= SHORT else 0](step),
        minutes=share * run.minutes,
        folder=run.folder / name,
        device=run.device,
        seed=run.seed,
    )
    model.save(run.folder / name)
    run.picture(f"{name}_curves", curves(run.folder / name / "metrics.jsonl"))
    model.cpu().eval()


def finder(run: Recipe, spelling: Spelling, learned: Sequence[Sequence[Passage]]) -> Tagger:
    """What finds answers in passages."""
    tagger = Tagger(tokens=len(spelling), width=run.count(128, 32), layers=run.count(3, 1), heads=4, lr=2e-3)
    parts = [
        Pairs([spelling.encode(passage.text) for passage in read], [inside(spelling, passage) for passage in read])
        for read in learned
    ]
    teach(run, "finder", tagger, parts, FINDING)
    return tagger


def asker(run: Recipe, spelling: Spelling, learned: Sequence[Texts], attention: bool) -> T5:
    """What asks for the answer that is marked."""
    width, layers = run.count(128, 32), run.count(3, 1)
    t5 = T5(tokens=len(spelling), width=width, layers=layers, heads=4, attention=attention, lr=1e-3)
    parts = [
        Pairs(*([spelling.encode(text, end=True) for text in side] for side in zip(*texts, strict=True))) for texts in learned
    ]
    teach(run, "attention" if attention else "no_attention", t5, parts, (1.0 - FINDING) / 2)
    return t5


def to_learn(read: Sequence[Passage], seed: int) -> Texts:
    """Of each passage one answer that is marked, and its question."""
    rng, texts = Random(seed), []
    for passage in read:
        i = rng.randrange(len(passage.questions))
        texts.append((passage.marked(i), passage.asked(i)))
    return texts


def asked(t5: T5, spelling: Spelling, sources: Sequence[str]) -> list[list[str]]:
    """What the model writes about each source: the best of four beams first."""
    read = Pairs(*[[spelling.encode(text, end=True) for text in sources]] * 2)
    told: list[list[Tensor]] = []
    for rows in torch.arange(len(sources)).split(AT_ONCE):
        prompt = torch.empty(len(rows), 0, dtype=torch.int64)
        told += beam_search(t5.reading(read[rows][0]), prompt, LENGTH, beams=4, end=0).tokens
    return [[spelling.decode(text) for text in texts] for texts in told]


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


def found(tagger: Tagger, spelling: Spelling, read: Sequence[Passage]) -> list[list[tuple[int, int]]]:
    """Where each passage has answers, as letters from and to."""
    spans = []
    for passage in read:
        numbers = spelling.encode(passage.text)
        places = spelling.places(numbers)
        at = [(places[first][0], places[last - 1][1]) for first, last in runs(tagger.tag(numbers[None])[0])]
        spans.append([(end - len(passage.text[start:end].lstrip()), end) for start, end in at])  # a word may have its space
    return spans


def together(run: Recipe, name: str, tagger: Tagger, t5: T5, spelling: Spelling, read: Sequence[Passage]) -> str:
    """The figures of both on passages that nobody marked; some of these with what is asked."""
    spans = found(tagger, spelling, read)
    right = [{(question.start, question.end) for question in passage.questions} for passage in read]
    hits = sum(len(known.intersection(told)) for known, told in zip(right, spans, strict=True))
    run.figure(f"{name}: answers found, F1", 2 * hits / (sum(map(len, right)) + sum(map(len, spans))), at_least(0.95))
    sources = [marked(passage.text, *span) for passage, at in zip(read, spans, strict=True) for span in at]
    told = iter([halves(texts[0]) for texts in asked(t5, spelling, sources)] if sources else [])
    questions = [[next(told) for _ in at] for at in spans]
    known = [{halves(passage.asked(i)) for i in range(len(passage.questions))} for passage in read]
    exact = sum(two in truth for asks, truth in zip(questions, known, strict=True) for two in asks)
    run.figure(f"{name}, unmarked: exact answer and question, %", 100 * exact / max(1, len(sources)), at_least(90))
    return "\n\n".join(
        "\n".join([passage.text, *(BETWEEN.join(two) for two in asks)])
        for passage, asks in list(zip(read, questions, strict=True))[:6]
    )


def look(run: Recipe, name: str, t5: T5, spelling: Spelling, passage: Passage, i: int) -> None:
    """Where the decoder looks as it writes the answer and the question, in the mean over blocks and heads."""
    source, target = (spelling.encode(text, end=True) for text in (passage.marked(i), passage.asked(i)))
    with attention_weights(t5) as weights:
        t5.scan(source[None], target[None])
    across = torch.cat([weight for where, weight in weights.items() if where.endswith("across")], 1)[0].mean(0)
    symbols = spelling.vocabulary.symbols
    run.picture(name, reading_map(across, *([symbols[number] for number in text.tolist()] for text in (target, source))))


def main() -> None:
    """Train, and judge on short passages and on long ones."""
    run = Recipe(__doc__, row=59, system="question generation", minutes=10.0)
    lengths = {"short": False, "long": True}
    learned = [passages(run.count(20_000, 100), run.seed, long=long) for long in lengths.values()]
    judged = {name: passages(run.count(300, 4), run.seed, "test", long=long) for name, long in lengths.items()}
    parts = [to_learn(read, run.seed) for read in learned]
    texts = [text for part in parts for two in part for text in two]
    spelling = Spelling.of(texts, least=len(texts) // 200)
    spelling.save(run.folder / "spelling.json")
    tagger = finder(run, spelling, learned)
    t5, without = (asker(run, spelling, parts, attention) for attention in (True, False))
    samples, exact = "", {}
    for name, read in judged.items():
        exact[name] = judge(run, name, t5, spelling, read, held=True)
        exact[name] -= judge(run, f"{name}, without attention", without, spelling, read, held=False)
        samples += f"==== {name} ====\n\n{together(run, name, tagger, t5, spelling, read)}\n\n"
        look(run, f"{name}_looks", t5, spelling, read[0], 0)
    for name, better in exact.items():
        run.figure(f"{name}: exact questions by attention, points", better, at_least(10) if name == "long" else None)
    write_bytes(run.folder / "samples.txt", samples.encode())
    run.finish()


if __name__ == "__main__":
    main()
