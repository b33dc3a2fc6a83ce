/** The other parts of the page. Pictures of all of them are left for people to look at. */
import assert from "node:assert/strict";
import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { answered, isOngoing } from "../src/index.ts";
import { World } from "./browser.ts";

let world: World;

before(async () => {
  world = await World.open();
});

after(() => world[Symbol.asyncDispose]());

test("a job tells how far it is, without anybody asking", async () => {
  await using look = await world.look("/jobs");
  const { page } = look;
  const make = async (name: string, samples: string) => {
    await page.getByRole("textbox", { name: "Dataset" }).fill(name);
    await page.getByLabel("Samples").fill(samples);
    await look.button("Make a dataset").click();
  };
  await make("long", "50000");
  const line = look.line("make long");
  await line.locator(".state", { hasText: "running" }).waitFor();
  const seen = new Set<number>();
  const bar = line.getByRole("progressbar");
  while (seen.size < 3) {
    seen.add(await bar.evaluate((it) => (it as HTMLProgressElement).value));
    await page.waitForTimeout(50);
  }
  await line.getByText(/^[1-9]\d* of 50000$/).waitFor();
  await look.keep("jobs-at-work");
  await line.getByRole("link", { name: "make long" }).click();
  await page.locator("#log", { hasText: "dataset" }).waitFor();
  await look.keep("job-at-work");
  await look.button("Stop").click();
  await page.locator(".state", { hasText: "cancelled" }).waitFor();
  assert.equal(await look.button("Stop").count(), 0);
  await look.keep("job-stopped");

  // What comes to its end is shown as such by itself.
  await page.goto(`${world.url}/jobs`);
  await make("short", "300");
  await look.line("make short").locator(".state", { hasText: "completed" }).waitFor();
  await look.keep("jobs");
});

/** Boxes of features that some way leads through. */
function crossings(): (string | null)[] {
  const boxes = [...document.querySelectorAll<SVGRectElement>("rect.node")];
  const ways = [...document.querySelectorAll<SVGPathElement>("path.edge")];
  const points = ways.flatMap((way) => {
    const length = way.getTotalLength();
    return Array.from({ length: 200 }, (_, step) => way.getPointAtLength((length * step) / 199));
  });
  const crossed = boxes.filter((box) => {
    const { x, y, width, height } = box.getBBox();
    const isIn = (at: DOMPoint) =>
      at.x > x + 2 && at.x < x + width - 2 && at.y > y + 2 && at.y < y + height - 2;
    return points.some(isIn);
  });
  return crossed.map((box) => box.parentElement?.textContent ?? null);
}

test("the graph leads to the features", async () => {
  await using look = await world.look("/graph");
  const { page } = look;
  const node = (name: string) => page.locator("svg").getByRole("link", { name, exact: true });
  const place = async (name: string) => {
    const box = await node(name).boundingBox();
    assert.ok(box !== null, name);
    return box;
  };
  for (const [from, to] of [
    ["video/raw", "video/crop"],
    ["video/crop", "video/face"],
    ["synthetic/job", "synthetic/dataset"],
    ["model", "model/usage"],
  ] as const) {
    const [left, right] = [await place(from), await place(to)];
    assert.ok(left.x + left.width < right.x, `${to} is on the right of ${from}`);
  }
  assert.deepEqual(await page.evaluate(crossings), [], "ways lead around features, not through");
  await look.keep("graph");
  await node("video/raw").click();
  await page.waitForURL(`${world.url}/features/video__raw`);
  await page.getByText("Files as they came.").waitFor();
  await look.keep("feature");

  // And by the keyboard alone.
  await page.goto(`${world.url}/graph`);
  await node("video/crop").focus();
  await look.keep("graph-focus");
  await page.keyboard.press("Enter");
  await page.waitForURL(`${world.url}/features/video__crop`);
});

test("the audit log says that it holds, and leads to its deletions", async () => {
  const { metalith } = world;
  const body = { feature: "video/raw", filters: ["path = 'dusk.mp4'"] };
  const plan = answered(await metalith.POST("/api/v1/deletions/plans", { body }));
  if (isOngoing(plan)) throw new Error(plan.message);
  const params = { path: { deletion: plan.id } };
  answered(await metalith.POST("/api/v1/deletions/plans/{deletion}/execute", { params }));
  await using look = await world.look("/audit");
  const { page } = look;
  await page.getByText(/The chain of \d+ entries holds/).waitFor();
  await look.line(plan.id.slice(0, 13)).getByText("Figures").click();
  await look.keep("audit");
  await look.line(plan.id.slice(0, 13)).getByRole("link").click();
  await page.waitForURL(`${world.url}/deletions/${plan.id}`);
});

test("objects that nobody names are shown first, and deleted when somebody says so", async () => {
  const stray = join(world.objects, "stray.npy");
  mkdirSync(world.objects, { recursive: true });
  writeFileSync(stray, "of nobody");
  const old = Date.now() / 1000 - 3 * 24 * 3600;
  utimesSync(stray, old, old);
  await using look = await world.look("/objects");
  const { page } = look;
  await page.getByText("stray.npy").waitFor();
  await look.keep("objects");
  page.once("dialog", (question) => void question.dismiss());
  await look.button("Delete them for good…").click();
  await page.reload();
  await page.getByText("stray.npy").waitFor();
  page.once("dialog", (question) => void question.accept());
  await look.button("Delete them for good…").click();
  await page.getByText("stray.npy").waitFor({ state: "detached" });
});

test("every part fits light and dark, wide and narrow", async () => {
  const wide = { width: 1280, height: 800 };
  const looks = [
    { name: "light", colorScheme: "light", viewport: wide },
    { name: "dark", colorScheme: "dark", viewport: wide },
    { name: "narrow", colorScheme: "light", viewport: { width: 400, height: 800 } },
  ] as const;
  for (const { name, ...options } of looks) {
    await using look = await world.look("/", options);
    const { page } = look;
    const parts = page.getByRole("navigation", { name: "Parts" }).getByRole("link");
    for (const part of await parts.evaluateAll((all) => all.map((it) => it.getAttribute("href")))) {
      await page.goto(world.url + part);
      assert.equal(await page.locator("header a[aria-current=page]").count(), 1, String(part));
      const over = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      assert.ok(over <= 0, `${part} is ${over} pixels wider than a ${name} window`);
      await look.keep(`${name}${part === "/" ? "-overview" : part?.replace("/", "-")}`);
    }
  }
});

test("the first thing that a keyboard finds leads past the navigation", async () => {
  await using look = await world.look("/");
  const { page } = look;
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "To the content");
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => url.hash === "#content");
});

test("where tokens are needed the page asks for one, and lets nobody else in", async () => {
  let token = "";
  await using locked = await World.open((it) => (token = it));
  await using look = await locked.look("/deletions");
  const { page } = look;
  await page.waitForURL(`${locked.url}/login`);
  await look.keep("login");
  const enter = async (text: string) => {
    await page.getByLabel("Token").fill(text);
    await look.button("Enter").click();
  };
  await enter("not a token");
  await page.getByRole("alert").getByText("This token opens nothing.").waitFor();
  await look.keep("login-refused");
  await enter(token);
  await page.waitForURL(`${locked.url}/`);
  await page.getByRole("heading", { name: "Overview" }).waitFor();

  // The scripts of the page speak for whoever came in, and no script can read how.
  await page.goto(`${locked.url}/deletions`);
  await look.plan("path = 'noon.mp4'");
  await look.dialog.getByRole("button", { name: "Delete", exact: true }).click();
  await page.waitForURL(/\/deletions\/./);
  await page.getByText("by berta").waitFor();
  assert.equal(await page.evaluate(() => document.cookie), "");

  await page.goto(`${locked.url}/logout`);
  await page.waitForURL(`${locked.url}/login`);
  await page.goto(`${locked.url}/jobs`);
  await page.waitForURL(`${locked.url}/login`);
});
