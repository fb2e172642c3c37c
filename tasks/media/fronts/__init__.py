"""Uploads that can be read from front to back while they are downloaded, by format."""
