"""Chapter 5: chorales by a stacked LSTM, by a GRU, and by an LSTM that reads from both sides and fills gaps.

Bach's chorales as the keys that sound at each quarter (Boulanger-Lewandowski et al. 2012). What is learned from is transposed
anew each time; the checkpoint is chosen on the validation pieces. Nats are of the test pieces' frames after the first, as
published; the floor is a Markov chain for each key. Each frame is then hidden once, every eighth at a time, and told from the
others: accuracy is the keys found, of those that sound or are said to (Bay et al. 2009).
"""

from functools import partial

import torch
from torch import Tensor

from genmodels import checkpoints
from genmodels.autoregressive import RNN, BidirectionalRNN
from genmodels.batches import to_device
from genmodels.book_recipe import Recipe, at_least, at_most
from genmodels.data import Padded, quarter_chorales
from genmodels.metrics import key_nats
from genmodels.random_streams import stream
from genmodels.training import Hook, Shuffled, fit
from genmodels.viz import curves, piano_rolls

SHARES = {"lstm": 0.45, "gru": 0.2, "both_sides": 0.35}  # of the minutes
HALFTONES = 5  # up or down: as far as no voice leaves the keys
APART = 8  # frames from one gap to the next


def build(name: str) -> RNN | BidirectionalRNN:
    """Two layers of LSTM cells, one of GRU cells, or two of LSTM cells from each side."""
    if name == "both_sides":
        return BidirectionalRNN(88, hidden=192, layers=2, embed=128, dropout=0.4, likelihood="bernoulli")
    cells = {"lstm": {"layers": 2}, "gru": {"cell": "gru"}}
    return RNN(88, hidden=256, embed=128, dropout=0.4, likelihood="bernoulli", length=64, **cells[name])


def train(run: Recipe, name: str) -> RNN | BidirectionalRNN:
    """One model, trained for its share of the minutes, as it was when it did best on the validation pieces."""
    model, folder = build(name), run.folder / name
    data, valid = Padded(quarter_chorales("train")), Padded(quarter_chorales("valid"))
    look = Hook(50, lambda step: {"validation/nats": frame_nats(model, valid)}, score="validation/nats")
    fit(
        model,
        model.updates(),
        partial(transposed, Shuffled(data, 16, run.seed), run.seed),
        minutes=SHARES[name] * run.minutes,
        folder=folder,
        device=run.device,
        seed=run.seed,
        hooks=[look],
    )
    best = checkpoints.load(folder / "checkpoints", best=True)
    model.load_state_dict(best.tensors("model.safetensors"))
    model.save(folder)
    run.picture(f"{name}_curves", curves(folder / "metrics.jsonl"))
    return model.cpu()


def transposed(pieces: Shuffled, seed: int, step: int) -> tuple[Tensor, Tensor]:
    """A batch, each piece in a key of its own."""
    x, lengths = pieces(step)
    random = torch.Generator().manual_seed(stream(seed, step) >> 1)
    by = torch.randint(-HALFTONES, HALFTONES + 1, (len(x), 1), generator=random)
    keys = (torch.arange(x.shape[2]) - by) % x.shape[2]
    return x.gather(2, keys[:, None].expand_as(x)), lengths


def frame_nats(model: RNN | BidirectionalRNN, data: Padded) -> float:
    """Mean -log p of a frame; a piece's first is given."""
    x, lengths = to_device(data[torch.arange(len(data))], model.device)
    return (-model.step_nats((x, lengths))[:, 1:].double().sum() / (lengths - 1).sum()).item()


def gaps(data: Padded, offset: int) -> Tensor:
    """Which frames are hidden: every eighth, but no piece's first."""
    place = torch.arange(data.x.shape[1])
    return (place > 0) & (place % APART == offset) & (place < data.lengths[:, None])


def accuracy(model: RNN | BidirectionalRNN, data: Padded) -> float:
    """Keys found in hidden frames, in % of those that sound or are said to."""
    right, either = 0.0, 0.0
    for offset in range(APART):
        hidden = gaps(data, offset)
        told, true = model.infill((data.x, data.lengths), hidden)[hidden], data.x[hidden]
        right, either = right + (told * true).sum().item(), either + torch.maximum(told, true).sum().item()
    return 100 * right / max(either, 1.0)


def main() -> None:
    """Train the three, judge them on the test pieces, and draw what they make."""
    run = Recipe(__doc__, row=15, system="stacked, GRU, bidirectional", minutes=10.0)
    lstm, gru, both = (train(run, name) for name in SHARES)
    pieces = quarter_chorales("test")[: run.count(77, 3)]
    test = Padded(pieces)
    run.figure("stacked LSTM: nats of a frame", frame_nats(lstm, test), at_most(9.0), at_most(8.6), published="8.45")
    run.figure("GRU: nats of a frame", frame_nats(gru, test), at_most(9.0), at_most(8.6), published="8.43")
    run.figure("each key a Markov chain: nats of a frame", key_nats(quarter_chorales("train"), pieces))
    run.figure("from both sides: nats of a hidden frame", frame_nats(both, test))
    of_left, of_gru, of_both = (accuracy(model, test) for model in (lstm, gru, both))
    run.figure("stacked LSTM: accuracy in gaps, %", of_left)
    run.figure("GRU: accuracy in gaps, %", of_gru)
    run.figure("from both sides: accuracy in gaps, %", of_both)
    run.figure("from both sides: points better", of_both - max(of_left, of_gru), at_least(5))

    drawn = lstm.sample(4, generator=torch.Generator().manual_seed(run.seed))
    run.picture("samples", piano_rolls(list(drawn)))
    run.picture("test_pieces", piano_rolls([piece[:64] for piece in pieces[:4]]))
    hidden = sum(gaps(test, offset) for offset in range(APART // 2)).bool()  # half of each eight, in one piece
    filled = both.infill((test.x, test.lengths), hidden)[0, : len(pieces[0])]
    run.picture("gaps", piano_rolls([pieces[0], torch.where(hidden[0, : len(filled), None], 0.0, filled), filled]))
    run.finish()


if __name__ == "__main__":
    main()
