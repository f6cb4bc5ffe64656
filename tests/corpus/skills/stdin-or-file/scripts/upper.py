import argparse
import sys

parser = argparse.ArgumentParser()
parser.add_argument("source", nargs="?", type=argparse.FileType("r"), default=sys.stdin)
print(parser.parse_args().source.read().upper(), end="")
