def table(words):
    return " | ".join(words)
