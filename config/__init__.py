"""What may be tuned: settings, ladders, queues and time limits, Celery and Flower options."""
