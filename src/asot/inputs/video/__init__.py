"""Videos in: decoding with true times, features of backbones, previews that browsers play."""
