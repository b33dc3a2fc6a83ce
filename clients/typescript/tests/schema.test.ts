/** What is checked in is what the server says of itself today. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import openapiTS, { astToString } from "openapi-typescript";

import { Folder, Served } from "./served.ts";

const SCHEMA = join(import.meta.dirname, "../src/schema.ts");
const HEAD = `/**
 * Generated from what \`metalith serve\` serves at /api/v1/openapi.json; not edited by hand.
 * \`UPDATE_EXPECT=1 cargo xtask web\` writes it anew.
 */

`;

test("the client is the one that the server's description makes", async () => {
  using folder = new Folder();
  folder.write("metalith.toml", 'project = "schema"\n');
  folder.write("features.toml", "");
  await using served = await Served.start(folder);
  const made = await openapiTS(new URL("/api/v1/openapi.json", served.url), {
    // A body of which nothing is known is something all the same.
    emptyObjectsUnknown: true,
    // What has a default may be left out.
    defaultNonNullable: false,
  });
  const schema = HEAD + astToString(made);
  if (process.env["UPDATE_EXPECT"] === "1") writeFileSync(SCHEMA, schema);
  const isSame = readFileSync(SCHEMA, "utf8") === schema;
  assert.ok(isSame, "src/schema.ts is another: `UPDATE_EXPECT=1 cargo xtask web` writes it anew");
});
