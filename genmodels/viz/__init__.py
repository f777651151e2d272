"""Pictures of what a model does. A picture is a value, a uint8 array (H, W, 3); `save_png` writes it.

| picture | of |
|---|---|
| `grid(images)` | many images on one sheet |
| `reconstructions(originals, reconstructions)` | images above what a model makes of them |
| `latent_scatter(z, labels)` | the first two dimensions of a latent space |
| `inverse_cdf_grid(decode)` | what is decoded from a plane of latents, each cell equally probable |
| `scatter(samples, centres, real)` | samples in the plane above the real points |
| `curves(metrics)` | every figure of a run's `metrics.jsonl` against the step |
"""

from genmodels.viz.curves import curves
from genmodels.viz.figure import Picture
from genmodels.viz.grids import grid, reconstructions
from genmodels.viz.latents import inverse_cdf_grid, latent_scatter
from genmodels.viz.png import save_png
from genmodels.viz.points import scatter

__all__ = [
    "Picture",
    "curves",
    "grid",
    "inverse_cdf_grid",
    "latent_scatter",
    "reconstructions",
    "save_png",
    "scatter",
]
