from toolkit.core import shape
