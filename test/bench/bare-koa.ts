/**
 * The yardstick: a Koa server that does nothing but answer with BYTES bytes of JSON from memory. `node bare-koa.js BYTES`
 * prints its port and runs until it is killed.
 */
import type { AddressInfo } from "node:net";
import Koa from "koa";

const body = Buffer.from(JSON.stringify("x".repeat(Math.max(0, Number(process.argv[2]) - 2))));
const app = new Koa();
app.use((ctx) => {
  ctx.type = "json";
  ctx.body = body;
});
const server = app.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
