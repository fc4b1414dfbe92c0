"""Settings found from the recordings alone, and actions without training: arrays in, arrays out."""
