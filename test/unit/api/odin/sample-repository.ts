import { ApiError } from "../../../../api/errors.ts";
import type { JobsRepository, RepositoryFile, RepositoryJob } from "../../../../api/git/jobs-repository.ts";

/** A jobs repository that a test holds in its hand: job ids to files, the files of the root under the empty id. */
export class SampleRepository implements JobsRepository {
  readonly contents: Record<string, Record<string, string | Buffer>>;
  isKnown = true;
  version = "1".repeat(40);
  refreshed: number[] = [];
  /** Called before each file is read. */
  onRead: (name: string) => void = () => undefined;

  constructor(contents: Record<string, Record<string, string | Buffer>> = {}) {
    this.contents = contents;
  }

  isOpenId(id: string): boolean {
    return !id.startsWith("rendered/");
  }
  async jobs(): Promise<RepositoryJob[]> {
    return Object.keys(this.contents)
      .filter((id) => id !== "")
      .sort()
      .map((id) => this.#job(id));
  }
  async job(id: string): Promise<RepositoryJob | undefined> {
    return id !== "" && Object.hasOwn(this.contents, id) ? this.#job(id) : undefined;
  }
  async rootFiles(): Promise<readonly RepositoryFile[]> {
    return this.#files("");
  }
  head(): string {
    return this.version;
  }
  async atHead<T>(read: () => Promise<T>): Promise<{ head: string; value: T }> {
    for (let reading = 1; reading <= 5; reading++) {
      const head = this.version;
      const value = await read();
      if (this.version === head) return { head, value };
    }
    throw new ApiError("Busy", "it keeps changing");
  }
  async knows(commit: string): Promise<boolean> {
    return commit === this.version;
  }
  async refresh(deadlineMs: number): Promise<void> {
    this.refreshed.push(deadlineMs);
  }
  async write(): Promise<{ head: string; changed: boolean }> {
    throw new Error("not written to");
  }
  state(): { version: string; dirty: boolean } {
    return { version: this.version, dirty: false };
  }

  #files(id: string): RepositoryFile[] {
    return Object.entries(this.contents[id] ?? {})
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, content]) => ({
        name,
        size: Buffer.byteLength(content),
        read: async () => {
          this.onRead(name);
          return Buffer.from(content as string);
        },
        open: () => Promise.reject(new Error("not opened")),
      }));
  }

  #job(id: string): RepositoryJob {
    const files = this.#files(id);
    const main = this.contents[id]?.["main.yml"];
    return {
      id,
      path: `/data/pipelines/${id}`,
      ...(main === undefined ? {} : { main: main.toString() }),
      templates: files.map(({ name }) => name).filter((name) => name.endsWith(".jinja2")),
      files,
    };
  }
}
