import argparse
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--name", required=True)
parser.add_argument("-o", "--output", required=True)
args = parser.parse_args()
template = (Path(__file__).resolve().parent.parent / "templates" / "letter.txt").read_text()
Path(args.output).write_text(template.replace("NAME", args.name))
