/** Deletions on the page, as people see them: looked at, refused, carried out, taken back. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { answered } from "../src/index.ts";
import { World } from "./browser.ts";

let world: World;

before(async () => {
  world = await World.open();
});

after(() => world[Symbol.asyncDispose]());

test("a job keeps its datasets unless somebody says otherwise", async () => {
  const { dataset } = await world.made("careful", 5);
  await using look = await world.look("/jobs");
  const { page, dialog, yes } = look;
  await look.delete("make careful");
  const box = dialog.getByRole("checkbox", { name: /Also delete the datasets/ });
  await dialog.getByRole("cell", { name: "synthetic/job" }).waitFor();
  assert.equal(await box.isChecked(), false);
  assert.match(await dialog.innerText(), /Its datasets stay/);
  await look.keep("dialog-job");

  // What stands in the plan is what there is: a job, a dataset, five samples, fifteen objects.
  await box.check();
  const warning = dialog.getByText("permanently deletes");
  await warning.waitFor();
  const told = /7 samples and 15 objects \(\d[\d.]* KiB\)\. It cannot be undone/;
  assert.match(await warning.innerText(), told);
  const cells = async (name: string) => {
    const line = dialog.locator("tr", { hasText: name });
    return (await line.locator("td").allInnerTexts()).join(" ");
  };
  assert.equal(await cells("synthetic/sample"), "synthetic/sample delete 5 5 0 0 B");
  // The dataset has a row from before its objects were counted; it goes along.
  assert.match(await cells("synthetic/dataset"), /^synthetic\/dataset delete 1 2 15 \d[\d.]* KiB$/);
  await look.keep("dialog-job-with-datasets");

  // Who thinks better of it has changed nothing.
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  assert.ok((await world.jobs()).includes("make careful"));

  await look.delete("make careful");
  assert.equal(await box.isChecked(), false, "what was ticked once is not ticked for ever");
  await yes.click();
  await look.line("make careful").waitFor({ state: "detached" });
  assert.ok((await world.datasets()).includes("careful"));
  assert.equal(world.files(dataset), 15);
});

test("a job goes with everything it made when somebody says so", async () => {
  const { job, dataset } = await world.made("thorough", 4);
  await using look = await world.look(`/jobs/${job}`);
  await look.keep("job");
  await look.button("Delete…").click();
  await look.dialog.getByRole("checkbox").check();
  await look.dialog.getByText("permanently deletes").waitFor();
  await look.yes.click();
  // The page of the job would only say that there is none.
  await look.page.waitForURL(`${world.url}/jobs`);
  assert.ok(!(await world.jobs()).includes("make thorough"));
  assert.ok(!(await world.datasets()).includes("thorough"));
  assert.equal(world.files(dataset), 0);
});

test("a dataset that models use stays, and they are one click away", async () => {
  const { job, dataset } = await world.made("in use", 3);
  const models = ["localization one", "localization two"];
  for (const name of models) {
    const body = { name, is_active: true, dataset_ids: [dataset] };
    answered(await world.metalith.POST("/api/v1/models", { body }));
  }
  await using look = await world.look("/datasets");
  const { page, dialog, yes } = look;
  const refused = dialog.getByText("This cannot be deleted now.");
  await look.delete("in use");
  await refused.waitFor();
  assert.ok(await yes.isDisabled());
  assert.match(await dialog.innerText(), /used by 2 active model\(s\): localization one/);
  for (const name of models) await dialog.getByRole("link", { name }).waitFor();
  await look.keep("dialog-blocked");

  // The same for the job, once its datasets are to go along.
  await page.goto(`${world.url}/jobs/${job}`);
  await look.button("Delete…").click();
  await dialog.getByText("Its datasets stay").waitFor();
  assert.ok(await yes.isEnabled());
  await dialog.getByRole("checkbox").check();
  await refused.waitFor();
  assert.ok(await yes.isDisabled());

  await dialog.getByRole("link", { name: "localization two" }).click();
  await page.waitForURL(`${world.url}/models#model-localization-two`);
  await look.keep("models");
  for (const name of models) {
    await look.line(name).getByRole("button", { name: "Deactivate" }).click();
    await look.line(name).getByText("not in use").waitFor();
  }
  await page.goto(`${world.url}/datasets/${dataset}`);
  await look.keep("dataset");
  await look.button("Delete…").click();
  await dialog.getByText("permanently deletes").waitFor();
  await yes.click();
  await page.waitForURL(`${world.url}/datasets`);
  assert.equal(await look.line("in use").count(), 0);
  assert.equal(world.files(dataset), 0);
});

test("what came in between is told, and nothing is deleted", async () => {
  const { dataset } = await world.made("contested", 2);
  await using look = await world.look("/datasets");
  await look.delete("contested");
  await look.dialog.getByText("permanently deletes").waitFor();
  // Somebody begins to use it while somebody else looks at the plan.
  const body = { name: "a quick one", is_active: true, dataset_ids: [dataset] };
  answered(await world.metalith.POST("/api/v1/models", { body }));
  await look.yes.click();
  await look.dialog.getByText("it is currently used by 1 active model(s)").first().waitFor();
  await look.dialog.getByRole("link", { name: "a quick one" }).waitFor();
  assert.ok(await look.yes.isDisabled());
  await look.keep("dialog-overtaken");
  assert.equal(world.files(dataset), 6);
});

test("samples are deleted after a look at the plan, and restored", async () => {
  await using look = await world.look("/deletions");
  const { page, dialog } = look;
  await look.plan("path = 'dawn.mp4'", "too dark");
  await dialog.getByText("This hides 1 sample until it is restored").waitFor();
  await look.keep("dialog-samples");
  await dialog.getByRole("button", { name: "Delete", exact: true }).click();
  await page.waitForURL(/\/deletions\/./);
  await page.getByText("too dark").waitFor();
  await look.keep("deletion");
  const deletion = page.url();

  await page.goto(`${world.url}/features/video__raw`);
  await look.line("noon.mp4").waitFor();
  assert.equal(await look.line("dawn.mp4").count(), 0);
  await page.getByLabel("deleted too").check();
  await page.getByRole("button", { name: "Show" }).click();
  await look.line("dawn.mp4").waitFor();
  await look.keep("feature-with-deleted");

  await page.goto(deletion);
  await page.getByRole("button", { name: "Restore" }).click();
  await page.locator(".state", { hasText: "restored" }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Restore" }).count(), 0);
  await page.goto(`${world.url}/features/video__raw`);
  await look.line("dawn.mp4").waitFor();
  await page.goto(`${world.url}/deletions`);
  await look.line("too dark").getByText("restored").waitFor();
  await look.keep("deletions");
});

test("a filter that makes no sense is told where it was written", async () => {
  await using look = await world.look("/deletions");
  await look.plan("colour = 1");
  await look.page.getByRole("status").getByText("unknown column `colour`").waitFor();
  await look.keep("deletions-refused");
  await look.page.goto(`${world.url}/features/video__raw?filter=colour+%3D+1`);
  await look.page.getByRole("alert").getByText("unknown column `colour`").waitFor();
  await look.keep("feature-refused");
});

test("samples are held, and let go", async () => {
  await using look = await world.look("/holds");
  const { page, dialog } = look;
  page.on("dialog", (question) => void question.accept());
  await page.getByLabel("Feature").selectOption("video/raw");
  await page.getByLabel("Filter").fill("path = 'noon.mp4'");
  await page.getByLabel("Reason").fill("a lawsuit");
  await look.button("Hold").click();
  await look.line("a lawsuit").waitFor();
  await look.keep("holds");

  await page.goto(`${world.url}/deletions`);
  await look.plan("path = 'noon.mp4'");
  await dialog.getByText("This cannot be deleted now.").waitFor();
  assert.match(await dialog.innerText(), /are held \(a lawsuit\)/);
  await look.keep("dialog-held");
  await dialog.getByRole("link", { name: "Holds" }).click();
  await page.waitForURL(`${world.url}/holds`);
  await look.line("a lawsuit").getByRole("button", { name: "Release" }).click();
  await look.line("a lawsuit").getByText("released").waitFor();
});
