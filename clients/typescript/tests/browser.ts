/** The page of a server of its own in a real browser, with what tests of it share. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { type Browser, chromium, type Locator, type Page } from "playwright-core";

import { answered, connect, isOngoing, type Metalith, type Schemas } from "../src/index.ts";
import { Folder, needed, Served } from "./served.ts";

const SCREENSHOTS = needed("METALITH_SCREENSHOTS");
/** Long enough for a busy machine. */
const PATIENCE = 30_000;
/** Nothing but the page is to be loaded or asked for. */
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const FEATURES = `
[[features]]
key = "video/raw"
id_columns = ["path"]
fields = ["content"]
description = "Files as they came."

[[features]]
key = "video/crop"
id_columns = ["path"]
deps = ["video/raw"]
fields = ["content"]

[[features]]
key = "video/face"
id_columns = ["path"]
deps = ["video/crop", "video/raw"]
fields = ["content"]
`;

/** A registry with three videos, its server, and a browser. */
export class World implements AsyncDisposable {
  readonly url: string;
  readonly metalith: Metalith;
  readonly #browser: Browser;
  readonly #folder: Folder;
  readonly #stack: AsyncDisposableStack;

  private constructor(folder: Folder, url: string, browser: Browser, stack: AsyncDisposableStack) {
    this.#folder = folder;
    this.url = url;
    this.metalith = connect({ url });
    this.#browser = browser;
    this.#stack = stack;
  }

  /** With a key, nobody gets in who has no token; `key` is told one. */
  static async open(key?: (token: string) => void): Promise<World> {
    mkdirSync(SCREENSHOTS, { recursive: true });
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(new Folder());
    const objects = pathToFileURL(join(folder.path, "objects", "synthetic"));
    folder.write("metalith.toml", `project = "page"\n[registry]\nobjects = "${objects}"\n`);
    folder.write("features.toml", FEATURES);
    const lines = ["dawn", "noon", "dusk"].map((name) => `${name}.mp4,${name}\n`);
    folder.write("raw.csv", `path,metaxy_provenance_by_field.content\n${lines.join("")}`);
    folder.run("metadata", "write", "video/raw", "raw.csv");
    key?.(folder.run("token", "add", "berta", "--role", "admin").trim());
    const { url } = stack.use(await Served.start(folder));
    const executablePath = needed("METALITH_CHROMIUM");
    const browser = await chromium.launch({ executablePath, args: FLAGS });
    stack.defer(() => browser.close());
    return new World(folder, url, browser, stack.move());
  }

  /** A page of its own. */
  async look(path: string, options: Parameters<Browser["newPage"]>[0] = {}): Promise<Look> {
    const viewport = { width: 1280, height: 800 };
    const page = await this.#browser.newPage({ viewport, ...options });
    const look = new Look(page, this.url);
    await page.goto(this.url + path);
    return look;
  }

  /** Where the objects of datasets are. */
  get objects(): string {
    return join(this.#folder.path, "objects", "synthetic");
  }

  /** How many objects a dataset has. */
  files(dataset: string): number {
    try {
      const options = { recursive: true, withFileTypes: true } as const;
      return readdirSync(join(this.objects, dataset), options).filter((it) => it.isFile()).length;
    } catch {
      return 0;
    }
  }

  /** A job that made a dataset of some samples, with three objects each. */
  async made(name: string, samples: number): Promise<{ job: string; dataset: string }> {
    const config = { dataset_name: name, num_samples: samples };
    const body = { name: `make ${name}`, kind: "iq_raw", config };
    const begun = answered(await this.metalith.POST("/api/v1/jobs/synthetic", { body }));
    if (isOngoing(begun)) throw new Error(begun.message);
    const job = await this.#over(begun.job_id);
    assert.equal(job.status, "completed", job.error ?? "");
    return { job: job.job_id, dataset: String(job.config["dataset_id"]) };
  }

  async #over(id: string): Promise<Schemas["JobView"]> {
    const params = { path: { job_id: id } };
    for (;;) {
      const job = answered(
        await this.metalith.GET("/api/v1/jobs/synthetic/{job_id}", { params }),
      );
      if (job.finished_at != null) return job;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async jobs(): Promise<string[]> {
    const { items } = answered(await this.metalith.GET("/api/v1/jobs/synthetic"));
    return items.map(({ name }) => name);
  }

  async datasets(): Promise<string[]> {
    const { items } = answered(await this.metalith.GET("/api/v1/jobs/synthetic/datasets"));
    return items.map(({ name }) => name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** A page in which nothing may go wrong unseen. */
export class Look implements AsyncDisposable {
  readonly page: Page;
  readonly #complaints: string[] = [];

  constructor(page: Page, url: string) {
    this.page = page;
    page.setDefaultTimeout(PATIENCE);
    page.on("pageerror", (error) => this.#complaints.push(String(error)));
    page.on("console", (message) => {
      // A refusal is told on the page; the browser tells it here as well.
      const isRefusal = /status of 4\d\d/.test(message.text());
      if (message.type() === "error" && !isRefusal) this.#complaints.push(message.text());
    });
    page.on("request", (request) => {
      const address = request.url();
      if (!address.startsWith(url) && !address.startsWith("data:")) {
        this.#complaints.push(`it asks ${address}`);
      }
    });
  }

  /** The dialog in which a deletion is looked at. */
  get dialog(): Locator {
    return this.page.getByRole("dialog");
  }

  /** The button that deletes. */
  get yes(): Locator {
    return this.dialog.getByRole("button", { name: "Delete for good" });
  }

  /** A button of the page itself. */
  button(name: string): Locator {
    return this.page.getByRole("main").getByRole("button", { name });
  }

  /** The line of a table that has a text. */
  line(text: string): Locator {
    return this.page.locator("main tbody tr", { hasText: text });
  }

  /** Opens the dialog for what a line is about. */
  async delete(text: string): Promise<void> {
    await this.line(text).getByRole("button", { name: "Delete…" }).click();
  }

  /** Fills the form that plans a deletion of samples, and sends it. */
  async plan(filter: string, reason = ""): Promise<void> {
    await this.page.getByLabel("Feature").selectOption("video/raw");
    await this.page.getByLabel("Filter").fill(filter);
    await this.page.getByLabel("Reason").fill(reason);
    await this.page.getByRole("button", { name: "Plan…" }).click();
  }

  /** Keeps how it looks. */
  async keep(name: string): Promise<void> {
    await this.page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.close();
    assert.deepEqual(this.#complaints, []);
  }
}
