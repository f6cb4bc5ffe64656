import pathlib

state = pathlib.Path("state/count.txt")
state.parent.mkdir(exist_ok=True)
state.write_text(str(int(state.read_text() if state.exists() else 0) + 1))
print(state.read_text())
