// Orders and their events in Postgres. Each step is one statement, so one transaction and one flush to disk.
import { readFileSync } from 'node:fs';
import pg from 'pg';

const INSERT = {
  name: 'insert-order',
  text: `WITH created AS (
           INSERT INTO orders (id, token_in, token_out, amount) VALUES ($1, $2, $3, $4) RETURNING id, created_at)
         INSERT INTO order_events (order_id, status, at) SELECT id, 'pending', created_at FROM created
         RETURNING at`,
};
const MOVE = {
  name: 'move-order',
  text: `WITH moved AS (
           UPDATE orders
           SET status = $2, updated_at = clock_timestamp(), dex = coalesce($3, dex),
               executed_price = coalesce($4, executed_price), tx_hash = coalesce($5, tx_hash), error = $6
           WHERE id = $1 RETURNING id, updated_at)
         INSERT INTO order_events (order_id, status, at, detail) SELECT id, $2, updated_at, $7 FROM moved
         RETURNING at`,
};
const FIND = { name: 'find-order', text: 'SELECT * FROM orders WHERE id = $1' };

export class Store {
  constructor(url) {
    this.pool = new pg.Pool({ connectionString: url, max: 20 });
  }

  prepare() {
    return this.pool.query(readFileSync(new URL('schema.sql', import.meta.url), 'utf8'));
  }

  async insert(id, { tokenIn, tokenOut, amount }) {
    const { rows } = await this.pool.query({ ...INSERT, values: [id, tokenIn, tokenOut, amount] });
    return { orderId: id, status: 'pending', at: rows[0].at };
  }

  async move(id, status, detail = {}) {
    const { dex, executedPrice, txHash, error } = detail;
    const values = [id, status, dex, executedPrice, txHash, error, JSON.stringify(detail)];
    const { rows } = await this.pool.query({ ...MOVE, values });
    return { orderId: id, status, at: rows[0].at, ...detail };
  }

  async find(id) {
    const { rows } = await this.pool.query({ ...FIND, values: [id] });
    return rows[0];
  }

  close() {
    return this.pool.end();
  }
}
