"""What is kept: execution records and artifacts."""
