"""What every test needs, the notebooks' kernels included: they inherit this environment."""

import os
import sys
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # two threads on small matrices can be 20 times slower
os.environ["TQDM_DISABLE"] = "1"  # a progress bar's text differs from run to run
sys.path.insert(0, str(Path(__file__).parent))
