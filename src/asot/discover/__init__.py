"""Settings found from the recordings alone: time scale, common order, number of actions.

Arrays in, evidence out: nothing here knows of networks, files or labels that people gave.
"""
