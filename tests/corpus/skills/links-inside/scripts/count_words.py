import pathlib

print(len(pathlib.Path("data/words.txt").read_text().split()))
