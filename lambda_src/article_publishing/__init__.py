"""Publishes a CMS's articles on Medium, Dev.to and Hashnode, and indexes them in OpenSearch."""
