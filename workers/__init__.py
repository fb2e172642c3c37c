"""The processes that run: the Celery app, the HTTP gateway, the command line, the local stack."""
