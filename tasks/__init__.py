"""The work, by subject: thin Celery tasks over a pipeline of pure decisions and adapters that do I/O."""
