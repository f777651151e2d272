"""Chapter 9: a GPT that writes letter by letter: Shakespeare, or any text of yours.

    python scripts/book/ch09_gpt.py --text my/novel.txt --minutes 10
    python scripts/book/ch09_gpt.py --tokens bytes      bytes that often stand together are one token

The figures are nats of a letter on the last tenth of the text, by which nothing was chosen, beside those of n-grams that count
(Witten and Bell).
"""

import argparse
import sys
from pathlib import Path

import torch

from genmodels.book_recipe import Recipe, at_most, within
from genmodels.data import BytePairs, TextWindows, Vocabulary, shakespeare
from genmodels.language import GPT
from genmodels.metrics import witten_bell_nats
from genmodels.nn import attention_weights
from genmodels.sampling import generate
from genmodels.storage import write_bytes
from genmodels.training import Shuffled, fit
from genmodels.viz import attention_maps, attention_page, curves

LOOKED_AT = 64  # tokens in the pictures of attention


def own_options() -> tuple[Path | None, str, list[str]]:
    """The file that `--text` names, what `--tokens` are, and the other arguments."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--text", type=Path)
    parser.add_argument("--tokens", choices=("letters", "bytes"), default="letters")
    options, others = parser.parse_known_args()
    return options.text, options.tokens, others


def parts(file: Path | None) -> tuple[str, str]:
    """The text to learn from, and its last tenth."""
    if file is None:
        return shakespeare("train"), shakespeare("valid")
    if not file.is_file():
        sys.exit(f"{file}: there is no such file; --text names one to learn from")
    text = file.read_text(encoding="utf-8")
    if len(text) < 10_000:
        sys.exit(f"{file}: {len(text):,} characters are too few to learn to write from; 100,000 are a beginning")
    cut = len(text) * 9 // 10
    return text[:cut], text[cut:]


def tokens_of(run: Recipe, unit: str, learned: str, valid: str) -> Vocabulary | BytePairs:
    """Letters, or bytes and pairs of them: 1,024 tokens, known from what is learned alone."""
    if unit == "letters":
        return Vocabulary.of([learned, valid])
    return BytePairs.of(learned[: run.count(len(learned), 20_000)], size=run.count(1024, 300))


def train(run: Recipe, gpt: GPT, learned: str, vocabulary: Vocabulary | BytePairs) -> GPT:
    """On windows at any place of the text."""
    folder = run.folder / "gpt"
    windows = Shuffled(TextWindows(vocabulary.encode(learned), gpt.length, stride=1), run.count(16, 4), run.seed)
    fit(gpt, gpt.updates(), windows, minutes=run.minutes, folder=folder, device=run.device, seed=run.seed)
    gpt.save(folder)
    run.picture("curves", curves(folder / "metrics.jsonl"))
    return gpt.cpu()


@torch.no_grad()
def draw_attention(run: Recipe, gpt: GPT, vocabulary: Vocabulary | BytePairs, text: str) -> None:
    """Where each layer and head looks, reading a text."""
    x = vocabulary.encode(text)[:LOOKED_AT]
    with attention_weights(gpt) as found:
        gpt.begin(x[None])
    weights = torch.cat(list(found.values()))
    run.picture("attention", attention_maps(weights))
    tokens = ["", *(vocabulary.decode(token) for token in x.split(1))]  # it begins with a place of its own
    write_bytes(run.folder / "attention.html", attention_page(tokens, weights, "Where a GPT looks").encode())


def main() -> None:
    """Train, judge, write, draw."""
    file, unit, arguments = own_options()
    run = Recipe(__doc__, row=28, system="GPT", minutes=10.0, arguments=arguments)
    learned, valid = parts(file)
    valid = valid[: run.count(len(valid), 500)]
    vocabulary = tokens_of(run, unit, learned, valid)
    vocabulary.save(run.folder / f"{unit}.json")
    tokens, width, heads = len(vocabulary), run.count(128, 32), run.count(4, 2)
    gpt = GPT(tokens, width, layers=4, heads=heads, length=128, dropout=0.1, lr=4e-3)
    if file is None and unit == "letters":
        x = vocabulary.encode(learned[: 8 * gpt.length]).view(8, -1)
        run.figure("nats of a letter before training", gpt.loss(x)[0].item(), within(4.07, 4.28))
    gpt = train(run, gpt, learned, vocabulary)
    nats = -gpt.log_prob(vocabulary.encode(valid)[None]).nats.item() / len(valid)
    bars = (at_most(1.75), at_most(1.66)) if file is None else (None, None)
    run.figure("nats of a letter", nats, *bars, published="1.88 nanoGPT on CPU, 1.47 on GPU" if file is None else "")
    for order in (4, 5):
        run.figure(f"{order}-grams", witten_bell_nats(learned[: run.count(len(learned), 20_000)], valid, order))
    prompt = vocabulary.encode(valid[:1])[None]
    told = {
        f"temperature {t}": generate(gpt, prompt, run.count(600, 40), temperature=t, seed=run.seed) for t in (0.5, 0.8, 1.0)
    }
    told["top-p 0.9"] = generate(gpt, prompt, run.count(600, 40), top_p=0.9, seed=run.seed)
    text = "".join(f"==== {how} ====\n{vocabulary.decode(each[0])}\n\n" for how, each in told.items())
    write_bytes(run.folder / "samples.txt", text.encode())
    draw_attention(run, gpt, vocabulary, valid)
    run.finish()


if __name__ == "__main__":
    main()
