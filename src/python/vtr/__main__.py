"""`python -m vtr`: the program, with the command line of `vtr`."""

import sys

from . import _vtr

sys.exit(_vtr.main(sys.argv[1:]))
