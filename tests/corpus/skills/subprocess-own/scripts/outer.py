import subprocess
import sys

inner = subprocess.run(
    [sys.executable, "scripts/inner.py", sys.argv[1]], check=True, capture_output=True, text=True
)
print(f"inner said {inner.stdout.strip()}")
