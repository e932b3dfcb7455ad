# No resources: the module types the platform once, for every flow (see README.md).
