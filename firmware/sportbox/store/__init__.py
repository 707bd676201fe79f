"""What must outlive a power cut: small records, the outbox, the replay log, the configuration."""
