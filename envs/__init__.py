"""Real environments. Imports neither `genmodels` nor `worldmodels`."""
