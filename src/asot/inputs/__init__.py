"""The way from people's files to features, times and origins."""
