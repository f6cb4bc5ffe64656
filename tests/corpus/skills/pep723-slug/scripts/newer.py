# /// script
# requires-python = ">=3.10"
# dependencies = ["packaging>=23"]
# ///
import sys

from packaging.version import Version

print("newer" if Version(sys.argv[1]) > Version(sys.argv[2]) else "older")
