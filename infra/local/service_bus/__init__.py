"""An AMQP 1.0 emulator of Azure Service Bus for the unmodified SDK: queues, topics, locks, journal."""
