"""Pictures of what a model does. A picture is a value, a uint8 array (H, W, 3); `save_png` writes it, `png` makes bytes of it,
`save_gif` writes many that move.

| picture | of |
|---|---|
| `grid(images)` | many images on one sheet |
| `reconstructions(originals, reconstructions)` | images above what a model makes of them |
| `strips(path, before, after)` | rows of images that change step by step: morphs, attributes |
| `latent_scatter(z, labels)` | the first two dimensions of a latent space |
| `latent_histograms(z)` | each dimension of a latent space beside the standard normal |
| `inverse_cdf_grid(decode)` | what is decoded from a plane of latents, each cell equally probable |
| `flow_panels(x, z, noise, samples)` | a flow in the plane: data and their latents, noise and the samples it becomes |
| `scatter(samples, centres, real)` | samples in the plane above the real points |
| `reading_map(weights, written, read)` | where a text was read while another was written, both beside it |
| `piano_rolls(rolls)` | pieces of music, keys against time |
| `attention_maps(weights)`, `attention_page(tokens, weights)` | what gathers from where: maps, and a page of the text itself |
| `curves(metrics)` | every figure of a run's `metrics.jsonl` against the step |
| `pit_histogram(values)` | where what came lay in what was predicted: flat if the predictions know what they do not know |
| `spread(groups)` | groups of numbers: each of them, their mean and its uncertainty |
| `intervals(lines)` | means against a quantity, each with its uncertainty |
"""

from genmodels.viz.attention_maps import attention_maps, attention_page
from genmodels.viz.calibration_histogram import pit_histogram, uniform_distance
from genmodels.viz.curves import curves
from genmodels.viz.figure import Picture
from genmodels.viz.flow_panels import flow_panels
from genmodels.viz.gif import save_gif
from genmodels.viz.grids import grid, reconstructions, strips
from genmodels.viz.intervals import intervals
from genmodels.viz.latents import inverse_cdf_grid, latent_histograms, latent_scatter
from genmodels.viz.piano_rolls import piano_rolls
from genmodels.viz.png import png, save_png
from genmodels.viz.points import scatter
from genmodels.viz.reading_map import reading_map
from genmodels.viz.spread import spread

__all__ = [
    "Picture",
    "attention_maps",
    "attention_page",
    "curves",
    "flow_panels",
    "grid",
    "intervals",
    "inverse_cdf_grid",
    "latent_histograms",
    "latent_scatter",
    "piano_rolls",
    "pit_histogram",
    "png",
    "reading_map",
    "reconstructions",
    "save_gif",
    "save_png",
    "scatter",
    "spread",
    "strips",
    "uniform_distance",
]
