import argparse
import json

parser = argparse.ArgumentParser()
commands = parser.add_subparsers(dest="command", required=True)
add = commands.add_parser("add")
add.add_argument("numbers", nargs="+", type=float)
scale = commands.add_parser("scale")
scale.add_argument("--by", type=float, required=True)
scale.add_argument("number", type=float)
args = parser.parse_args()
result = sum(args.numbers) if args.command == "add" else args.number * args.by
print(json.dumps({"command": args.command, "result": result}))
