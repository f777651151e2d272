"""The command line that all scripts share: which run, and a few choices about how it is done.

    script PRESET [--seed 3] [--memory.hidden 512] ...      a new run
    script FOLDER                                           a run that is there
    script --pretrained carracing                           one that comes with the package
    script PRESET --world.options max_frames 500            options of the environment beside those that the preset names

Nothing heavy is imported before the line is understood.
"""

from __future__ import annotations

import contextlib
import difflib
import math
import os
import shlex
import signal
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, make_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

from worldmodels import pretrained
from worldmodels.backends import Where, backend
from worldmodels.config import Experiment, Option
from worldmodels.presets import PRESETS

if TYPE_CHECKING:
    from worldmodels.interfaces import MakeEnv
    from worldmodels.run import Run

T = TypeVar("T")


@dataclass(frozen=True)
class Options:
    """How a run is done, which does not change what comes out."""

    runs_dir: Path = Path("runs")
    """where run folders are made"""
    threads: int = 0
    """CPU threads; 0 leaves it to torch"""
    quiet: bool = False
    """show no progress"""
    backend: Where = "here"
    """where the real environment is played: in this process, or spread over a Ray cluster"""


@dataclass(frozen=True)
class Target:
    """The run that a command is about."""

    options: Options
    preset: str = ""
    experiment: Experiment | None = None
    folder: Path | None = None
    pretrained: str = ""

    def open(self, make_env: MakeEnv | None = None) -> Run:
        """The run: found for a folder; for a preset made anew, once all that it is made of could be built."""
        if self.options.threads:
            os.environ["OMP_NUM_THREADS"] = str(self.options.threads)
            import torch

            torch.set_num_threads(self.options.threads)
        from genmodels.allocator import keep_pages
        from worldmodels.run import Run

        keep_pages()
        try:
            where = backend(self.options.backend)
            folder = pretrained.unpack(self.pretrained, self.options.runs_dir) if self.pretrained else self.folder
            if folder is not None:
                return Run.open(folder, quiet=self.options.quiet, backend=where)
            assert self.experiment is not None
            if make_env is not None:
                from worldmodels.preflight import preflight

                preflight(self.experiment, make_env)
            run = Run.create(self.experiment, self.preset, self.options.runs_dir, quiet=self.options.quiet, backend=where)
        except (OSError, ImportError, ValueError, TypeError, RuntimeError) as error:
            fail(str(error))
        run.say(f"{self.preset}, seed {self.experiment.seed}, in {run.folder}")
        return run


@contextlib.contextmanager
def _heard() -> Iterator[None]:
    """While help is told: who stops listening (`| head`) ends the process without a word."""
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        yield
    finally:
        sys.stdout.flush()
        signal.signal(signal.SIGPIPE, before)


@_heard()
def parse(doc: str | None, extra: type[T], arguments: Sequence[str] | None = None, *, presets: bool = True) -> tuple[Target, T]:
    """The run and the script's own options; `--help` and mistakes end the process.

    Arguments:
        doc: what the script does.
        extra: a dataclass of its own options, flat on the command line.
        arguments: instead of the process's.
        presets: whether a new run can be made, or only one be named that is there or comes with the package.
    """
    import tyro

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # until there is a run to save, Ctrl-C ends the process without a word
    given = list(sys.argv[1:] if arguments is None else arguments)
    name = Path(sys.argv[0]).name
    if given and given[0] in ("-h", "--help") and not presets:
        print((doc or "").strip() + "\n")
        _read(tyro, {"options": Options(), "own": extra()}, given[:1], f"{name} FOLDER", "")
    if not given or given[0] in ("-h", "--help"):
        print(_usage(name, doc, presets))
        raise SystemExit(0 if given else 2)
    if given[0] == "--resume":
        if len(given) == 1:
            fail("--resume: which run? Name its folder")
        given, presets = given[1:], False
    if given[0] == "--pretrained" and not presets:
        if len(given) == 1 or given[1] not in pretrained.names():
            fail(f"--pretrained: which agent? There are {', '.join(pretrained.names()) or 'none'}")
        read = _read(tyro, {"options": Options(), "own": extra()}, given[2:], f"{name} --pretrained {given[1]}", doc)
        return Target(read["options"], pretrained=given[1]), read["own"]
    what, rest = given[0], given[1:]
    if presets and what in PRESETS:
        experiment, rest = _with_world_options(PRESETS[what](), rest)
        parts: dict[str, Any] = {"experiment": experiment, "options": Options(), "own": extra()}
        read = _read(tyro, parts, rest, f"{name} {what}", doc)
        return Target(read["options"], preset=what, experiment=read["experiment"]), read["own"]
    if not (Path(what) / "config.json").exists():
        fail(_not_found(what, presets))
    read = _read(tyro, {"options": Options(), "own": extra()}, rest, f"{name} FOLDER", doc)
    return Target(read["options"], folder=Path(what)), read["own"]


def _read(tyro: Any, defaults: dict[str, Any], arguments: Sequence[str], prog: str, doc: str | None) -> dict[str, Any]:
    """Defaults, changed by the command line; the fields of all parts lie side by side on it."""
    fields = [(name, Annotated[type(default), tyro.conf.arg(name="")], default) for name, default in defaults.items()]
    together = make_dataclass("Settings", fields, frozen=True)
    about = (doc or "").strip().partition("\n")[0]
    try:
        read = tyro.cli(together, args=arguments, prog=prog, description=about, config=(tyro.conf.CascadeSubcommandArgs,))
    except ValueError as error:  # from an option that looks after itself
        fail(str(error))
    return {name: getattr(read, name) for name in defaults}


def _with_world_options(experiment: Experiment, arguments: Sequence[str]) -> tuple[Experiment, list[str]]:
    """What `--world.options NAME VALUE ...` says laid over the preset's, and all else that the line says.

    So may `--world.options.NAME VALUE` where the preset has nothing of that name; what it has is read with the rest.
    """
    world, left, rest = experiment.world, deque(arguments), list[str]()
    found: dict[str, Any] = {"options": dict(world.options), "test_options": dict(world.test_options)}
    while left:
        word = left.popleft()
        flag, _, value = word.partition("=")
        part, _, name = flag.removeprefix("--world.").replace("-", "_").partition(".")
        if not flag.startswith("--world.") or part not in found or {name, name.removeprefix("no_")} & set(getattr(world, part)):
            rest.append(word)
            continue
        said = [name, *([value] if value else _values(left, 1))] if name else _values(left)
        if not said or len(said) % 2:
            fail(f"{flag}: a name and its value, as in --world.options repeat 4")
        found[part] |= {key.replace("-", "_"): _option(text) for key, text in zip(said[::2], said[1::2], strict=True)}
    return replace(experiment, world=replace(world, **found)), rest


def _values(left: deque[str], most: int = 1 << 30) -> list[str]:
    """The words that come next and begin no other option, taken away; `learner:evolve` begins one too."""
    taken: list[str] = []
    while left and len(taken) < most and not left[0].startswith("--") and not (len(taken) % 2 == 0 and ":" in left[0]):
        taken.append(left.popleft())
    return taken


def _option(text: str) -> Option:
    """What a word means: a number, yes or no, or itself.

    >>> _option("3"), _option("0.5"), _option("False"), _option("envpool")
    (3, 0.5, False, 'envpool')
    """
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return {"true": True, "false": False}.get(text.lower(), text)


def within(options: object, **lowest: float) -> None:
    """Refuse options that are below these numbers; None, an option that is not given, is no number."""
    for name, low in lowest.items():
        value = getattr(options, name)
        if value is not None and not low <= value < math.inf:
            raise ValueError(f"--{name.replace('_', '-')}: at least {low:g}, not {value}")


@contextlib.contextmanager
def told(*also: type[Exception]) -> Iterator[None]:
    """What is missing (a file, a package, a screen) ends the process with one line; mistakes of ours keep their traceback.

    Arguments:
        also: further errors that are no mistake of ours here.
    """
    from genmodels.storage import StorageError

    kinds: tuple[type[Exception], ...] = (OSError, ImportError, StorageError, *also)
    sys.path.append(os.getcwd())  # where an environment of the user's own may be
    try:
        yield
    except kinds as error:
        fail(str(error))


@contextlib.contextmanager
def resumable(run: Run, *options: object) -> Iterator[None]:
    """Asked to stop, by Ctrl-C or SIGTERM, the process leaves with one line that says how to go on.

    Arguments:
        run: that it works on.
        options: of the command line, `Options` and the script's own; the line has those that were given.
    """

    def leave(number: int, frame: object) -> NoReturn:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGINT) if _heeded(number)}
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as stop:
        code = stop.code if isinstance(stop, SystemExit) else 130
        if code:
            print(f"go on with: {_again(run, options)}", file=sys.stderr)
        raise SystemExit(code) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _again(run: Run, options: Sequence[object]) -> str:
    """The command that goes on with a run as it was begun."""
    script = Path(sys.argv[0])
    words = ["python", str(script), *(["--resume"] if script.name == "run.py" else []), str(run.folder)]
    for part in options:
        for about in fields(part):  # type: ignore[arg-type]
            value = getattr(part, about.name)
            if value != about.default and about.name != "runs_dir":  # which the folder is in
                words += [f"--{about.name.replace('_', '-')}", *([] if value is True else [str(value)])]
    return shlex.join(words)


def _heeded(number: int) -> bool:
    """Whether a signal is not ignored, as SIGINT is by what a shell starts in the background."""
    return signal.getsignal(number) is not signal.SIG_IGN


def fail(message: str) -> NoReturn:
    """End with one line that says what is wrong and what to do."""
    print(message, file=sys.stderr)
    raise SystemExit(2)


def _usage(name: str, doc: str | None, presets: bool) -> str:
    lines = [(doc or "").strip(), "", "usage:"]
    if presets:
        lines += [f"  {name} PRESET [options]      a new run", f"  {name} PRESET --help         every option of that preset"]
    lines += [f"  {name} FOLDER [options]      a run that is there"]
    if not presets:
        lines += [f"  {name} --pretrained NAME     an agent that comes with the package: {', '.join(pretrained.names())}"]
    lines += [""]
    if presets:
        width = max(map(len, PRESETS))
        lines += ["presets:", *(f"  {key:<{width}}  {(make.__doc__ or '').strip()}" for key, make in PRESETS.items()), ""]
    return "\n".join(lines)


def _not_found(what: str, presets: bool) -> str:
    near = difflib.get_close_matches(what, PRESETS, 1) if presets else []
    if near:
        return f"there is no preset {what!r}; did you mean {near[0]}?"
    known = f"; presets are {', '.join(PRESETS)}" if presets else ""
    return f"{what}: no run is there (a run folder holds config.json){known}"
