"""What Flowbridge costs in time, bytes and money, measured beside what it is compared with."""
