import { spawn } from "node:child_process";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { dirname } from "node:path";
import { git } from "./git-remote.ts";

/** A bare repository served over HTTP by git's own CGI program, to those who have the password. */
export class GitHttp {
  readonly #server: Server;
  readonly url: string;

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  static async open(repository: string, credential: string): Promise<GitHttp> {
    await git(repository, "config", "http.receivepack", "true");
    const wanted = `Basic ${Buffer.from(credential).toString("base64")}`;
    const server = createServer((request, response) => {
      if (request.headers.authorization === wanted) serve(repository, request, response);
      else response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end();
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    return new GitHttp(server, `http://127.0.0.1:${port}/jobs.git`);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }
}

/** One request by the rules of CGI: the head of the answer comes on the program's output. */
function serve(repository: string, request: IncomingMessage, response: ServerResponse): void {
  const [path = "", query = ""] = (request.url ?? "").split("?");
  const program = spawn("git", ["http-backend"], {
    stdio: ["pipe", "pipe", "ignore"],
    env: {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: dirname(repository),
      GIT_HTTP_EXPORT_ALL: "1",
      REMOTE_USER: "somebody",
      REQUEST_METHOD: request.method,
      PATH_INFO: path,
      QUERY_STRING: query,
      CONTENT_TYPE: request.headers["content-type"],
      CONTENT_LENGTH: request.headers["content-length"],
      HTTP_CONTENT_ENCODING: request.headers["content-encoding"],
    },
  });
  request.pipe(program.stdin);
  program.stdin.on("error", () => undefined);
  const chunks: Buffer[] = [];
  program.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  program.on("close", () => {
    const output = Buffer.concat(chunks);
    const end = output.indexOf("\r\n\r\n");
    const head = output.subarray(0, end).toString();
    const status = Number(/^Status: (\d+)/im.exec(head)?.[1] ?? 200);
    const type = /^Content-Type: (.+)$/im.exec(head)?.[1]?.trim() ?? "text/plain";
    response.writeHead(status, { "content-type": type }).end(output.subarray(end + 4));
  });
}
