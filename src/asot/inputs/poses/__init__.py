"""Tracked poses of DeepLabCut and SLEAP."""
