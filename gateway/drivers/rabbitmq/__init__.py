"""The broker of the production footing: RabbitMQ 3.10 to 4.x over AMQP 0-9-1.

Built on aiormq's plain connections and channels. The robust ones of aio-pika
bring back a connection but not always its consumers, and answer a passive
declare from memory; here every part brings back itself, and says so.
"""

from gateway.drivers.rabbitmq.broker import RabbitBroker
from gateway.drivers.rabbitmq.topology import QueueLimits

__all__ = ["QueueLimits", "RabbitBroker"]
