/** The description of the API, tried from end to end by schemathesis. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

import { answered, connect } from "../src/index.ts";
import { Folder, needed, Served } from "./served.ts";

const TOOLS = join(import.meta.dirname, "../../../tools/openapi");

/** What a command printed, and how it ended. */
interface Ended {
  text: string;
  code: unknown;
}

/** Runs a command to its end. */
function ran(command: string, args: string[], cwd: string): Promise<Ended> {
  const env = { ...process.env, SCHEMATHESIS_HOOKS: join(TOOLS, "hooks.py"), NO_COLOR: "1" };
  return new Promise((resolve) => {
    const options = { cwd, env, maxBuffer: 1 << 28 };
    execFile(command, args, options, (error, stdout, stderr) => {
      resolve({ text: stdout + stderr, code: error === null ? 0 : error.code });
    });
  });
}

test("no request is a defect, and every answer is described", async (told) => {
  using folder = new Folder();
  const objects = pathToFileURL(join(folder.path, "objects", "synthetic"));
  folder.write("metalith.toml", `project = "api"\n[registry]\nobjects = "${objects}"\n`);
  folder.write(
    "features.toml",
    `[[features]]
key = "video/raw"
id_columns = ["path"]
fields = ["content"]

[[features]]
key = "video/crop"
id_columns = ["path"]
deps = ["video/raw"]
fields = ["content"]
`,
  );
  const lines = ["a", "b", "c"].map((name, size) => `${name}.mp4,${size},${name}\n`);
  folder.write("raw.csv", `path,size,metaxy_provenance_by_field.content\n${lines.join("")}`);
  folder.run("metadata", "write", "video/raw", "raw.csv");
  await using served = await Served.start(folder);

  const config = join(TOOLS, "schemathesis.toml");
  const report = join(folder.path, "report");
  const description = `${served.url}/api/v1/openapi.json`;
  const args = ["--config-file", config, "run", description, "--report-dir", report];
  const { text, code } = await ran(needed("SCHEMATHESIS"), args, folder.path);
  assert.equal(code, 0, text);
  const cases = Number(/([\d,]+) generated/.exec(text)?.[1]?.replaceAll(",", ""));
  assert.ok(cases > 500, text);
  told.diagnostic(`${cases} requests, and what they led to`);
  const all = /Operations: +(\d+) selected \/ (\d+) total/.exec(text);
  assert.ok(all !== null && all[1] === all[2], text);

  // It still answers, and its log of deletions is whole.
  const metalith = connect({ url: served.url });
  assert.ok(answered(await metalith.GET("/api/v1/audit/verification")).holds);
});
