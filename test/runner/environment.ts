/** What a started environment gives to test files, and how it ends. */
export interface Started {
  /** Environment variables for the test processes. */
  variables: Record<string, string>;
  stop(): Promise<void>;
}

/** How an environment comes to be. */
export interface EnvironmentOptions {
  /** As it is named in messages, e.g. `the API server`. */
  title: string;
  /** Gives up when the signal fires and leaves nothing behind when it throws. */
  start(signal: AbortSignal): Promise<Started>;
  /** Whether it can be started beside other tests without taking the machine from them. */
  isQuick(): Promise<boolean>;
}

/** Something that test files stand on, such as an API server: started at most once, stopped when nobody needs it. */
export class Environment {
  readonly title: string;
  /** Why it is not there; undefined while it may still come or where it has come. */
  failure: string | undefined;
  #options: EnvironmentOptions;
  #settled: Promise<void> | undefined;
  #started: Started | undefined;

  constructor(options: EnvironmentOptions) {
    this.title = options.title;
    this.#options = options;
  }

  isQuick(): Promise<boolean> {
    return this.#options.isQuick();
  }

  /** Starts it, or waits for the start under way; never rejects: `failure` tells. */
  start(signal: AbortSignal): Promise<void> {
    this.#settled ??= this.#options.start(signal).then(
      (started) => {
        this.#started = started;
      },
      (error: unknown) => {
        this.failure = error instanceof Error ? error.message : String(error);
      },
    );
    return this.#settled;
  }

  get isSettled(): boolean {
    return this.#started !== undefined || this.failure !== undefined;
  }

  get variables(): Record<string, string> {
    return this.#started?.variables ?? {};
  }

  /** Stops what was started, also where the start is still under way; without effect a second time. */
  async stop(): Promise<void> {
    await this.#settled;
    const started = this.#started;
    this.#started = undefined;
    await started?.stop();
  }
}
