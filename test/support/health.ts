import type { OdinProcess } from "./odin-process.ts";

/** Answers of an operator's own port; the process must log in JSON and have said that it starts. */
export class Health {
  readonly #url: string;

  private constructor(port: string) {
    this.#url = `http://127.0.0.1:${port}`;
  }

  static async of(operator: OdinProcess): Promise<Health> {
    await operator.untilSaid("operator starting");
    const port = /"port":(\d+)/.exec(operator.output)?.[1];
    if (port === undefined) throw new Error(`the operator names no port: ${operator.output.slice(0, 500)}`);
    return new Health(port);
  }

  /** What `/readyz` says, with its status. */
  async readiness(): Promise<{ status: number; text: string }> {
    const response = await fetch(`${this.#url}/readyz`);
    return { status: response.status, text: (await response.text()).trim() };
  }

  async metrics(): Promise<string> {
    return await (await fetch(`${this.#url}/metrics`)).text();
  }

  /** The value of one series, as `name{labels}` in the order of the text; 0 if it is not there. */
  async value(series: string): Promise<number> {
    const line = (await this.metrics()).split("\n").find((one) => one.startsWith(`${series} `));
    return Number(line?.slice(series.length + 1) ?? 0);
  }
}
