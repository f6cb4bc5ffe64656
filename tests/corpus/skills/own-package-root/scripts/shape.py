import sys

from toolkit import shape

print(shape(sys.argv[1]))
