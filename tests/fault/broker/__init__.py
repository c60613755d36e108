"""What RabbitMQ may do to a gateway and a worker, one claim a test."""
