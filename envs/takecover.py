"""Take Cover: monsters throw fireballs across a room, step aside; +1 for each tic alive (ViZDoom; Kempka et al. 2016).

Played as in Ha and Schmidhuber (2018): 2,100 tics at most, one action a tic, one number of it: below -1/3 steps left, above 1/3
right. The picture is drawn at 640 x 480 with the status bar, which is cut off (rows 0:400), without weapon, crosshair, decals
and particles, and becomes 64 x 64. ViZDoom's smaller resolutions see the room from a slightly other height, so none is used.

Today's skill 4 is what their skill 5 was: their engine had one level less. An action drawn afresh at each tic lives 201 +- 93
tics there, standing still 151 +- 52, skill 5 (62 +- 28 for the random policy) is another game.

ViZDoom shows nothing at the end of an episode: the last frame before it is handed out again.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.action_checks import box
from envs.extras import require
from envs.resize import shrink
from envs.simulator import Frames, Outcome, Simulator

LIMIT = 2100
START = 14  # tics that pass before the first frame
STATUS = 400  # the first row of the status bar
THRESHOLD = 1 / 3


class TakeCover(Simulator):
    """N slots of Take Cover, each a ViZDoom process of its own.

    Arguments:
        frames: to draw into, (N, 64, 64, 3).
        skill: 1 to 5.
        repeat: tics for which an action is held; their rewards are summed, and the last is drawn. The paper's is 1.
    """

    def __init__(self, frames: Frames, skill: int = 4, repeat: int = 1) -> None:
        if skill not in (1, 2, 3, 4, 5):
            raise ValueError(f"skill: 1 to 5, not {skill!r}")
        if repeat < 1:
            raise ValueError(f"repeat: an action lasts at least 1 tic, not {repeat}")
        self._repeat = repeat
        vizdoom: Any = require("vizdoom", "doom", "takecover")
        self.frames, self.action_space = frames, box(1)
        self._folder = tempfile.TemporaryDirectory(prefix="takecover-")  # ViZDoom writes its settings somewhere
        with contextlib.chdir(self._folder.name):  # a game makes a folder where one stands, and fails where another just did
            self._games = [_game(vizdoom, skill, Path(self._folder.name) / f"{slot}.ini") for slot in range(len(frames))]

    def begin(self, slots: Sequence[int], seeds: Sequence[int]) -> NDArray[np.bool_]:
        """Begin an episode in each of these games."""
        for slot, seed in zip(slots, seeds, strict=True):
            self._games[slot].set_seed(seed)
            self._games[slot].new_episode()
            self._draw(slot)
        return np.zeros(len(self.frames), np.bool_)

    def step(self, actions: NDArray[Any]) -> Outcome:
        """`repeat` tics of each game, or those that are left of its episode."""
        outcome = Outcome.blank(len(self._games))
        for slot, (game, action) in enumerate(zip(self._games, actions[:, 0], strict=True)):
            outcome.rew[slot] = game.make_action([action < -THRESHOLD, action > THRESHOLD], self._repeat)
            if game.is_episode_finished():
                outcome.end[slot] = game.is_player_dead()
                outcome.trunc[slot] = not outcome.end[slot]
            else:
                self._draw(slot)
        return outcome

    def close(self) -> None:
        """End the games' processes."""
        for game in self._games:
            game.close()
        self._folder.cleanup()

    def _draw(self, slot: int) -> None:
        self.frames[slot] = shrink(self._games[slot].get_state().screen_buffer[:STATUS])


def _game(vizdoom: Any, skill: int, settings: Path) -> Any:
    """A game of ViZDoom with the paper's settings, begun."""
    game = vizdoom.DoomGame()
    game.set_doom_config_path(str(settings))
    game.set_doom_scenario_path(str(Path(vizdoom.scenarios_path) / "take_cover.wad"))
    game.set_doom_map("map01")
    game.set_doom_skill(skill)
    game.set_mode(vizdoom.Mode.PLAYER)
    game.set_available_buttons([vizdoom.Button.MOVE_LEFT, vizdoom.Button.MOVE_RIGHT])
    game.set_living_reward(1)
    game.set_episode_timeout(LIMIT)
    game.set_episode_start_time(START)
    game.set_screen_resolution(vizdoom.ScreenResolution.RES_640X480)
    game.set_screen_format(vizdoom.ScreenFormat.RGB24)
    game.set_render_hud(True)
    for hidden in ("crosshair", "weapon", "decals", "particles"):
        getattr(game, f"set_render_{hidden}")(False)
    game.set_window_visible(False)
    game.set_sound_enabled(False)
    game.init()
    return game
