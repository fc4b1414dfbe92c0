"""From the files that people have to features, times and origins."""
