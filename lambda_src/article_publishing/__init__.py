"""Publishes what a CMS tells of on Medium, Dev.to and Hashnode, and indexes it in OpenSearch."""
