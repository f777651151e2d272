"""Playing: who acts, in which world, at which temperature; the same for a seed."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from PIL import Image

import envs
from worldmodels import after_training, play, screen
from worldmodels.play import Session, Turn, dump, hand, perform, read_script
from worldmodels.run import Run


@pytest.fixture
def session(trained: Path) -> Iterator[Session]:
    made = after_training.session(Run.open(trained, quiet=True), envs.make, seed=1)
    yield made
    made.close()


def turns(session: Session, script: str) -> list[Turn]:
    return [turn for turn, _ in perform(session, read_script(script))]


def test_a_script_says_who_acts(session: Session) -> None:
    found = turns(session, "real left*3 agent*2 right*2 wait")
    assert [turn.who for turn in found] == ["person"] * 3 + ["agent"] * 2 + ["person"] * 3
    assert [turn.act for turn in found[:3]] == [[-1.0]] * 3
    assert [turn.act for turn in found[5:]] == [[1.0], [1.0], [0.0]]
    assert [turn.step for turn in found] == list(range(1, 9))
    assert [turn.ret for turn in found] == list(np.cumsum([turn.rew for turn in found]))


def test_the_hand_moves_the_real_world(session: Session) -> None:
    world = session.places["real"].env.worlds  # type: ignore[attr-defined]
    turns(session, "real left*4")
    before = float(world.paddle[0])
    turns(session, "right*8")
    assert world.paddle[0] > before


def test_the_agent_remembers_what_the_person_did(trained: Path) -> None:
    """After another history of hands, the agent that takes over in the real world is in another state of mind."""
    minds = []
    for keys in ("left", "right"):
        one = after_training.session(Run.open(trained, quiet=True), envs.make, seed=1)
        turns(one, f"real {keys}*5")
        step = one.places["real"].step(None)
        assert step.state.act.tolist() == [[-1.0 if keys == "left" else 1.0]]
        minds.append(step.state.memory.h.numpy())
        one.close()
    assert not np.allclose(*minds)


def test_the_temperature_changes_the_dream_and_nothing_before(trained: Path) -> None:
    found = []
    for script in ("agent agent", "agent tau+*5 agent"):
        one = after_training.session(Run.open(trained, quiet=True), envs.make, seed=1)
        found.append(list(perform(one, read_script(script))))
        one.close()
    (first, later), (same, warmer) = found
    assert np.array_equal(first[1], same[1])
    assert (later[0].temperature, warmer[0].temperature) == (1.0, 1.5)
    left, top = one.sheet.corner(0)
    pixels = [picture[top : top + one.sheet.height, left : left + one.sheet.width] for _, picture in (later, warmer)]
    assert not np.array_equal(*pixels)


def test_the_temperature_stays_within_reason(session: Session) -> None:
    turns(session, "tau-*50 wait")
    assert session.dream.temperature == 0.1
    turns(session, "tau+*99 wait")
    assert session.dream.temperature == 3.0


def test_worlds_wait_for_one_another_and_reset_begins_anew(session: Session) -> None:
    assert [(t.world, t.step) for t in turns(session, "real wait*2 dream wait real wait reset wait")] == [
        ("real", 1),
        ("real", 2),
        ("dream", 1),
        ("real", 3),
        ("real", 1),
    ]


def test_a_script_is_kept_as_pictures_and_lines_the_same_for_a_seed(trained: Path, tmp_path: Path) -> None:
    script = read_script("left*3 agent*3 tau+ agent*2 real right*2 agent")
    for name in ("a", "b"):
        one = after_training.session(Run.open(trained, quiet=True), envs.make, seed=1)
        assert play.dump(one, script, tmp_path / name) == 11
        one.close()
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == [*(f"{number:06d}.png" for number in range(11)), "steps.jsonl"]
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    lines = [json.loads(line) for line in (tmp_path / "a" / "steps.jsonl").read_text().splitlines()]
    assert [line["world"] for line in lines] == ["dream"] * 8 + ["real"] * 3
    with Image.open(tmp_path / "a" / "000000.png") as picture:
        assert picture.size == one.sheet.size
    with pytest.raises(FileExistsError, match="new or empty folder"):
        play.dump(one, script, tmp_path / "a")


@pytest.mark.parametrize(
    ("script", "message"),
    [("", "nothing in it"), ("lift*3", "'lift.3' is none of left"), ("left*0", "from 1 up"), ("left*x", "from 1 up")],
)
def test_a_script_that_cannot_be_read_is_refused(script: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_script(script)


@pytest.mark.parametrize("script", ["7*3", "agent left,0"])
def test_keys_that_do_nothing_are_refused_in_a_script(session: Session, script: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"does nothing here, where actions are Box.*the arrows steer"):
        dump(session, read_script(script), tmp_path / "frames")
    assert not (tmp_path / "frames").exists()


def test_keys_are_actions() -> None:
    box = [gymnasium.spaces.Box(-1.0, 1.0, (size,)) for size in range(5)]
    assert hand(box[1], {"left", "right"}).tolist() == [0.0]
    assert hand(box[2], {"right", "down"}).tolist() == [1.0, -1.0]
    assert hand(box[3], set()).tolist() == [0.0, -1.0, -1.0]
    assert hand(gymnasium.spaces.Discrete(2), {"1", "7"}).tolist() == [0.0, 1.0]
    with pytest.raises(ValueError, match="too few for actions of 4"):
        hand(box[4], set())


def test_the_window_hands_over_and_closes(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys arrive while it is open: the person takes over and steers, then leaves."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pygame = pytest.importorskip("pygame")
    pygame.display.init()

    def press() -> None:
        for key in (pygame.K_a, pygame.K_LEFT, pygame.K_d, pygame.K_q):
            time.sleep(0.2)
            pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key))

    fingers = threading.Thread(target=press)
    fingers.start()
    screen.play(session, fps=60)
    fingers.join()
    assert session.world == "real"
    assert session.places["real"].pilot.hand is not None
    assert session.places["real"].pilot.hand.tolist() == [-1.0]
    assert session.places["dream"].length > 0
    assert not pygame.display.get_init()


def test_a_key_of_the_keypad_is_let_go_of(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pygame = pytest.importorskip("pygame")
    pygame.display.init()
    held: list[set[str]] = []
    monkeypatch.setattr(screen, "hand", lambda space, keys: held.append(set(keys)) or hand(space, keys))

    def press() -> None:
        for kind, key in (
            *((pygame.KEYDOWN, key) for key in (pygame.K_a, pygame.K_KP4)),
            *((pygame.KEYUP, key) for key in (pygame.K_a, pygame.K_KP4)),
            (pygame.KEYDOWN, pygame.K_q),
        ):
            time.sleep(0.2)
            pygame.event.post(pygame.event.Event(kind, key=key))

    fingers = threading.Thread(target=press)
    fingers.start()
    screen.play(session, fps=60)
    fingers.join()
    assert {"4"} in held
    assert held[-1] == set()


def test_without_a_screen_it_says_so(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "offscreen")
    with pytest.raises(OSError, match=r"no screen .* --frames FOLDER --script"):
        screen.play(session)
