"""The work, by subject: thin Celery tasks over a pipeline of pure decisions and adapters that do I/O."""

import os

# numpy's linear algebra, which nothing here uses, would start a thread for each core in every process; it is told
# before anything below can import it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
