"""The window in which a person plays: keys in, pictures out. The only file that knows pygame."""

from __future__ import annotations

import os
from types import ModuleType

from worldmodels.play import WARMER, Session, hand, legend

OTHER = {"dream": "real", "real": "dream"}


def play(session: Session, fps: float = 20.0) -> None:
    """Play until the person leaves; the agent acts until they press `a`.

    Arguments:
        session: what is played.
        fps: steps a second.
    """
    pygame = _pygame()
    size = session.sheet.size
    try:
        pygame.display.init()
        if pygame.display.get_driver() == "offscreen":  # what SDL falls back on: nobody could see it, or leave
            raise pygame.error("no display was found")
        screen = pygame.display.set_mode(size)
    except pygame.error as error:
        raise OSError(
            f"there is no screen to play on ({error}); without one: --frames FOLDER --script 'left*10 agent*20 tau+ agent*10'"
        ) from error
    pygame.display.set_caption("  ".join(f"{key}: {what}" for key, what in legend(session.space).items()))
    clock, held, human = pygame.time.Clock(), set[str](), False
    try:
        while True:
            for event in pygame.event.get():
                if event.type == pygame.QUIT:
                    return
                if event.type == pygame.KEYUP:
                    held.discard(_name(pygame, event.key))
                if event.type == pygame.KEYDOWN:
                    match _name(pygame, event.key):
                        case "q" | "escape":
                            return
                        case "a":
                            human = not human
                        case "d":
                            session.enter(OTHER[session.world])
                        case "r":
                            session.reset()
                        case "+" | "=":
                            session.warm(WARMER)
                        case "-":
                            session.warm(-WARMER)
                        case key:
                            held.add(key)
            _, picture = session.step(hand(session.space, held) if human else None)
            screen.blit(pygame.image.frombuffer(picture.tobytes(), size, "RGB"), (0, 0))
            pygame.display.flip()
            clock.tick(fps)
    finally:
        pygame.display.quit()


def _pygame() -> ModuleType:
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        import pygame
    except ImportError as error:
        raise ImportError('playing needs pygame, which is not installed: pip install "gymnasium[box2d]"') from error
    return pygame


def _name(pygame: ModuleType, key: int) -> str:
    """Of a key; the keypad's stand in brackets, and mean the same."""
    name: str = pygame.key.name(key)
    return name.strip("[]")
