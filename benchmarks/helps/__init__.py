"""What each part of the default is worth, on several data sets."""
