import sys

import formatting

print(formatting.table(sys.argv[1:]))
