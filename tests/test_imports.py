"""Who may import whom, read off the syntax tree of every file: the house stands because the arrows point one way."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("genmodels", "worldmodels", "envs")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

# Each layer of genmodels, and those before it, which it may import; families stand side by side.
FOUNDATION = (
    "allocator",
    "precision",
    "compiled",
    "storage",
    "checkpoints",
    "random_streams",
    "batches",
    "data_parallel",
    "interruption",
    "time_spent",
    "progress",
    "metrics_log",
    "updates",
    "training",
    "model",
)
FAMILIES = ("autoencoders", "gans", "autoregressive", "flows", "energy", "diffusion", "language", "dynamics", "classic")
COMPOSITIONS = ("multimodal", "music", "transfer")
MAY_IMPORT: dict[str, set[str]] = {layer: set(FOUNDATION[:place]) for place, layer in enumerate(FOUNDATION)}
MAY_IMPORT |= {primitive: set(FOUNDATION) for primitive in ("nn", "distributions")}
PRIMITIVES = {*FOUNDATION, "nn", "distributions"}
MAY_IMPORT |= dict.fromkeys(("losses", "sampling"), PRIMITIVES)
MAY_IMPORT |= {family: PRIMITIVES | {"losses", "sampling"} for family in FAMILIES}
MAY_IMPORT |= {composition: PRIMITIVES | {"losses", "sampling", *FAMILIES} for composition in COMPOSITIONS}
MAY_IMPORT["data"] = {"storage", "random_streams", "batches"}
MAY_IMPORT["viz"] = {"storage", "batches"}
MAY_IMPORT["metrics"] = {*PRIMITIVES, "data"}
MAY_IMPORT["book_recipe"] = {"allocator", "storage", "interruption", "time_spent", "viz"}

# Outside packages that a package may import when it is imported; the rest only inside functions.
EAGER = {
    "genmodels": {"torch", "numpy", "safetensors", "rich"},
    "worldmodels": {"torch", "numpy", "safetensors", "rich", "gymnasium", "cma", "zarr", "numcodecs", "google_crc32c"},
    "envs": {"numpy", "gymnasium"},
}
EAGER_BY_FILE = {f"genmodels/{name}": {"PIL"} for name in ("data/image_folder.py", "viz/gif.py", "viz/png.py")}
EAGER_BY_FILE["genmodels/compiled/arithmetic.py"] = {"numba", "llvmlite"}
EAGER_BY_FILE |= {
    f"genmodels/{name}.py": {"numba"}
    for name in (
        "dynamics/step_kernels",
        "sampling/compiled_noise",
        "compiled/quick_mixture",
        "compiled/quick_norm",
        "compiled/quick_tanh",
    )
}
EAGER_BY_FILE["worldmodels/sb3.py"] = {"stable_baselines3"}


def imported(path: Path, eager: bool = False) -> Iterator[str]:
    """The full name of every module a file imports; with `eager`, only of those it imports when it is imported itself."""

    def walk(node: ast.AST) -> Iterator[ast.AST]:
        for child in ast.iter_child_nodes(node):
            later = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
            for_types = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
            if not (eager and (later or for_types)):
                yield child
                yield from walk(child)

    for node in walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide where things come from"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer(path: Path) -> str:
    """The layer of genmodels that a file belongs to."""
    return path.relative_to(ROOT / "genmodels").parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_packages_look_one_way(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    allowed = {"genmodels": {"genmodels"}, "envs": {"envs"}, "worldmodels": {"worldmodels", "genmodels"}}[package]
    for name in imported(path):
        top = name.partition(".")[0]
        assert top not in {*PACKAGES, "scripts", "tests"} - allowed, f"{package} imports {name}"


@pytest.mark.parametrize("path", sorted((ROOT / "genmodels").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_layers_of_genmodels_look_down(path: Path) -> None:
    here = layer(path)
    if here == "__init__":
        return
    assert here in MAY_IMPORT, f"{path.name} stands in no layer: give {here} a place in this test and in DESIGN"
    for name in imported(path):
        parts = name.split(".")
        if parts[0] == "genmodels" and len(parts) > 1 and parts[1] != here:
            assert parts[1] in MAY_IMPORT[here], f"{here} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_outside_packages_that_are_imported_at_once_are_the_few_allowed(path: Path) -> None:
    relative = str(path.relative_to(ROOT))
    allowed = EAGER[path.relative_to(ROOT).parts[0]] | EAGER_BY_FILE.get(relative, set())
    for name in imported(path, eager=True):
        top = name.partition(".")[0]
        assert top in allowed | {*PACKAGES} | sys.stdlib_module_names, f"{relative} imports {name} when it is imported"


def test_no_model_imports_a_judge() -> None:
    """Every layer of the library except the judges' own: nothing a model is made of has seen what it is judged by."""
    for path in FILES:
        if path.is_relative_to(ROOT / "genmodels") and layer(path) not in {"metrics"}:
            assert not [name for name in imported(path) if f"{name}.".startswith("genmodels.metrics.")], path


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_unpickled_or_evaluated(path: Path) -> None:
    text = path.read_text()
    for name in imported(path):
        assert name.partition(".")[0] not in {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}, name
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in {"eval", "exec", "compile", "torch.load", "torch.save", "__import__"}, called
            if called in {"np.load", "numpy.load"}:
                arguments = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                assert arguments.get("allow_pickle") == "False", f"{path}: np.load without allow_pickle=False"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_one_uses_numpys_global_stream(path: Path) -> None:
    allowed = {"default_rng", "SeedSequence", "Generator", "PCG64", "Philox", "BitGenerator"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in {"np.random", "numpy.random"}:
            assert node.attr in allowed, f"{path}: {ast.unparse(node)}"


def test_scripts_are_doors_that_nobody_imports() -> None:
    scripts = {path.stem for path in (ROOT / "scripts").rglob("*.py")}
    for path in [*FILES, *(ROOT / "scripts").rglob("*.py")]:
        assert not scripts & {name.partition(".")[0] for name in imported(path)}, path


def test_every_file_says_what_it_is() -> None:
    for path in FILES:
        assert ast.get_docstring(ast.parse(path.read_text())), f"{path} has no docstring"


def test_the_plan_of_the_house_shows_every_room() -> None:
    """Every file and folder at the top of a package is in CONTRIBUTING.md's tables."""
    plan = (ROOT / "CONTRIBUTING.md").read_text()
    tops = [path for package in PACKAGES for path in (ROOT / package).iterdir() if not path.name.startswith(("_", "."))]
    names = [f"`{path.name}/`" if path.is_dir() else f"`{path.name}`" for path in tops if path.is_dir() or path.suffix == ".py"]
    lacking = [name for name in names if name not in plan and name.strip("`/") not in FAMILIES]
    assert not lacking
