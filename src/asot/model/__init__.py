"""Models: recipes, the network and its training, teams of learners, and their checkpoints."""
