"""Learning: the encoder and the action embeddings, their training, recipes and runs.

Import from the modules: ``configuration`` (recipes; light), ``model`` (the network and its
decoding), ``module`` and ``datamodule`` (the Lightning faces), ``training`` and ``runs``.
"""
