"""Streams and batches are pure functions; nothing is lost, doubled or shared between training and judging."""

from typing import Any

import pytest
import torch
from torch import Tensor

from genmodels.batches import Shuffled, split, to_device
from genmodels.random_streams import stream

CPU = torch.device("cpu")


class Pairs:
    """A data set that is no tensor: numbers and their squares."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: Tensor, /) -> tuple[Tensor, Tensor]:
        return index, index**2


def epoch(batches: Shuffled, number: int, count: int) -> list[int]:
    """The examples of an epoch of `count` batches."""
    return torch.cat([batches(step) for step in range(number * count, (number + 1) * count)]).tolist()


# ------------------------------------------------------------------------------------------------------------- streams


def test_streams_differ_wherever_seed_or_key_does() -> None:
    keys = [
        (seed, *key)
        for seed in range(8)
        for key in [(), *((a,) for a in range(8)), *((a, b) for a in range(8) for b in range(8))]
    ]
    seeds = {stream(*key) for key in keys}
    assert len(seeds) == len(keys)
    assert seeds == {stream(*key) for key in keys}
    assert stream(0, 1, 2) != stream(0, 2, 1)


def test_streams_use_all_64_bits() -> None:
    seeds = [stream(0, key) for key in range(200)]
    assert all(0 <= seed < 2**64 for seed in seeds)
    for bit in range(64):
        assert 50 < sum(seed >> bit & 1 for seed in seeds) < 150
    torch.manual_seed(max(seeds))  # torch takes them all


# ------------------------------------------------------------------------------------------------------------ shuffled


def test_batches_are_the_same_in_any_order() -> None:
    data = torch.randn(23, 2)
    forward, backward, other = (Shuffled(data, 5, seed) for seed in (1, 1, 2))
    there = [forward(step) for step in range(40)]
    back = [backward(step) for step in reversed(range(40))][::-1]
    assert all(torch.equal(a, b) for a, b in zip(there, back, strict=True))
    assert all(torch.equal(forward(step), there[step]) for step in (17, 3, 39, 3))
    assert not any(torch.equal(other(step), there[step]) for step in range(40))


def test_an_epoch_has_each_example_once() -> None:
    batches = Shuffled(torch.arange(20), 5)
    epochs = [epoch(batches, number, 4) for number in range(5)]
    assert all(sorted(one) == list(range(20)) for one in epochs)
    assert len({tuple(one) for one in epochs}) == 5


def test_batches_are_of_one_size_and_leave_nothing_out_for_long() -> None:
    batches = Shuffled(torch.arange(23), 5)
    assert {len(batches(step)) for step in range(100)} == {5}
    epochs = [epoch(batches, number, 4) for number in range(10)]
    assert all(len(set(one)) == 20 for one in epochs)
    assert len({tuple(sorted(one)) for one in epochs}) > 1  # what is left over differs
    assert set().union(*epochs) == set(range(23))


def test_batches_larger_than_the_data_are_all_of_it() -> None:
    batches = Shuffled(torch.arange(4), 10)
    assert [sorted(batches(step).tolist()) for step in range(3)] == [[0, 1, 2, 3]] * 3
    assert len({tuple(batches(step).tolist()) for step in range(20)}) > 1


def test_batches_of_a_data_set_that_is_no_tensor() -> None:
    numbers, squares = Shuffled(Pairs(), 3)(1)
    assert len(numbers) == 3
    assert torch.equal(squares, numbers**2)


def test_no_examples_are_refused() -> None:
    with pytest.raises(ValueError, match="no examples to train on"):
        Shuffled(torch.empty(0, 3), 4)


# ---------------------------------------------------------------------------------------------------------------- split


def everything(part: Any) -> list[int]:
    return part[torch.arange(len(part))].tolist()


def test_a_split_loses_and_doubles_nothing() -> None:
    rest, held = split(torch.arange(100), 0.2)
    assert (len(rest), len(held)) == (80, 20)
    assert sorted(everything(rest) + everything(held)) == list(range(100))
    assert everything(held) != list(range(20))  # it is drawn at random
    assert everything(held) == everything(split(torch.arange(100), 0.2)[1])
    assert everything(held) != everything(split(torch.arange(100), 0.2, seed=1)[1])


def test_a_split_can_be_trained_on_and_split_again() -> None:
    rest, held = split(torch.arange(10), 0.5)
    assert sorted(epoch(Shuffled(rest, 5), 3, 1)) == sorted(everything(rest))
    quarter, other = split(held, 0.4)
    assert sorted(everything(quarter) + everything(other)) == sorted(everything(held))
    assert rest[torch.tensor([4, 1])].tolist() == [everything(rest)[4], everything(rest)[1]]


def test_a_split_of_a_data_set_that_is_no_tensor() -> None:
    rest, held = split(Pairs(), 0.5)
    for part in (rest, held):
        numbers, squares = part[torch.arange(3)]
        assert torch.equal(squares, numbers**2)
    assert sorted(torch.cat([part[torch.arange(3)][0] for part in (rest, held)]).tolist()) == list(range(6))


# ----------------------------------------------------------------------------------------------------------- to device


def test_bytes_become_floats_up_to_one() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    placed = to_device(pixels, CPU)
    assert placed.dtype == torch.float32
    assert torch.equal(placed.flatten(), torch.arange(256.0) / 255)
    assert torch.equal(pixels.flatten(), torch.arange(256).byte())  # the caller's stay bytes


def test_other_numbers_stay_as_they_are() -> None:
    for values in (torch.tensor([0.5, 2.0]), torch.tensor([3, 255]), torch.tensor([True, False])):
        placed = to_device(values, CPU)
        assert placed.dtype == values.dtype
        assert torch.equal(placed, values)


def test_batches_are_placed_to_any_depth() -> None:
    pixels = torch.full((2,), 255, dtype=torch.uint8)
    placed = to_device({"x": pixels, "pair": (pixels, [pixels, torch.tensor([255])])}, CPU)
    assert placed["x"].tolist() == [1.0, 1.0]
    image, (inner, label) = placed["pair"]
    assert image.tolist() == inner.tolist() == [1.0, 1.0]
    assert label.tolist() == [255]
    assert to_device(torch.zeros(1), torch.device("meta")).device.type == "meta"


def test_images_take_the_memory_layout_and_nothing_else_does() -> None:
    images = torch.randn(2, 3, 4, 5)
    placed, vectors = to_device((images, images.flatten(1)), CPU, torch.channels_last)
    assert placed.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(placed, images)
    assert torch.equal(vectors, images.flatten(1))
    assert to_device(placed, CPU).is_contiguous(memory_format=torch.channels_last)  # kept, where none is asked for


def test_what_is_no_batch_is_refused() -> None:
    for wrong in ("text", 3, [torch.zeros(1), None]):
        with pytest.raises(TypeError, match=r"a batch is a tensor, or a tuple or dict of tensors, not (str|int|NoneType)"):
            to_device(wrong, CPU)
