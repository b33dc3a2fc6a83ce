/** A real `metalith serve` on a project of its own, for as long as a test needs it. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** The command that is tried, as it was built. */
export const METALITH = needed("METALITH");

/** A variable without which nothing can be tried. */
export function needed(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set; run \`cargo xtask web\``);
  return value;
}

/** A folder that is gone with its owner. */
export class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "metalith-web-"));

  write(name: string, text: string): void {
    writeFileSync(join(this.path, name), text);
  }

  /** Runs the command in it; what it printed. */
  run(...args: string[]): string {
    const stdio: ["ignore", "pipe", "ignore"] = ["ignore", "pipe", "ignore"];
    return execFileSync(METALITH, args, { cwd: this.path, encoding: "utf8", stdio });
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A server at work. */
export class Served implements AsyncDisposable {
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(url: string, process: ChildProcess) {
    this.url = url;
    this.#process = process;
  }

  /** Starts one on any port that is free. */
  static async start(folder: Folder): Promise<Served> {
    const args = ["serve", "--listen", "127.0.0.1:0", "--every", "1s"];
    const server = spawn(METALITH, args, {
      cwd: folder.path,
      env: { ...process.env, USER: "anna" },
      stdio: ["ignore", "ignore", "pipe"],
    });
    const told: string[] = [];
    const url = await new Promise<string>((resolve, reject) => {
      // Read to its end, so that the server never waits for a reader.
      createInterface({ input: server.stderr }).on("line", (line) => {
        told.push(line);
        const found = /listening at (http:\S+)/.exec(line)?.[1];
        if (found !== undefined) resolve(found);
      });
      server.once("exit", () => reject(new Error(`it does not serve:\n${told.join("\n")}`)));
    });
    return new Served(url, server);
  }

  /** Ends it in order. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const over = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill("SIGTERM");
    await over;
  }
}
