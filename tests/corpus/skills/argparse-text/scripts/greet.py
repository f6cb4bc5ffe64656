import argparse

parser = argparse.ArgumentParser(description="Greet somebody")
parser.add_argument("--name", required=True)
parser.add_argument("--shout", action="store_true")
args = parser.parse_args()
text = f"Hello, {args.name}!"
print(text.upper() if args.shout else text)
