// An order execution engine as people build it: Fastify, BullMQ, Redis pub/sub, Postgres.
import { randomUUID } from 'node:crypto';
import websocket from '@fastify/websocket';
import { Queue, Worker } from 'bullmq';
import Fastify from 'fastify';
import { Redis } from 'ioredis';
import { Live } from './live.js';
import { bestQuote, swap, TOKENS } from './router.js';
import { Store } from './store.js';

const { DATABASE_URL, REDIS_URL, PORT = 3000 } = process.env;
const redis = () => new Redis(REDIS_URL, { maxRetriesPerRequest: null });

const store = new Store(DATABASE_URL);
await store.prepare();
const publisher = redis();
const subscriber = redis();
const live = new Live(subscriber);
const publish = (event) => publisher.publish(`order:${event.orderId}`, JSON.stringify(event));
const move = async (id, status, detail) => publish(await store.move(id, status, detail));

const queueRedis = redis();
const queue = new Queue('orders', {
  connection: queueRedis,
  defaultJobOptions: {
    attempts: 3,
    backoff: { type: 'exponential', delay: 500 },
    removeOnComplete: true,
  },
});

const workerRedis = redis();
const worker = new Worker(
  'orders',
  async ({ data: order }) => {
    await move(order.id, 'routing');
    const route = await bestQuote(order);
    await move(order.id, 'building', { dex: route.dex, price: route.price, amountOut: route.amountOut });
    await move(order.id, 'submitted', { dex: route.dex });
    await move(order.id, 'confirmed', { dex: route.dex, ...(await swap(order, route)) });
  },
  { connection: workerRedis, concurrency: 10 },
);
worker.on('failed', (job, error) => {
  if (job.attemptsMade >= job.opts.attempts) move(job.data.id, 'failed', { error: error.message });
});
worker.on('error', console.error);

const token = { type: 'string', enum: TOKENS };
const body = {
  type: 'object',
  required: ['tokenIn', 'tokenOut', 'amount'],
  additionalProperties: false,
  properties: { tokenIn: token, tokenOut: token, amount: { type: 'number', exclusiveMinimum: 0 } },
};
const params = { type: 'object', properties: { id: { type: 'string', format: 'uuid' } } };

const app = Fastify();
await app.register(websocket);

app.post('/api/orders/execute', { schema: { body } }, async (request, reply) => {
  const order = request.body;
  if (order.tokenIn === order.tokenOut) return reply.code(400).send({ error: 'the tokens are the same' });
  const id = randomUUID();
  const created = await store.insert(id, order);
  await publish(created);
  await queue.add('execute', { id, ...order });
  return reply
    .code(202)
    .send({ orderId: id, status: 'pending', websocket: `/api/orders/execute?orderId=${id}` });
});

app.get('/api/orders/execute', { websocket: true }, async (socket, request) => {
  const { orderId } = request.query;
  await live.add(orderId, socket);
  const order = await store.find(orderId); // where it is now: the steps before may be over
  if (order) socket.send(JSON.stringify({ orderId, status: order.status, at: order.updated_at }));
  else socket.close(4404, 'no such order');
});

app.get('/api/orders/:id', { schema: { params } }, async (request, reply) => {
  const order = await store.find(request.params.id);
  return order ?? reply.code(404).send({ error: 'no such order' });
});

app.get('/health', () => ({ status: 'ok' }));

await app.listen({ host: '127.0.0.1', port: Number(PORT) });
console.log(`serving on http://127.0.0.1:${app.server.address().port}`);

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    await app.close();
    await worker.close();
    await queue.close();
    await Promise.all([publisher, subscriber, queueRedis, workerRedis].map((connection) => connection.quit()));
    await store.close();
    process.exit(0);
  });
}
