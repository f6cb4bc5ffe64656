import json
import pathlib

names = sorted(path.name for path in pathlib.Path("references").iterdir())
pathlib.Path("index.json").write_text(json.dumps(names))
print("wrote index.json")
