import { MOST_POINTS } from "../page/past.ts";
import { type Json, ref } from "./schemas.ts";

/** One operation of vesta. */
export interface VestaOperation {
  summary: string;
  /** Values of the query. */
  query?: readonly Json[];
  /** Schema of a JSON body. */
  body?: Json;
  /** The answer by media type; absent: it has none that is good. */
  replies?: Readonly<Record<string, Json>>;
  /** Statuses of errors of its own, with what they mean; in place of those that all have. */
  errors?: Readonly<Record<number, string>>;
}

const query = (name: string, description: string, schema: Json = { type: "string" }): Json => ({
  ...{ name, in: "query", description, schema },
});
const needed = (parameter: Json): Json => ({ ...parameter, required: true });
const json = (schema: Json): Readonly<Record<string, Json>> => ({ "application/json": schema });
const TEXT: Json = { type: "string" };
const PLAIN = { "text/plain": TEXT };
const HTML = { "text/html": TEXT };
const TERM = query("term", "Text for a terminal; empty, `false`, `0`, `no` and `off` are false, all else is true.");
const TOKEN = query("token", "The token of the settings.");
const FETCH_NUM = query(
  "fetch_num",
  "Newest rows of each host; negative: all of up to 10 000. No integer counts as 1.",
);
const ADDED = "Not in the original.";
const BEGIN = "seconds since 1970 from when on, below 0 so many before now.";
const INTEGER: Json = { type: "integer" };
const NO_HOST = { 404: "There is no such host." };

/** Every operation of vesta, by `method path`, without the slash that each path may end in. */
export const VESTA_OPERATIONS: Readonly<Record<string, VestaOperation>> = {
  "get /": {
    summary: "Shows all GPUs: as a page, as a table for terminals, as the block of one host, or its past in figures.",
    query: [
      TERM,
      query("detail", "With `term`: all about each GPU, in place of a table."),
      query("page", "Number of a page, from 1; with `term` 0 is all hosts."),
      query("fetch_element", "The block of the host `element` alone."),
      query("element", "Name of a host."),
      query(
        "fetch_history",
        `${ADDED} Figures of the host \`element\` over time: at most ${MOST_POINTS} times, of many rows some.`,
      ),
      query("from", `${ADDED} With \`fetch_history\`: ${BEGIN} Without it from the oldest row on.`, INTEGER),
      query(
        "to",
        `${ADDED} With \`fetch_history\`: up to when, like \`from\`. Without it up to the newest row.`,
        INTEGER,
      ),
    ],
    replies: { ...HTML, ...PLAIN, ...json({ anyOf: [ref("Element"), ref("Past")] }) },
    errors: {
      400: "`from` or `to` is no whole number, or `from` is after `to`.",
      404: "The number of the page is below 0, or there is no host of which figures were asked for.",
    },
  },
  "get /gpu_table": {
    summary: "Shows models and memory of all GPUs, as a page or as a table for terminals.",
    query: [TERM],
    replies: { ...HTML, ...PLAIN },
  },
  "get /states": { summary: "Tells of all hosts.", query: [FETCH_NUM], replies: json(ref("States")) },
  "get /states/{host}": {
    summary: "Tells of one host, also where it is down: as JSON, as text for terminals, or as CSV.",
    query: [TERM, FETCH_NUM, query("format", "`csv`: a line for each row and GPU.")],
    replies: { ...json(ref("States")), ...PLAIN, "text/csv": TEXT },
    errors: NO_HOST,
  },
  "delete /states/{host}": {
    summary: "Forgets a machine that has registered, with its history.",
    query: [TOKEN],
    replies: json(ref("Done")),
    errors: { ...NO_HOST, 400: "The host is a node of the cluster.", 403: "The address or the token may not do this." },
  },
  "get /register": {
    summary: "Registers a machine that will send its GPUs.",
    query: [needed(query("host_name", "Its name.", { type: "string", minLength: 1 })), TOKEN],
    replies: json(ref("Registration")),
  },
  "post /update/host/{id}": {
    summary: "Takes the GPUs of a machine that has registered.",
    query: [TOKEN],
    body: ref("Payload"),
    replies: json(ref("Done")),
  },
  "get /update/client/ws": {
    summary: "Follows a page over a websocket; its messages are no part of this document.",
    errors: { 405: "The request does not ask for a websocket." },
  },
  "post /notification/slack/events": {
    summary: "Takes an event from Slack, which signs it.",
    body: { type: "object" },
    replies: {
      "application/json": {
        type: "object",
        properties: { challenge: { description: "Of a verification of the address, as it was sent." } },
      },
    },
    errors: { 401: "Slack has not signed the body with the secret of the settings, or more than five minutes ago." },
  },
  "post /notification/send_notification/slack": {
    summary: "Sends somebody a direct message in Slack.",
    query: [TOKEN],
    body: {
      type: "object",
      required: ["text", "to"],
      properties: {
        text: { type: "string", minLength: 1, maxLength: 39_000 },
        to: { type: "string", minLength: 1, description: "Display name or e-mail address." },
      },
    },
    replies: {
      "application/json": {
        type: "object",
        required: ["status", "status_code"],
        properties: {
          status: { type: "string", enum: ["OK", "ERROR"] },
          status_code: { type: "integer" },
          message: { type: "string" },
          info: { type: "string" },
        },
      },
    },
  },
  "get /static/{file}": {
    summary: "A script, a style or a picture of the pages.",
    replies: { "text/javascript": TEXT, "text/css": TEXT, "image/svg+xml": TEXT },
  },
};
