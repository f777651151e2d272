"""The reinforcement-learning half: world models assembled from `genmodels`, and agents trained inside their dreams."""
