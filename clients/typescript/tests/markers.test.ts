/** The example, as its README tells it. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, readFileSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

import { Folder, METALITH } from "./served.ts";

const ROOT = join(import.meta.dirname, "../../..");
const EXAMPLE = join(ROOT, "examples/markers");

/** A port that nobody has. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("it has no port");
  return address.port;
}

/** The blocks of a language. */
function blocks(text: string, language: string): string[] {
  const found = text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms"));
  return [...found].map((match) => match[1] ?? "");
}

test("entries are deleted, audited and taken back, as the README shows", async () => {
  using folder = new Folder();
  // At the same distance from the client as in the repository.
  cpSync(EXAMPLE, join(folder.path, "examples/markers"), { recursive: true });
  symlinkSync(join(ROOT, "clients"), join(folder.path, "clients"));
  const readme = readFileSync(join(EXAMPLE, "README.md"), "utf8");
  const port = await freePort();
  const commands = blocks(readme, "sh").join("").replace(
    "metalith serve &",
    // Whoever types it is slower than the server.
    'metalith serve & trap "kill $!" EXIT\n' +
      "until curl -sf $METALITH_URL/health >&2; do sleep 0.05; done",
  );
  const { stdout } = await promisify(execFile)("bash", ["-euc", commands], {
    cwd: join(folder.path, "examples/markers"),
    env: {
      ...process.env,
      PATH: [dirname(METALITH), dirname(process.execPath), process.env["PATH"]].join(":"),
      METALITH_LISTEN: `127.0.0.1:${port}`,
      METALITH_URL: `http://127.0.0.1:${port}`,
    },
  });
  const [expected] = blocks(readme, "text");
  assert.ok(expected !== undefined && stdout.endsWith(expected), stdout);
});
