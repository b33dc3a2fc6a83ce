/** The description of the API, tried from end to end by schemathesis. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

import { answered, connect, isOngoing, type Metalith } from "../src/index.ts";
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

/** What is not to be waited for here. */
function atOnce<Answer extends object>(answer: Answer): Exclude<Answer, { look: string }> {
  if (isOngoing(answer)) throw new Error(answer.message);
  return answer as Exclude<Answer, { look: string }>;
}

/** Something of each kind, by the words that stand for it in the configuration. */
async function filled(metalith: Metalith): Promise<Record<string, string>> {
  const job = async (name: string) => {
    const config = { dataset_name: name, num_samples: 2 };
    const body = { name, kind: "iq_raw", config };
    const { job_id } = atOnce(answered(await metalith.POST("/api/v1/jobs/synthetic", { body })));
    return job_id;
  };
  const dataset = async (name: string) => {
    const body = { name, dataset_type: "features" };
    const made = answered(await metalith.POST("/api/v1/jobs/synthetic/datasets", { body }));
    return atOnce(made).dataset_id;
  };
  const plan = async (path: string) => {
    const body = { feature: "video/raw", filters: [`path = '${path}'`] };
    const made = answered(await metalith.POST("/api/v1/deletions/plans", { body }));
    return atOnce(made).id;
  };
  const DATASET = await dataset("in use");
  const body = { name: "localization", is_active: true, dataset_ids: [DATASET] };
  const model = atOnce(answered(await metalith.POST("/api/v1/models", { body })));
  const DELETION = await plan("a.mp4");
  const params = { path: { deletion: DELETION } };
  answered(await metalith.POST("/api/v1/deletions/plans/{deletion}/execute", { params }));
  return {
    OTHER_JOB: await job("other"),
    JOB: await job("tones"),
    FREE_DATASET: await dataset("free"),
    DATASET,
    MODEL: model.model_id,
    DELETION,
    PLAN: await plan("b.mp4"),
  };
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

  const metalith = connect({ url: served.url });
  let config = readFileSync(join(TOOLS, "schemathesis.toml"), "utf8");
  for (const [word, id] of Object.entries(await filled(metalith))) {
    config = config.replace(`"${word}"`, `"${id}"`);
  }
  folder.write("schemathesis.toml", config);
  const report = join(folder.path, "report");
  const description = `${served.url}/api/v1/openapi.json`;
  const args = ["run", description, "--report-dir", report];
  const { text, code } = await ran(needed("SCHEMATHESIS"), args, folder.path);
  assert.equal(code, 0, text);
  const cases = Number(/([\d,]+) generated/.exec(text)?.[1]?.replaceAll(",", ""));
  assert.ok(cases > 500 && text.includes("Seed: 7"), text);
  const phases = text.matchAll(/\w+ \(in [\d.]+s\)/g);
  told.diagnostic(`${cases} requests: ${[...phases].map(([phase]) => phase).join(", ")}`);
  const all = /Operations: +(\d+) selected \/ (\d+) total/.exec(text);
  assert.ok(all !== null && all[1] === all[2], text);

  // It still answers, and its log of deletions is whole.
  assert.ok(answered(await metalith.GET("/api/v1/audit/verification")).holds);
});
