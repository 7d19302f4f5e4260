import { Agent, get } from "node:http";
import { performance } from "node:perf_hooks";
import type { Sql, Statement } from "../../../store/sql.ts";
import type { Plan, PlanReader } from "../../support/job-plan.ts";
import { percentile } from "../engine/distribution.ts";
import type { BenchFacade } from "./facade.ts";
import type { BenchQuery } from "./queries.ts";
import type { Asked, Witness } from "./statements.ts";

/** Different values that are asked for in turn. */
const VARIANTS = 16;
/** More answers than that say nothing new. */
const MOST_ANSWERS = 1_000;
const LEAST_ANSWERS = 3;
const PREFIX = "/api/v1/clusters";

/** Times of many answers, in milliseconds. */
export interface Times {
  count: number;
  p50: number;
  p99: number;
}

/** What one question showed. */
export interface MeasuredQuery {
  query: BenchQuery;
  /** Jobs in the answer of the first variant. */
  rows: number;
  http: Times;
  /** All statements of one request together. */
  sql: Times;
  plan: Plan;
}

/** What is measured. */
export interface Subject {
  facade: BenchFacade;
  witness: Witness;
  sql: Sql;
  plan: PlanReader;
  seconds: number;
}

/** Asks one question again and again: over HTTP, one request after the other on one connection, and then its SQL alone. */
export async function measureQuery(subject: Subject, query: BenchQuery): Promise<MeasuredQuery> {
  const { facade, witness, sql, seconds } = subject;
  const asked: Asked[] = [];
  for (let variant = 0; variant < VARIANTS; variant += 1) asked.push(await witness.ask(query, variant));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const headers = facade.credentials[query.as];
  try {
    const http = await repeat(seconds, (turn) =>
      answered({ port: facade.port, path: `${PREFIX}${query.path(turn % VARIANTS)}`, headers, agent }),
    );
    const alone = await repeat(seconds, async (turn) => {
      for (const statement of asked[turn % VARIANTS]?.statements ?? []) await sql.read(statement);
    });
    const statements = asked[0]?.statements ?? [];
    return { query, rows: asked[0]?.rows ?? 0, http, sql: alone, plan: await planOf(subject, statements) };
  } finally {
    agent.destroy();
  }
}

async function repeat(seconds: number, work: (turn: number) => Promise<void>): Promise<Times> {
  // Whatever is done for the first time is not what is measured.
  await work(0);
  const times: number[] = [];
  const end = performance.now() + seconds * 1000;
  while (times.length < LEAST_ANSWERS || (performance.now() < end && times.length < MOST_ANSWERS)) {
    const begin = performance.now();
    await work(times.length);
    times.push(performance.now() - begin);
  }
  return { count: times.length, p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
}

function answered(request: { port: number; path: string; headers: object; agent: Agent }): Promise<void> {
  const { port, path, headers, agent } = request;
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port, path, headers: { ...headers }, agent }, (response) => {
      response.on("error", reject);
      response.on("end", () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`${path}: ${response.statusCode}`)),
      );
      response.resume();
    }).on("error", reject);
  });
}

async function planOf({ sql, plan }: Subject, statements: readonly Statement[]): Promise<Plan> {
  const plans: Plan[] = [];
  for (const statement of statements) plans.push(await plan(sql, statement));
  return {
    indexes: [...new Set(plans.flatMap(({ indexes }) => indexes))],
    scansTable: plans.some(({ scansTable }) => scansTable),
    sorts: plans.some(({ sorts }) => sorts),
  };
}
