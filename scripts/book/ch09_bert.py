"""Chapter 9: a BERT that fills gaps in Shakespeare, beside a GPT of its size, which sees only what stands to the left.

Both learn from the same letters for the same time. In text that neither has seen, some letters are then hidden: BERT tells each
from all that are not; the GPT tells the same ones, each from all before it, hidden ones too, for it has no blanks.
"""

import re
from typing import Any

import torch
from torch import Tensor

from genmodels.book_recipe import Recipe, at_least
from genmodels.data import TextWindows, Vocabulary, shakespeare
from genmodels.language import BERT, GPT
from genmodels.model import Model
from genmodels.nn import attention_weights
from genmodels.storage import write_bytes
from genmodels.training import Shuffled, fit
from genmodels.viz import attention_maps, attention_page, curves

LENGTH = 128  # letters in sight
HIDE = 0.15  # of the letters, where it is judged
HIDE_MORE = 0.3  # where it learns: twice as much to learn from in a step (Wettig et al. 2022, arXiv 2202.08005)
LOOKED_AT = 64  # letters in the pictures of attention


def train(run: Recipe, name: str, model: Model, learned: Tensor) -> None:
    """Half of the time, on windows at any place of the text."""
    folder = run.folder / name
    windows = Shuffled(TextWindows(learned, LENGTH, stride=1), run.count(16, 4), run.seed)
    fit(model, model.updates(), windows, minutes=run.minutes / 2, folder=folder, device=run.device, seed=run.seed)
    model.save(folder)
    model.cpu()
    run.picture(f"{name}_curves", curves(folder / "metrics.jsonl"))


@torch.no_grad()
def told_right(bert: BERT, gpt: GPT, x: Tensor, hidden: Tensor) -> tuple[float, float]:
    """How many of the hidden letters of texts (B, T) each tells right, in %."""
    right = []
    for text, gaps in zip(x.split(64), hidden.split(64), strict=True):
        told = torch.stack([bert.infill(text, gaps), gpt.scan(text).argmax(-1)])
        right.append((told == text)[:, gaps])
    of_bert, of_gpt = 100 * torch.cat(right, 1).double().mean(1)
    return of_bert.item(), of_gpt.item()


@torch.no_grad()
def one_by_one(bert: BERT, x: Tensor, hidden: Tensor) -> Tensor:
    """A text (1, T) with its gaps filled, the surest letter first, so that those of one word agree."""
    x, hidden = x.clone(), hidden.clone()
    while hidden.any():
        sure, told = bert.scan(x, hidden).softmax(-1).max(-1)
        place = int(sure.masked_fill(~hidden, -1.0).argmax())
        x[0, place], hidden[0, place] = told[0, place], False
    return x


def filled_in(bert: BERT, vocabulary: Vocabulary, x: Tensor, hidden: Tensor) -> str:
    """Texts with gaps, as BERT fills them, and as they were: with some letters hidden, and with some words."""
    lines = []
    for text, letters in zip(x.split(1), hidden.split(1), strict=True):
        true = vocabulary.decode(text[0])
        words = torch.zeros_like(letters)
        for word in list(re.finditer(r"\w+", true))[2::5]:
            words[0, word.start() : word.end()] = True
        for what, gaps in (("letters", letters), ("words", words)):
            told = vocabulary.decode(one_by_one(bert, text, gaps)[0])
            lines += [f"==== {what} hidden ====", masked(true, gaps[0]), f"---- filled in\n{told}", f"---- the text\n{true}\n"]
    return "\n".join(lines)


def masked(text: str, gaps: Tensor) -> str:
    """The text with a line in each gap."""
    return "".join("_" if gap else letter for letter, gap in zip(text, gaps.tolist(), strict=True))


@torch.no_grad()
def draw_attention(run: Recipe, name: str, model: BERT | GPT, text: Tensor, gaps: Tensor, letters: str) -> None:
    """Where each layer and head looks, reading one text (1, T)."""
    with attention_weights(model) as found:
        model.scan(text, gaps) if isinstance(model, BERT) else model.begin(text)
    weights = torch.cat(list(found.values()))
    run.picture(f"{name}_attention", attention_maps(weights))
    tokens = [*letters] if isinstance(model, BERT) else ["", *letters]  # a GPT begins with a place of its own
    page = attention_page(tokens, weights, f"Where a {type(model).__name__} looks")
    write_bytes(run.folder / f"{name}_attention.html", page.encode())


def main() -> None:
    """Train both, judge, fill in, draw."""
    run = Recipe(__doc__, row=29, system="BERT", minutes=10.0)
    learned, valid = shakespeare("train"), shakespeare("valid")[: run.count(111_540, 1_000)]
    vocabulary = Vocabulary.of([learned, valid])
    vocabulary.save(run.folder / "letters.json")
    size: dict[str, Any] = {"width": run.count(128, 32), "layers": run.count(4, 2), "heads": run.count(4, 2), "length": LENGTH}
    size |= {"tokens": len(vocabulary), "lr": 4e-3}
    bert, gpt = BERT(hide=HIDE_MORE, **size), GPT(**size)
    for name, model in (("bert", bert), ("gpt", gpt)):
        train(run, name, model, vocabulary.encode(learned))

    windows = TextWindows(vocabulary.encode(valid), LENGTH)
    x = windows[torch.arange(len(windows))]
    hidden = torch.rand(x.shape, generator=torch.Generator().manual_seed(run.seed)) < HIDE
    of_bert, of_gpt = told_right(bert, gpt, x, hidden)
    run.figure("BERT: hidden letters told right, %", of_bert)
    run.figure("GPT: the same letters told right, %", of_gpt)
    run.figure("points between them", of_bert - of_gpt, at_least(8.0))
    run.figure("parameters, BERT's over GPT's", bert.num_parameters / gpt.num_parameters)

    write_bytes(
        run.folder / "filled_in.txt", filled_in(bert, vocabulary, *(each[: run.count(6, 1)] for each in (x, hidden))).encode()
    )
    text, gaps = x[:1, :LOOKED_AT], hidden[:1, :LOOKED_AT]
    draw_attention(run, "bert", bert, text, gaps, masked(vocabulary.decode(text[0]), gaps[0]))
    draw_attention(run, "gpt", gpt, text, gaps, vocabulary.decode(text[0]))
    run.finish()


if __name__ == "__main__":
    main()
