"""The local environment: an AWS emulator and a MariaDB server on loopback, under supervision."""
