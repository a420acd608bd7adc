// The mock DEX router: quotes take 200–300 ms, a swap 2–3 s. LATENCY scales both; with 0 there is no timer.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const latency = Number(process.env.LATENCY ?? 1);
const PRICES = { SOL: 150, USDC: 1, USDT: 1, RAY: 2, COPE: 0.1, FIDA: 0.2, JUP: 0.8, BONK: 0.00002, JTO: 2.5 };

export const TOKENS = Object.keys(PRICES);

const between = (least, most) => least + Math.random() * (most - least);
const wait = (ms) => (latency ? sleep(ms * latency) : undefined);

async function quote(dex, fee, spread, order) {
  await wait(between(200, 300));
  const price = (PRICES[order.tokenIn] / PRICES[order.tokenOut]) * between(1 - spread, 1 + spread);
  return { dex, price, amountOut: order.amount * price * (1 - fee) };
}

export async function bestQuote(order) {
  const quotes = await Promise.all([
    quote('raydium', 0.003, 0.02, order),
    quote('meteora', 0.002, 0.025, order),
  ]);
  return quotes.reduce((best, next) => (next.amountOut > best.amountOut ? next : best));
}

export async function swap(order, route) {
  await wait(between(2000, 3000));
  return { txHash: randomBytes(32).toString('hex'), executedPrice: route.price * between(0.999, 1.001) };
}
