import json
import sys

from scripts.statistics_helpers import summary

print(json.dumps(summary([float(word) for word in sys.argv[1:]])))
