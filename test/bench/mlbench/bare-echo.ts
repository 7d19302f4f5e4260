/**
 * The yardstick: a Koa server that parses the JSON which is posted to it and answers with that, and keeps nothing. It prints its port and runs until it is
 * killed.
 */
import type { AddressInfo } from "node:net";
import { bodyParser } from "@koa/bodyparser";
import Koa from "koa";

const app = new Koa();
app.use(bodyParser({ jsonLimit: "8mb" }));
app.use((ctx) => {
  ctx.status = 201;
  ctx.body = ctx.request.body;
});
const server = app.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
