/**
 * Entries that are never changed or removed, only marked as deleted.
 *
 * A deletion here is a row too, a tombstone, written by the server beside the entry. So there is
 * no second kind of entity to look up, and nothing to subtract on this side: who reads gets what
 * is active, who audits gets the tombstones, and taking a deletion back keeps both of them.
 *
 * ANNA and BEN are tokens of two spaces; see the README of the project `examples/markers`.
 */
import {
  answered,
  connect,
  isOngoing,
  type Metalith,
  ProblemError,
  quoted,
  type Schemas,
} from "../src/index.ts";

/** What a tombstone says. */
interface Marker {
  key: string;
  deletion: string;
  deletedBy: string;
  deletedAt: string;
  reason: string | null;
}

/** The entries of a feature, and what became of them. */
class Entries {
  readonly #metalith: Metalith;
  readonly #feature: string;

  constructor(metalith: Metalith, feature: string) {
    this.#metalith = metalith;
    this.#feature = feature;
  }

  /** Marks an entry as deleted. The id that comes back is the way to take it back. */
  async delete(key: string, reason: string): Promise<string> {
    const filters = [`key = ${quoted(key)}`];
    const plan = answered(
      await this.#metalith.POST("/api/v1/deletions/plans", {
        body: { feature: this.#feature, filters, mode: "soft", reason },
      }),
    );
    if (isOngoing(plan)) throw new Error(plan.message);
    if (plan.samples === 0) throw new Error(`there is no \`${key}\``);
    const done = answered(
      await this.#metalith.POST("/api/v1/deletions/plans/{deletion}/execute", {
        params: { path: { deletion: plan.id } },
      }),
    );
    if (isOngoing(done)) throw new Error(done.message);
    return done.deletion;
  }

  /** The keys of the entries that are not deleted. */
  async active(filter?: string): Promise<string[]> {
    const columns = "key";
    const rows = await this.#rows(filter === undefined ? { columns } : { columns, filter });
    return rows.map((row) => String(row["key"]));
  }

  /** The tombstones that hide something now: who deleted what, when and why. */
  async markers(): Promise<Marker[]> {
    const filter = "metaxy_deleted_at IS NOT NULL";
    const columns =
      "key,metaxy_deleted_at,metalith_deletion_id,metalith_deleted_by,metalith_deletion_reason";
    const rows = await this.#rows({ filter, columns, include_deleted: true });
    return rows.map((row) => ({
      key: String(row["key"]),
      deletion: String(row["metalith_deletion_id"]),
      deletedBy: String(row["metalith_deleted_by"]),
      deletedAt: String(row["metaxy_deleted_at"]),
      reason: (row["metalith_deletion_reason"] ?? null) as string | null,
    }));
  }

  /** What the audit log has about a deletion, which stays when the deletion is taken back. */
  async audit(deletion: string): Promise<Schemas["EntryView"][]> {
    const path = { deletion };
    const found = answered(
      await this.#metalith.GET("/api/v1/deletions/{deletion}", { params: { path } }),
    );
    return found.entries;
  }

  /** Takes a deletion back; says how many entries are there again. */
  async undelete(deletion: string): Promise<number> {
    const restored = answered(
      await this.#metalith.POST("/api/v1/deletions/{deletion}/restore", {
        params: { path: { deletion } },
        body: {},
      }),
    );
    if (isOngoing(restored)) throw new Error(restored.message);
    return restored.reduce((sum, { samples }) => sum + samples, 0);
  }

  async #rows(query: { filter?: string; columns?: string; include_deleted?: boolean }) {
    const path = { feature: this.#feature };
    const found = answered(
      await this.#metalith.GET("/api/v1/features/{feature}/samples", { params: { path, query } }),
    );
    return found.items;
  }
}

function say(what: string, keys: string[]): void {
  console.log(`${what}: ${keys.join(", ") || "none"}`);
}

const url = process.env["METALITH_URL"] ?? "http://localhost:8002";
const north = connect({ url, token: process.env["ANNA"] });
const listings = new Entries(north, "listing");
const others = new Entries(connect({ url, token: process.env["BEN"] }), "listing");

say("listed", await listings.active());
say("marked", (await listings.markers()).map(({ key }) => key));
const deletion = await listings.delete("kiln", "out of order");
say("listed after a deletion", await listings.active());
for (const { key, deletedBy, reason } of await listings.markers()) {
  console.log(`${key} was deleted by ${deletedBy}, because: ${reason}`);
}

// The same key in another space is another entry, and nothing here is known there.
say("listed elsewhere", await others.active());
try {
  await others.undelete(deletion);
} catch (error) {
  if (!(error instanceof ProblemError)) throw error;
  console.log(`taken back from elsewhere: ${error.problem.status}`);
}

console.log(`taken back: ${await listings.undelete(deletion)}`);
say("listed at last", await listings.active());
say("marked at last", (await listings.markers()).map(({ key }) => key));
say("in the audit log", (await listings.audit(deletion)).map(({ event }) => event));

// Where an entry says itself whether it counts, its latest row decides.
say("followed", await new Entries(north, "follow").active());
