/** What the READMEs show is run. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";

import { Folder, Served } from "./served.ts";

const CLIENT = join(import.meta.dirname, "..");

test("what the READMEs show can be run as it stands", async () => {
  using folder = new Folder();
  folder.write("metalith.toml", 'project = "readme"\n');
  const feature = 'key = "video/raw"\nid_columns = ["path"]\nfields = ["content"]\n';
  folder.write("features.toml", `[[features]]\n${feature}`);
  const rows = "a.mp4,50,1\nb.mp4,200,2\n";
  folder.write("raw.csv", `path,size,metaxy_provenance_by_field.content\n${rows}`);
  folder.run("metadata", "write", "video/raw", "raw.csv");
  await using served = await Served.start(folder);
  const found: unknown[] = [];
  for (const readme of [join(CLIENT, "README.md"), join(CLIENT, "../../README.md")]) {
    for (const [, block = ""] of readFileSync(readme, "utf8").matchAll(/^```ts\n(.*?)^```/gms)) {
      const own = pathToFileURL(join(CLIENT, "src/index.ts")).href;
      const code = block
        .replace('"metalith-client"', `"${own}"`)
        .replace("http://localhost:8002", served.url);
      folder.write("shown.mts", `${code}console.log(items.length);\n`);
      const file = join(folder.path, "shown.mts");
      const { stdout } = await promisify(execFile)(process.execPath, [file]);
      found.push(Number(stdout));
    }
  }
  assert.deepEqual(found, [1, 2]);
});
