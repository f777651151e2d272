"""Long sequences in windows, and short ones side by side."""

import pytest
import torch

from genmodels.data import Padded, Streams
from genmodels.training import Shuffled


def test_each_stream_goes_on_where_it_ended() -> None:
    batches = Streams(torch.arange(1000), streams=3, window=7, seed=1)
    assert batches.windows == 47
    for epoch in range(3):
        steps = [batches(step) for step in range(47 * epoch, 47 * (epoch + 1))]
        whole = torch.cat([window for window, _ in steps], dim=1)
        assert (whole.diff(dim=1) == 1).all()
        assert (whole[:, 0].diff() == 47 * 7).all(), "one stream begins where another ends"
        assert [fresh.tolist() for _, fresh in steps] == [[True] * 3] + [[False] * 3] * 46


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    there = Streams(torch.arange(1000), streams=3, window=7, seed=1)
    order = [95, 0, 47, 94, 1]
    seen = {step: there(step)[0] for step in order}
    for step in sorted(order):
        assert torch.equal(Streams(torch.arange(1000), streams=3, window=7, seed=1)(step)[0], seen[step])
    starts = {int(Streams(torch.arange(1000), streams=3, window=7, seed=seed)(0)[0][0, 0]) for seed in range(20)}
    assert len(starts) > 5, "epochs cut the sequence at different places"
    assert max(starts) <= 1000 - 3 * 47 * 7


def test_frames_stay_whole() -> None:
    window, _ = Streams(torch.rand(100, 88), streams=2, window=10)(3)
    assert window.shape == (2, 10, 88)


@pytest.mark.parametrize(
    ("streams", "window", "message"), [(0, 3, "not 0 and 3"), (2, 0, "not 2 and 0"), (4, 3, "no 4 streams of 3 steps")]
)
def test_streams_that_make_no_sense(streams: int, window: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Streams(torch.arange(11), streams, window)


def test_sequences_are_padded_to_the_longest_beside_them() -> None:
    data = Padded([torch.tensor([1, 2, 3, 4]), torch.tensor([5]), torch.tensor([6, 7])])
    assert len(data) == 3
    x, lengths = data[torch.tensor([2, 1])]
    assert x.tolist() == [[6, 7], [5, 0]]
    assert lengths.tolist() == [2, 1]
    x, lengths = Shuffled(data, 3)(0)
    assert sorted(lengths.tolist()) == [1, 2, 4]
    assert x.shape == (3, 4)


def test_bytes_are_bits() -> None:
    x, _ = Padded([torch.ones(2, 88, dtype=torch.uint8), torch.ones(1, 88, dtype=torch.uint8)])[torch.tensor([0, 1])]
    assert x.dtype == torch.float32
    assert x.unique().tolist() == [0.0, 1.0]


def test_an_empty_sequence_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one step"):
        Padded([torch.tensor([1]), torch.tensor([], dtype=torch.int64)])
