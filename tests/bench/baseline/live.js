// Events to sockets: one subscriber connection to Redis for all of them.
export class Live {
  #sockets = new Map(); // channel → its sockets

  constructor(subscriber) {
    this.subscriber = subscriber;
    subscriber.on('message', (channel, message) => {
      for (const socket of this.#sockets.get(channel) ?? []) socket.send(message);
    });
  }

  async add(orderId, socket) {
    const channel = `order:${orderId}`;
    socket.on('close', () => this.#remove(channel, socket));
    const known = this.#sockets.get(channel);
    if (known) known.add(socket);
    else this.#sockets.set(channel, new Set([socket]));
    await this.subscriber.subscribe(channel);
  }

  #remove(channel, socket) {
    const sockets = this.#sockets.get(channel);
    if (!sockets?.delete(socket) || sockets.size) return;
    this.#sockets.delete(channel);
    this.subscriber.unsubscribe(channel).catch(() => {}); // we are stopping
  }
}
