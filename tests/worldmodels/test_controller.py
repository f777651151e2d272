"""C: the paper's parameter counts, populations that equal their members, and what it sees."""

import numpy as np
import pytest
import torch

from genmodels.dynamics import MDNRNN
from worldmodels.controller import Controller, Reflex, sight, sight_size
from worldmodels.interfaces import Policy


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ({"features": 32 + 256, "actions": 3}, 867),
        ({"features": 32, "actions": 3}, 99),
        ({"features": 64 + 512 + 512, "actions": 1, "bias": False}, 1088),
        ({"features": 10, "actions": 2, "hidden": (4,)}, 10 * 4 + 4 + 4 * 2 + 2),
    ],
)
def test_parameters_are_as_many_as_in_the_paper(arguments: dict[str, int], count: int) -> None:
    assert Controller(**arguments).num_parameters == count  # type: ignore[arg-type]


def test_a_linear_controller_is_the_tanh_of_a_product() -> None:
    controller = Controller(2, 1)
    controller.set_vector(np.array([1.0, -2.0, 0.5]))
    assert controller(torch.tensor([[3.0, 1.0]])).item() == pytest.approx(np.tanh(3.0 - 2.0 + 0.5))


def test_a_vector_goes_in_and_comes_out() -> None:
    controller = Controller(5, 2, hidden=(3,))
    vector = np.arange(controller.num_parameters) / 10.0
    controller.set_vector(vector)
    assert controller.vector() == pytest.approx(vector)


@pytest.mark.parametrize("hidden", [(), (7,), (6, 5)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("discrete", [True, False])
def test_a_crowd_acts_as_its_members_do_alone(hidden: tuple[int, ...], bias: bool, discrete: bool) -> None:
    controller = Controller(4, 3, hidden, bias, discrete)
    random = torch.Generator().manual_seed(0)
    vectors = torch.randn(5, controller.num_parameters, generator=random)
    features = torch.randn(5 * 6, 4, generator=random)
    together = controller.crowd(vectors, features)
    for member in range(5):
        controller.set_vector(vectors[member].double().numpy())
        for slot in range(6):
            row = 6 * member + slot
            assert together[row] == pytest.approx(controller(features[row : row + 1])[0].detach(), abs=1e-5)


def test_discrete_actions_are_one_hot() -> None:
    acts = Controller(4, 3, discrete=True)(torch.randn(20, 4))
    assert torch.equal(acts.sum(1), torch.ones(20))
    assert set(acts.unique().tolist()) == {0.0, 1.0}


def test_what_it_sees() -> None:
    memory = MDNRNN(3, 1, 5)
    z, act = torch.randn(2, 3), torch.zeros(2, 1)
    _, state = memory.predict(z, act, memory.initial(2))
    assert torch.equal(sight(memory, z, state, "z"), z)
    assert torch.equal(sight(memory, z, state, "zh"), torch.cat([z, state.h], 1))
    assert torch.equal(sight(memory, z, state, "zch"), torch.cat([z, state.c, state.h], 1))
    assert [sight_size(memory, sees) for sees in ("z", "zh", "zch")] == [3, 8, 13]
    with pytest.raises(ValueError, match="one of z, zh, zch"):
        sight(memory, z, state, "h")  # type: ignore[arg-type]


def test_it_is_saved_and_loaded(tmp_path: object) -> None:
    controller = Controller(4, 2, hidden=(3,))
    controller.save(f"{tmp_path}/c")
    x = torch.randn(3, 4)
    assert torch.equal(Controller.load(f"{tmp_path}/c")(x), controller(x))


def test_a_reflex_is_a_policy_without_memory() -> None:
    controller = Controller(4, 2)
    policy: Policy = Reflex(controller)
    obs = np.random.default_rng(0).standard_normal((3, 4), dtype=np.float32)
    act, state = policy.act(obs, policy.initial(3), np.ones(3, bool))
    assert state is None
    assert act == pytest.approx(controller(torch.from_numpy(obs)).detach().numpy())
