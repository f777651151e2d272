"""Chapter 5: an LSTM that writes plays letter by letter, and a smaller one that writes them word by word.

Tiny Shakespeare. The letters are one long text, learned from in windows that carry the state on; the words are those of single
speeches, padded side by side. The figures are nats on the last tenth of the text, by which nothing was chosen, beside those of
n-grams that count (Witten and Bell).
"""

import torch
from torch import Tensor

from genmodels.autoregressive import RNN
from genmodels.book_recipe import Recipe, at_most
from genmodels.data import Padded, Streams, Vocabulary, shakespeare
from genmodels.metrics import witten_bell_nats
from genmodels.sampling import beam_search, generate
from genmodels.storage import write_bytes
from genmodels.training import Shuffled, fit
from genmodels.viz import curves

PROMPT = "\n\n"  # what stands before a speech
LONGEST = 64  # words of a speech; the rest of a longer one is left out


def train(run: Recipe, name: str, rnn: RNN, batches: Streams | Shuffled, share: float) -> RNN:
    """One model, trained for a share of the recipe's minutes."""
    folder = run.folder / name
    fit(rnn, rnn.updates(), batches, minutes=share * run.minutes, folder=folder, device=run.device, seed=run.seed)
    rnn.save(folder)
    run.picture(f"{name}_curves", curves(folder / "metrics.jsonl"))
    return rnn.cpu()


def letters(run: Recipe) -> str:
    """The text as one sequence of characters; some of what the model writes."""
    learned, valid = shakespeare("train"), shakespeare("valid")[: run.count(111_540, 500)]
    vocabulary = Vocabulary.of([learned, valid])
    vocabulary.save(run.folder / "letters.json")
    rnn = RNN(size=len(vocabulary), hidden=512, dropout=0.3, streams=32)
    rnn = train(run, "letters", rnn, Streams(vocabulary.encode(learned), streams=32, window=64, seed=run.seed), share=0.8)
    nats = -rnn.log_prob(vocabulary.encode(valid)[None]).nats.item() / len(valid)
    run.figure("letters: nats of each", nats, at_most(1.75), at_most(1.66), published="1.88 nanoGPT on CPU, 1.47 on GPU")
    for order in (4, 5):
        counted = learned[: run.count(len(learned), 20_000)]
        run.figure(f"letters: {order}-grams", witten_bell_nats(counted, valid, order))
    prompt = vocabulary.encode(PROMPT)[None]
    run.figure(
        "letters: carried state against reading again", carried_against_read(rnn, prompt, run.count(200, 20)), at_most(1e-4)
    )

    long, short = run.count(600, 40), run.count(200, 20)
    told = {f"temperature {t}": generate(rnn, prompt, long, temperature=t, seed=run.seed) for t in (0.5, 0.8, 1.0)}
    told["top-p 0.9"] = generate(rnn, prompt, long, top_p=0.9, seed=run.seed)
    told["the most probable letter each time"] = generate(rnn, prompt, short, temperature=0.0)
    told["beam search, 8 beams"] = beam_search(rnn, prompt, short, beams=8).tokens[0]
    return "".join(f"==== letters, {how} ====\n{vocabulary.decode(text[0])}\n\n" for how, text in told.items())


def words(run: Recipe) -> str:
    """The speeches as sequences of words; some of what the model writes."""
    learned, valid = (shakespeare(split).split("\n\n") for split in ("train", "valid"))
    vocabulary = Vocabulary.of(learned, "words", size=4_000, end=True, unknown=True)
    vocabulary.save(run.folder / "words.json")
    known, judged = ([vocabulary.encode(speech, end=True)[:LONGEST] for speech in speeches] for speeches in (learned, valid))
    judged = judged[: run.count(len(judged), 10)]
    rnn = RNN(size=len(vocabulary), hidden=256, embed=128, dropout=0.4)
    rnn = train(run, "words", rnn, Shuffled(Padded(known), 32, run.seed), share=0.2)
    nats = sum(-rnn.log_prob(speech[None]).nats.item() for speech in judged)
    heard = torch.cat(judged)
    run.figure("words: nats of each", nats / len(heard))
    for order in (1, 2, 3):
        run.figure(f"words: {order}-grams", witten_bell_nats(signs(torch.cat(known)), signs(heard), order))
    run.figure("words: share that is unknown, %", 100 * (heard == vocabulary.unknown).float().mean().item())

    texts = generate(rnn, torch.empty(8, 0, dtype=torch.int64), LONGEST, temperature=0.8, end=vocabulary.end, seed=run.seed)
    return "".join(f"==== words, temperature 0.8 ====\n{vocabulary.decode(text)}\n\n" for text in texts)


@torch.no_grad()
def carried_against_read(rnn: RNN, prompt: Tensor, length: int) -> float:
    """The largest difference of a logit, while it writes, from what it would be had the text so far been read anew."""
    logits, state = rnn.begin(prompt)
    worst = 0.0
    for token in generate(rnn, prompt, length).unbind(1):
        logits, state = rnn.advance(token, state)
        prompt = torch.cat([prompt, token[:, None]], 1)
        worst = max(worst, (logits - rnn.begin(prompt)[0]).abs().max().item())
    return worst


def signs(numbers: Tensor) -> str:
    """Words as characters of their own, so that what counts characters counts words."""
    return "".join(chr(0x4E00 + number) for number in numbers.tolist())


def main() -> None:
    """Letters, then words."""
    run = Recipe(__doc__, row=14, system="LSTM language model", minutes=10.0)
    write_bytes(run.folder / "samples.txt", (letters(run) + words(run)).encode())
    run.finish()


if __name__ == "__main__":
    main()
