import argparse
import json

parser = argparse.ArgumentParser()
parser.add_argument("--count", type=int)
parser.add_argument("--ratio", type=float)
parser.add_argument("--strict", choices=["true", "false"])
parser.add_argument("--title")
parser.add_argument("--config", type=json.loads)
print(json.dumps(vars(parser.parse_args()), sort_keys=True))
